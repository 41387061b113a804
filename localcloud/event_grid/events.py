"""Events as Event Grid keeps them, and as it writes them in either schema."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from localcloud.registry.events import RegistryEvent

_CLOUD_EVENT = frozenset({"specversion", "id", "source", "subject", "type", "time", "data"})


class Schema(StrEnum):
    """How a subscription wants its events."""

    EVENT_GRID = "EventGridSchema"
    CLOUD_EVENTS = "CloudEventSchemaV1_0"


class InvalidEvent(ValueError):
    """A JSON object is not an event in either schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; `content` is its `data`, an object, or text when the source encoded it once more.

    `channel` is the custom topic it came through, empty for Azure's own topics. `extensions` are the further members
    of a CloudEvent (`datacontenttype`, `dataschema`, extension attributes), which the other schema has no place for.
    """

    id: str
    topic: str
    subject: str
    type: str
    time: datetime
    content: Any
    data_version: str = "1"
    channel: str = ""
    extensions: Mapping[str, Any] = field(default_factory=dict)

    def with_text_content(self) -> "Event":
        """Return the same event with its data as a JSON string, as some sources publish it."""
        return replace(self, content=json.dumps(self.content))

    def rendered(self, schema: Schema) -> dict[str, Any]:
        """Return the event as a JSON object of the schema."""
        if schema is Schema.CLOUD_EVENTS:
            return {
                "source": self.topic,
                "subject": self.subject,
                "type": self.type,
                "time": stamp(self.time),
                "id": self.id,
                "data": self.content,
                "specversion": "1.0",
                **self.extensions,
            }
        return {
            "id": self.id,
            "topic": self.topic,
            "subject": self.subject,
            "eventType": self.type,
            "eventTime": stamp(self.time),
            "data": self.content,
            "dataVersion": self.data_version,
            "metadataVersion": "1",
        }


def stamp(moment: datetime) -> str:
    """Return the moment as Azure writes it, with seven digits of a second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def registry_event(event: RegistryEvent, *, topic: str, location: str) -> Event:
    """Return what the registry's system topic publishes for a push or a delete."""
    identity = str(uuid.uuid4())
    pushed = event.action == "push"
    return Event(
        id=identity,
        topic=topic,
        subject=f"{event.repository}:{event.tag}" if pushed and event.tag is not None else event.repository,
        type=f"Microsoft.ContainerRegistry.Image{'Pushed' if pushed else 'Deleted'}",
        time=event.at + timedelta(milliseconds=190),  # the recorded gap between a push and its event
        content={
            "id": identity,
            "timestamp": stamp(event.at),
            "action": event.action,
            "location": location,
            "target": _target(event),
            "request": {
                "id": event.request_id,
                "host": event.host,
                "method": event.method,
                "useragent": event.user_agent,
            },
        },
        data_version="2.0",
    )


def parse_event(tree: Mapping[str, Any]) -> Event:
    """Read an event of either schema; InvalidEvent names the first member that is missing or of the wrong type."""
    cloud = "specversion" in tree
    if cloud and tree["specversion"] != "1.0":
        raise InvalidEvent(f"specversion {tree['specversion']!r}: expected '1.0'")
    names = ("source", "type", "time") if cloud else ("topic", "eventType", "eventTime")
    topic, kind, time = (_text(tree, name) for name in names)
    return Event(
        id=_text(tree, "id"),
        topic=topic,
        subject=str(tree.get("subject", "")),
        type=kind,
        time=_moment(time),
        content=tree.get("data"),
        data_version=str(tree.get("dataVersion", "1")),
        extensions={name: value for name, value in tree.items() if name not in _CLOUD_EVENT} if cloud else {},
    )


def _target(event: RegistryEvent) -> dict[str, Any]:
    sized = {} if event.size is None else {"size": event.size}
    digested = {} if event.digest is None else {"digest": event.digest}
    measured = {} if event.size is None else {"length": event.size}
    tagged = {} if event.tag is None else {"tag": event.tag}
    return {"mediaType": event.media_type, **sized, **digested, **measured, "repository": event.repository, **tagged}


def _text(tree: Mapping[str, Any], name: str) -> str:
    value = tree.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidEvent(f"{name} {value!r}: expected text")
    return value


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidEvent(f"time {text!r}: expected an ISO 8601 moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
