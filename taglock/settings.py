"""The app's settings, read once from the environment; all problems at once, each with the name of its setting."""

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from taglock.domain.http.own_api import OF_COMMANDS
from taglock.domain.http.principal import HttpAuth
from taglock.domain.reference import LoginServer, login_server
from taglock.domain.rule import Mode
from taglock.errors import InvalidConfiguration, InvalidInput, Problem, shortened

REGISTRIES = "TAGLOCK_REGISTRIES"
MODE = "TAGLOCK_MODE"
RULES = "TAGLOCK_RULES"
LEDGER = "TAGLOCK_LEDGER"
TOPIC_ENDPOINT = "TAGLOCK_TOPIC_ENDPOINT"
MAX_CLOSURE = "TAGLOCK_MAX_CLOSURE"
CLOUD = "TAGLOCK_CLOUD"
REGISTRY_TIER = "TAGLOCK_REGISTRY_TIER"
REGISTRY_SHARE = "TAGLOCK_REGISTRY_SHARE"
ARM_ENDPOINT = "TAGLOCK_ARM_ENDPOINT"
SUBSCRIPTIONS = "TAGLOCK_SUBSCRIPTIONS"
DEFAULT_REGISTRY = "TAGLOCK_DEFAULT_REGISTRY"
AUDIT_SCHEDULE = "TAGLOCK_AUDIT_SCHEDULE"  # for the host, in the timer's binding
AUDIT_REPAIR = "TAGLOCK_AUDIT_REPAIR"
AUDIT_GRACE = "TAGLOCK_AUDIT_GRACE"
MAX_ACTIONS = "TAGLOCK_MAX_ACTIONS"
TELEMETRY = "TAGLOCK_TELEMETRY"
HTTP_AUTH = "TAGLOCK_HTTP_AUTH"
TWO_PERSON_LIFT = "TAGLOCK_TWO_PERSON_LIFT"
MAX_GRANT = "TAGLOCK_MAX_GRANT"
NAMES = (
    *(REGISTRIES, MODE, RULES, LEDGER, TOPIC_ENDPOINT, MAX_CLOSURE, CLOUD, REGISTRY_TIER, REGISTRY_SHARE),
    *(ARM_ENDPOINT, SUBSCRIPTIONS, DEFAULT_REGISTRY),
    *(AUDIT_SCHEDULE, AUDIT_REPAIR, AUDIT_GRACE, MAX_ACTIONS, TELEMETRY),
    *(HTTP_AUTH, TWO_PERSON_LIFT, MAX_GRANT),
)
# Set by Azure Functions and its hosting, not by our users.
STORAGE_ACCOUNT = "AzureWebJobsStorage__accountName"
TABLE_SERVICE = "AzureWebJobsStorage__tableServiceUri"
INSTANCE = "WEBSITE_INSTANCE_ID"
CLIENT_ID = "AZURE_CLIENT_ID"
PLATFORM_AUTH = "WEBSITE_AUTH_ENABLED"

DEFAULT_SQLITE = ".taglock/ledger.sqlite"
LARGEST_CLOSURE = 100_000
LONGEST_GRACE_MINUTES = 1_440
MOST_ACTIONS = 10_000_000
GRACE_EXPECTED = f"a whole number of minutes from 1 to {LONGEST_GRACE_MINUTES}"
LONGEST_GRANT_MINUTES = 10_080
GRANT_EXPECTED = f"a whole number of minutes from 1 to {LONGEST_GRANT_MINUTES}"
ACTIONS_EXPECTED = f"a number from 1 to {MOST_ACTIONS}"
SUBSCRIPTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
SUBSCRIPTIONS_EXPECTED = "subscription ids such as '0b1f6471-1bf0-4dda-aec3-cb9272f09590', separated by commas"
REGISTRIES_EXPECTED = "login servers such as 'contoso.azurecr.io', separated by commas"


class Cloud(StrEnum):
    """Which Azure the registries live in."""

    PUBLIC = "public"
    CHINA = "china"
    USGOV = "usgov"


AUDIENCES: Mapping[Cloud, str] = MappingProxyType(
    {
        Cloud.PUBLIC: "https://containerregistry.azure.net",
        Cloud.CHINA: "https://management.chinacloudapi.cn",
        Cloud.USGOV: "https://management.usgovcloudapi.net",
    }
)
"""The Entra resource whose token a registry exchanges (azure-containerregistry samples, `get_audience`)."""

TABLE_SUFFIXES: Mapping[Cloud, str] = MappingProxyType(
    {
        Cloud.PUBLIC: "table.core.windows.net",
        Cloud.CHINA: "table.core.chinacloudapi.cn",
        Cloud.USGOV: "table.core.usgovcloudapi.net",
    }
)

ARM_ENDPOINTS: Mapping[Cloud, str] = MappingProxyType(
    {
        Cloud.PUBLIC: "https://management.azure.com",
        Cloud.CHINA: "https://management.chinacloudapi.cn",
        Cloud.USGOV: "https://management.usgovcloudapi.net",
    }
)
"""Azure Resource Manager of each cloud (azure-identity's and the Azure CLI's own constants)."""


class Tier(StrEnum):
    """The registries' service tier: Premium allows twice the requests (https://aka.ms/acr/skus)."""

    BASIC = "basic"
    STANDARD = "standard"
    PREMIUM = "premium"


class AuditRepair(StrEnum):
    """What an audit mends by itself."""

    NONE = "none"
    LOCKS = "locks"


class Telemetry(StrEnum):
    """How the app tells of itself beside its log lines."""

    OFF = "off"
    OPENTELEMETRY = "opentelemetry"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. `ledger` is an https URL of a table service or the path of a SQLite file."""

    registries: Mapping[str, LoginServer]
    mode: Mode
    rules: Path
    ledger: str
    topic_endpoint: str | None
    max_closure: int
    cloud: Cloud
    registry_tier: Tier
    registry_share: float
    client_id: str | None
    arm_endpoint: str
    subscriptions: tuple[str, ...]
    default_registry: LoginServer | None
    audit_repair: AuditRepair
    audit_grace: timedelta
    max_actions: int
    telemetry: Telemetry
    http_auth: HttpAuth
    two_person_lift: bool
    max_grant: timedelta
    audit_schedule: str
    """As it is set: the Functions host reads it, and the doctor judges it."""
    platform_auth: bool
    """App Service Authentication stands in front of the HTTP functions."""

    @property
    def audience(self) -> str:
        """The Entra resource to ask a registry token for."""
        return AUDIENCES[self.cloud]


def read_settings(environment: Mapping[str, str], *, folder: Path) -> Settings:
    """Read the settings; relative paths are relative to `folder`. Raises InvalidConfiguration with all problems."""
    reader = _Reader(environment)
    cloud = reader.value(CLOUD, Cloud, "public, china or usgov", default=Cloud.PUBLIC)
    settings = Settings(
        registries=reader.value(REGISTRIES, _registries, REGISTRIES_EXPECTED, default=MappingProxyType({})),
        mode=reader.value(MODE, Mode, "enforce or report", default=Mode.REPORT),
        rules=folder / reader.text(RULES, default="lock_rules.toml"),
        ledger=_ledger(reader, cloud, folder),
        topic_endpoint=reader.value(TOPIC_ENDPOINT, _https, "an https URL", default=None),
        max_closure=reader.value(MAX_CLOSURE, _closure, f"a number from 1 to {LARGEST_CLOSURE}", default=10_000),
        cloud=cloud,
        registry_tier=reader.value(REGISTRY_TIER, Tier, "basic, standard or premium", default=Tier.STANDARD),
        registry_share=reader.value(REGISTRY_SHARE, _share, "a number above 0 and up to 1", default=0.8),
        client_id=reader.text(CLIENT_ID, default="") or None,
        arm_endpoint=reader.value(ARM_ENDPOINT, _https, "an https URL", default=ARM_ENDPOINTS[cloud]),
        subscriptions=reader.value(SUBSCRIPTIONS, _subscriptions, SUBSCRIPTIONS_EXPECTED, default=()),
        default_registry=reader.value(DEFAULT_REGISTRY, _default_registry, "a login server", default=None),
        audit_repair=reader.value(AUDIT_REPAIR, AuditRepair, "none or locks", default=AuditRepair.NONE),
        audit_grace=reader.value(AUDIT_GRACE, _grace, GRACE_EXPECTED, default=timedelta(minutes=15)),
        max_actions=reader.value(MAX_ACTIONS, _actions, ACTIONS_EXPECTED, default=200),
        telemetry=reader.value(TELEMETRY, Telemetry, "off or opentelemetry", default=Telemetry.OFF),
        http_auth=reader.value(HTTP_AUTH, HttpAuth, "entra or key", default=HttpAuth.KEY),
        two_person_lift=reader.value(TWO_PERSON_LIFT, _truth, "true or false", default=False),
        max_grant=reader.value(MAX_GRANT, _grant, GRANT_EXPECTED, default=timedelta(hours=8)),
        audit_schedule=reader.text(AUDIT_SCHEDULE),
        platform_auth=reader.text(PLATFORM_AUTH).lower() == "true",
    )
    if settings.default_registry is not None and settings.default_registry not in settings.registries.values():
        expected = "one of TAGLOCK_REGISTRIES"
        reader.add(Problem(DEFAULT_REGISTRY, f"{shortened(settings.default_registry)}, expected {expected}", expected))
    reader.finish()
    return settings


class _Reader:
    """Reads single settings and collects what is wrong; a wrong value reads as its default until `finish`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[Problem | None] = [_stray(name) for name in sorted(environment) if _is_ours(name)]

    def text(self, name: str, *, default: str = "") -> str:
        return self._environment.get(name, "").strip() or default

    def value[T](self, name: str, parse: Callable[[str], T], expected: str, *, default: T) -> T:
        text = self.text(name)
        try:
            return parse(text) if text else default
        except InvalidInput as error:
            self.add(*error.problems)
        except ValueError:
            self.add(Problem(name, f"{shortened(text)}, expected {expected}", expected))
        return default

    def add(self, *problems: Problem) -> None:
        self._problems += problems

    def finish(self) -> None:
        if not self.text(REGISTRIES):
            self.add(Problem(REGISTRIES, f"not set, expected {REGISTRIES_EXPECTED}", REGISTRIES_EXPECTED))
        problems = [problem for problem in self._problems if problem is not None]
        if problems:
            raise InvalidConfiguration(*problems)


def _is_ours(name: str) -> bool:
    return name.upper().startswith("TAGLOCK_")


def _stray(name: str) -> Problem | None:
    """Return the problem of a name that looks like ours and is none: a typing mistake would silently do nothing."""
    if name in (*NAMES, *OF_COMMANDS):
        return None
    nearest = difflib.get_close_matches(name, NAMES, n=1)
    expected = f"a setting of docs/settings.md{f'; did you mean {nearest[0]}?' if nearest else ''}"
    return Problem(name, f"unknown setting, expected {expected}", expected)


def _registries(text: str) -> Mapping[str, LoginServer]:
    """Return resource name in lower case -> login server; the name is the server's first label unless it is given."""
    registries: dict[str, LoginServer] = {}
    problems: list[Problem] = []
    for position, entry in enumerate(each.strip() for each in text.split(",") if each.strip()):
        name, equals, server = entry.partition("=")
        path = f"{REGISTRIES}[{position}]"
        try:
            known = login_server((server if equals else entry).strip(), path)
        except InvalidInput as error:
            problems += error.problems
            continue
        key = (name.strip() if equals else known.partition(".")[0]).lower()
        if key in registries:
            problems.append(Problem(path, f"{shortened(key)} twice, expected each registry once", "each registry once"))
        registries[key] = known
    if problems:
        raise InvalidConfiguration(*problems)
    if not registries:
        raise ValueError(text)
    return MappingProxyType(registries)


def _default_registry(text: str) -> LoginServer:
    return login_server(text, DEFAULT_REGISTRY)


def _ledger(reader: _Reader, cloud: Cloud, folder: Path) -> str:
    """Return where the ledger is: as set, else the app's own storage account, else a file on this machine."""
    chosen = reader.text(LEDGER) or reader.text(TABLE_SERVICE)
    account = reader.text(STORAGE_ACCOUNT)
    if not chosen and account:
        chosen = f"https://{account}.{TABLE_SUFFIXES[cloud]}"
    if chosen.startswith(("https://", "http://127.0.0.1:")):
        return chosen
    expected = "the https URL of a table service: a file of one instance is lost with it"
    if "://" in chosen or reader.text(INSTANCE):
        reader.add(Problem(LEDGER, f"{shortened(chosen or DEFAULT_SQLITE)}, expected {expected}", expected))
    return chosen if chosen == ":memory:" else str(folder / (chosen or DEFAULT_SQLITE))


def _https(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(text)
    return text


def _subscriptions(text: str) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(each.strip().lower() for each in text.split(",") if each.strip()))
    if not all(SUBSCRIPTION.fullmatch(each) for each in ids):
        raise ValueError(text)
    return ids


def _closure(text: str) -> int:
    number = int(text)
    if not 1 <= number <= LARGEST_CLOSURE:
        raise ValueError(text)
    return number


def _grace(text: str) -> timedelta:
    minutes = int(text)
    if not 1 <= minutes <= LONGEST_GRACE_MINUTES:
        raise ValueError(text)
    return timedelta(minutes=minutes)


def _grant(text: str) -> timedelta:
    minutes = int(text)
    if not 1 <= minutes <= LONGEST_GRANT_MINUTES:
        raise ValueError(text)
    return timedelta(minutes=minutes)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _actions(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_ACTIONS:
        raise ValueError(text)
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise ValueError(text)
    return number
