"""An image was deleted: parse the event, then tell if it was one that was locked."""

from taglock.domain.event import NotForUs, UnknownRegistry
from taglock.domain.handled import Handled
from taglock.domain.image_deleted import ImageDeleted, parse_deleted
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deleted import TRIGGER, note_deleted
from taglock.enforcement.rejecting import note_unknown_registry, reject_event
from taglock.errors import InvalidEvent
from taglock.telemetry import InvocationLine, invocation


async def image_deleted(app: Enforcement, text: str) -> Handled:
    """Handle one Event Grid event; whatever comes back is a success to Event Grid, only HandOverFailed is not."""
    with invocation(app.signals, TRIGGER) as line:
        return line.tells(await _handle(app, text, line))


async def _handle(app: Enforcement, text: str, line: InvocationLine) -> Handled:
    try:
        event = parse_deleted(text, registries=app.known_registries, now=app.clock.now())
    except InvalidEvent as error:
        return await reject_event(app, TRIGGER, text, error)
    line.about(event.event_id)
    match event:
        case ImageDeleted():
            return await note_deleted(app, event)
        case UnknownRegistry():
            return await note_unknown_registry(app, TRIGGER, event)
        case NotForUs():
            reason = f"{event.event_type}: {event.reason}"
            return Handled(trigger=TRIGGER, outcome="ignored", event_id=event.event_id, decision=reason)
