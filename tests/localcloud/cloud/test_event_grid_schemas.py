import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from localcloud.event_grid.events import Event, InvalidEvent, Schema, parse_event, registry_event
from localcloud.registry.events import RegistryEvent

EVENTS = Path(__file__).resolve().parents[3] / "../shared/events"
TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/local"


def raised(action: Literal["push", "delete"], *, tag: str | None = "1.0", digest: str | None = "sha256:aa") -> Event:
    event = RegistryEvent(
        action=action,
        repository="prod/api",
        tag=tag if action == "push" else None,
        digest=digest,
        media_type="application/vnd.oci.image.manifest.v1+json",
        size=1153 if action == "push" else None,
        at=datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC),
        request_id="9f8fa9d4-5b86-4066-b805-e406f321c7d6",
        host="contoso.azurecr.io",
        method="PUT" if action == "push" else "DELETE",
        user_agent="docker/27",
    )
    return registry_event(event, topic=TOPIC, location="westus")


def sample(name: str) -> Any:
    path = EVENTS / name
    if not path.exists():
        pytest.skip("the shared event samples are not there")
    return json.loads(path.read_text())


def shape(value: Any) -> Any:
    """Return the names, their order and the kinds of values."""
    if isinstance(value, dict):
        return [(name, shape(each)) for name, each in value.items() if name != "connectedRegistry"]
    return type(value).__name__


@pytest.mark.parametrize(
    ("file", "action", "schema"),
    [
        ("acr-image-pushed.eventgrid.json", "push", Schema.EVENT_GRID),
        ("acr-image-pushed.cloudevent.json", "push", Schema.CLOUD_EVENTS),
        ("acr-image-deleted.eventgrid.json", "delete", Schema.EVENT_GRID),
    ],
)
def test_raised_event_has_the_shape_of_the_recorded_one(
    file: str, action: Literal["push", "delete"], schema: Schema
) -> None:
    assert shape(raised(action).rendered(schema)) == shape(sample(file))


def test_push_by_digest_names_the_repository_alone_and_no_tag() -> None:
    event = raised("push", tag=None)
    assert event.subject == "prod/api"
    assert "tag" not in event.content["target"]


def test_delete_of_a_repository_has_no_digest() -> None:
    assert set(raised("delete", digest=None).content["target"]) == {"mediaType", "repository"}


def test_event_and_its_content_carry_the_same_id_and_times_of_seven_digits() -> None:
    event = raised("push").rendered(Schema.EVENT_GRID)
    assert event["id"] == event["data"]["id"]
    assert event["data"]["timestamp"] == "2026-01-02T03:04:05.6789000Z"
    assert event["eventTime"] == "2026-01-02T03:04:05.8689000Z"


@pytest.mark.parametrize("schema", list(Schema))
def test_event_read_back_is_the_same(schema: Schema) -> None:
    event = raised("push")
    again = parse_event(event.rendered(schema))
    assert again.rendered(schema) == event.rendered(schema)


def test_text_content_is_the_same_json_in_a_string() -> None:
    event = raised("push")
    assert json.loads(event.with_text_content().rendered(Schema.EVENT_GRID)["data"]) == event.content


@pytest.mark.parametrize(
    ("change", "named"),
    [({"id": ""}, "id"), ({"specversion": "0.3"}, "specversion"), ({"time": "soon"}, "soon"), ({"type": 1}, "type")],
)
def test_broken_event_is_refused_by_the_member_that_is_wrong(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidEvent, match=named):
        parse_event({**raised("push").rendered(Schema.CLOUD_EVENTS), **change})
