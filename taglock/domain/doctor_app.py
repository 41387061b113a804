"""Whether the app's own parts are as they should be: settings, rules, ledger, topic, HTTP authorisation."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from taglock.domain.doctor import Check, Question
from taglock.domain.rule import Mode, RuleSet
from taglock.errors import InvalidInput

CLOUD_EVENTS = "CloudEventSchemaV1_0"
"""The one input schema that takes what the app publishes; a topic with another one drops or refuses it."""

SETTINGS = Question(name="settings", source="environment")
RULES = Question(name="rules", source="rule file")
LEDGER = Question(name="ledger", source="ledger")
TOPIC = Question(name="topic", source="TAGLOCK_TOPIC_ENDPOINT")
TOPIC_SCHEMA = Question(name="topic-schema", source="Azure Resource Manager")
HTTP_AUTHORISATION = Question(name="http-authorisation", source="TAGLOCK_HTTP_AUTH, WEBSITE_AUTH_ENABLED")


class TopicResource(msgspec.Struct, frozen=True, kw_only=True):
    """A custom topic as Azure Resource Manager shows it."""

    endpoint: str
    input_schema: str


class HttpAuthorisation(msgspec.Struct, frozen=True, kw_only=True):
    """How the HTTP functions are guarded: as configured, and what the platform in front of them does."""

    wanted: str
    """`entra`, `key`, or '' where nothing is configured."""
    platform: bool
    """App Service Authentication is on (WEBSITE_AUTH_ENABLED)."""


def settings_check(error: InvalidInput | None, mode: Mode | None = None) -> Check:
    """Judge the settings: usable or not, with every problem."""
    if error is not None:
        problems = "; ".join(str(problem) for problem in error.problems)
        return SETTINGS.fail(problems, "mend them (docs/settings.md); every invocation fails until then")
    return SETTINGS.ok(f"usable, mode {mode}")


def rules_check(rules: RuleSet, changed_at: datetime | None, now: datetime) -> Check:
    """Judge a rule file that could be read; reading it has tried its examples."""
    age = f", {age_text(now - changed_at)} old" if changed_at is not None else ""
    found = f"{len(rules.rules)} rules, {len(rules.examples)} examples hold{age}"
    if not rules.rules:
        return RULES.fail(found, "write rules (docs/rules.md): nothing is protected")
    if not rules.examples:
        return RULES.warn(found, "add an [[example]] for each kind of tag, so that a mistake is found when it is made")
    return RULES.ok(found)


def rules_broken(error: InvalidInput) -> Check:
    """Judge a rule file that cannot be used."""
    problems = "; ".join(str(problem) for problem in error.problems)
    return RULES.fail(problems, "mend it: python -m taglock check; events wait as due work until then")


def ledger_check(place: str) -> Check:
    """Judge a ledger that was read; `place` is the URL of a table service or the path of a file."""
    if place.startswith("http"):
        return LEDGER.ok(f"Azure Tables at {place}: readable, of this version")
    return LEDGER.ok(f"SQLite file {place}: readable, of this version")


def ledger_broken(place: str, reason: str) -> Check:
    """Judge a ledger that cannot be read, or that a newer version has written."""
    return LEDGER.fail(
        f"{place}: {reason}",
        "give the app's identity Storage Table Data Contributor, or deploy the version that wrote the ledger",
    )


def schema_check(endpoint: str, topics: Sequence[TopicResource]) -> Check:
    """Judge the topic's input schema: an event in another schema than the topic's is not delivered."""
    wanted = _host(endpoint)
    found = next((topic for topic in topics if _host(topic.endpoint) == wanted), None)
    if found is None:
        return TOPIC_SCHEMA.unknown(
            f"no topic at {wanted} in the configured subscriptions, and nothing is published to try it",
            "name its subscription in TAGLOCK_SUBSCRIPTIONS",
        )
    if found.input_schema == CLOUD_EVENTS:
        return TOPIC_SCHEMA.ok(f"{wanted} takes {CLOUD_EVENTS}")
    return TOPIC_SCHEMA.fail(
        f"{wanted} takes {found.input_schema or 'no schema that it tells'}, the app publishes {CLOUD_EVENTS}",
        f"make another topic with --input-schema {CLOUD_EVENTS.lower()}: a topic keeps the schema it was made with",
    )


def http_check(authorisation: HttpAuthorisation) -> Check:
    """Judge whether the HTTP functions are guarded as they are meant to be."""
    wanted, platform = authorisation.wanted, authorisation.platform
    match wanted, platform:
        case "entra", True:
            return HTTP_AUTHORISATION.ok("people sign in with Entra ID, in front of the app")
        case "entra", False:
            return HTTP_AUTHORISATION.fail(
                "Entra ID is wanted, and App Service Authentication is off: anybody could write the caller's name "
                "into a header",
                "turn App Service Authentication on, or set TAGLOCK_HTTP_AUTH=key",
            )
        case "key", _:
            return HTTP_AUTHORISATION.warn(
                "function keys: whoever has one may act, and nobody is named",
                "turn App Service Authentication on and set TAGLOCK_HTTP_AUTH=entra",
            )
    return HTTP_AUTHORISATION.unknown(
        f"TAGLOCK_HTTP_AUTH is not set; App Service Authentication is {'on' if platform else 'off'}",
        "set it to entra or key; function keys guard the HTTP functions meanwhile",
    )


def age_text(age: timedelta) -> str:
    """Return a time span in its largest whole unit, such as `3 days`."""
    seconds = int(age.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{max(seconds, 0)} seconds"


def _host(endpoint: str) -> str:
    return endpoint.partition("://")[2].partition("/")[0].lower().removesuffix(":443")
