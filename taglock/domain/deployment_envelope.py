"""The envelope of a deployment event, whatever its schema: Event Grid, CloudEvents 1.0 or a bare CDEvent."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from taglock.domain.arm_resource import parse_resource_id
from taglock.domain.envelope import (
    CLOCK_TOLERANCE,
    as_object,
    decoded,
    decoded_once,
    inner,
    optional_text,
    required_text,
    required_time,
)
from taglock.domain.event import NotForUs
from taglock.domain.reference import LoginServer
from taglock.errors import InvalidReference


class DeploymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What all events have, and the content that each type has for itself."""

    event_id: str
    event_type: str
    source: str
    occurred_at: datetime
    content: Mapping[str, object]
    path: str
    """Where the content is."""
    default_registry: LoginServer | None
    """The registry of a package URL that names none."""
    latest: datetime
    """No event counts as later than this: a wrong clock must not make one newest for ever."""

    def clamped(self, moment: datetime) -> datetime:
        """Return a time of the event, cut to what can be."""
        return min(moment, self.latest)

    def ignored(self, reason: str) -> NotForUs:
        """Return that the app does not act on it, and why."""
        return NotForUs(event_id=self.event_id, event_type=self.event_type, reason=reason)


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    """The outermost object of an event, with what tells whether it concerns us."""

    event_id: str
    event_type: str
    fields: Mapping[str, object]
    bare: bool
    """A CDEvent that is not wrapped in another envelope."""


def read_outer(text: str) -> Outer:
    """Return an event's outermost object; raise InvalidEvent with the path of what is wrong."""
    fields = as_object(decoded(text, "$"), "$")
    bare = "context" in fields and "type" not in fields and "eventType" not in fields
    place, path = (inner(fields, "context", "$"), "$.context") if bare else (fields, "$")
    return Outer(
        event_id=required_text(place, "id", path),
        event_type=required_text(place, "type" if bare or "specversion" in fields else "eventType", path),
        fields=fields,
        bare=bare,
    )


def read_envelope(outer: Outer, *, now: datetime, default_registry: LoginServer | None) -> DeploymentEvent:
    """Return the whole envelope; raise InvalidEvent with the path of what is wrong."""
    latest = now + CLOCK_TOLERANCE
    fields = outer.fields
    if outer.bare:
        source, moment, content = "", required_time(inner(fields, "context", "$"), "timestamp", "$.context"), fields
    else:
        cloud_event = "specversion" in fields
        source = optional_text(fields, "source" if cloud_event else "topic", "$") or ""
        moment = required_time(fields, "time" if cloud_event else "eventTime", "$")
        content = as_object(decoded_once(fields.get("data"), "$.data"), "$.data")
    return DeploymentEvent(
        event_id=outer.event_id,
        event_type=outer.event_type,
        source=source,
        occurred_at=min(moment, latest),
        content=content,
        path="$" if outer.bare else "$.data",
        default_registry=default_registry,
        latest=latest,
    )


def workload_key(text: str) -> str:
    """Return a workload's key as given, or as the canonical id when it is that of a supported Azure resource."""
    try:
        resource = parse_resource_id(text)
    except InvalidReference:
        return text
    return text if resource is None else str(resource)
