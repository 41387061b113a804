"""The notification recipes understand what the app publishes, and say it without believing it."""

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from localcloud.tls import Authority
from taglock.domain.outbound import OutboundEvent
from tests.documents.event_types import ANNOUNCED, types_in_code
from tests.documents.pages import ROOT, page
from tests.documents.published import told
from tests.documents.workflow import Run
from tests.infra.bicep import template

FOLDER = ROOT / "infra/notifications"
CHANNELS = ("teams", "slack", "email")
HOOK = "https://hooks.example/secret"
VALUES: Mapping[str, Any] = {
    "webhookUrl": HOOK,
    "to": "ops@example.com",
    "$connections": {"office365": {"connectionId": "/connections/office365"}},
}
every_channel = pytest.mark.parametrize("channel", CHANNELS)


def definition(channel: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{channel}.json").read_text(encoding="utf-8"))
    return found


TITLES: Mapping[str, str] = definition("told")


def cloud_event(event: OutboundEvent) -> dict[str, Any]:
    """Return an event as the topic delivers it (CloudEvents 1.0, structured)."""
    around = {"specversion": "1.0", "id": event.id, "type": event.type, "source": event.source}
    return {**around, "subject": event.subject, "time": event.time.isoformat(), "data": dict(event.body)}


def sent(channel: str, event: Mapping[str, Any], *, as_bytes: bool = False) -> Any:
    """Return what a channel gets; `as_bytes` is a body whose content type the workflow does not know."""
    body: Any = event
    if as_bytes:
        content = b64encode(json.dumps(event).encode()).decode()
        body = {"$content-type": "application/cloudevents+json", "$content": content}
    return Run(body, {**VALUES, "titles": TITLES}).of(definition(channel))["body"]


SAMPLE = {
    "specversion": "1.0",
    "id": "1",
    "type": "Taglock.TagMoved",
    "source": "/registries/contoso.azurecr.io",
    "subject": "contoso.azurecr.io/prod/api:1.4.2",
    "time": "2026-03-01T12:00:00Z",
    "data": {"finding": "TAG_MOVED", "rule": "releases", "expected": "sha256:a", "observed": "[x](http://evil) <b> &"},
}


@every_channel
@pytest.mark.usefixtures("trusted")
async def test_every_event_that_is_told_is_said_with_title_and_subject(channel: str, authority: Authority) -> None:
    events = [event for event in await told(authority) if event.type in TITLES]
    assert {event.type for event in events} == set(TITLES) - ANNOUNCED
    for event in events:
        text = json.dumps(sent(channel, cloud_event(event)))
        assert TITLES[event.type] in text
        assert all(word in text for word in (event.subject, event.id, str(event.body.get("finding", ""))))


@every_channel
def test_a_body_of_an_unknown_content_type_is_read_all_the_same(channel: str) -> None:
    assert sent(channel, SAMPLE, as_bytes=True) == sent(channel, SAMPLE)


@every_channel
def test_a_type_without_a_title_is_told_by_its_name(channel: str) -> None:
    assert "Taglock.Unheard" in json.dumps(sent(channel, {**SAMPLE, "type": "Taglock.Unheard", "data": None}))


@every_channel
def test_only_known_types_are_told_and_every_title_differs(channel: str) -> None:
    assert set(TITLES) <= types_in_code() | ANNOUNCED
    assert len(set(TITLES.values())) == len(TITLES)
    assert "objectKeys(titles)" in template("notifications/channel.bicep").text
    assert f"json(loadTextContent('{channel}.json'))" in template(f"notifications/{channel}.bicep").text


@every_channel
def test_the_template_gives_every_parameter_of_the_definition(channel: str) -> None:
    text = template(f"notifications/{channel}.bicep").text
    wanted = set(definition(channel)["parameters"]) - {"titles"}
    assert {name for name in VALUES if f"      {name}: {{" in text or f"      '{name}': {{" in text} == wanted
    assert set(definition(channel)["triggers"]) == {"event"}
    assert "/triggers/event'" in template("notifications/channel.bicep").text


def test_teams_shows_values_as_they_are_and_never_as_markdown() -> None:
    (card,) = (each["content"] for each in sent("teams", SAMPLE)["attachments"])
    blocks = [each for each in card["body"] if each["type"] == "TextBlock"]
    assert [each["text"] for each in blocks] == [TITLES["Taglock.TagMoved"]]
    runs = [run["text"] for each in card["body"] if each["type"] == "RichTextBlock" for run in each["inlines"]]
    assert SAMPLE["data"]["observed"] in runs  # type: ignore[index]  # the sample's own shape


def test_slack_shows_plain_text_of_a_length_that_it_takes() -> None:
    body = sent("slack", {**SAMPLE, "data": {"observed": "x" * 9000}})
    assert {block["text"]["type"] for block in body["blocks"]} == {"plain_text"}
    assert max(len(block["text"]["text"]) for block in body["blocks"]) <= 3000
    assert len(body["blocks"][0]["text"]["text"]) <= 150


def test_mail_escapes_what_it_says() -> None:
    body = sent("email", SAMPLE)
    assert body["To"] == VALUES["to"]
    assert "[x](http://evil) &lt;b> &amp;" in body["Body"]


@pytest.mark.parametrize("channel", ["teams", "slack"])
def test_the_address_of_a_channel_is_secret_and_stays_out_of_the_run_history(channel: str) -> None:
    post = definition(channel)["actions"]["Post"]
    assert Run(SAMPLE, {**VALUES, "titles": TITLES}).of(definition(channel))["uri"] == HOOK
    assert post["runtimeConfiguration"]["secureData"]["properties"] == ["inputs"]
    assert definition(channel)["parameters"]["webhookUrl"] == {"type": "SecureString"}
    assert "@secure()\n@description('The address" in template(f"notifications/{channel}.bicep").text


def test_every_file_of_the_recipes_is_in_the_document() -> None:
    text = page("docs/notifications.md")
    assert {each.name for each in FOLDER.iterdir()} == {each.name for each in FOLDER.iterdir() if each.name in text}
    assert all(f"| `{name}` | {title} |" in text for name, title in TITLES.items())
    assert Path(FOLDER / "channel.bicep").is_file()
