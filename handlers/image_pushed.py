"""An image was pushed: parse the event, then lock the image if it is a release."""

from taglock.domain.event import ImagePushed, NotForUs, UnknownRegistry, parse_event
from taglock.domain.handled import Handled
from taglock.enforcement.budget import event_budget
from taglock.enforcement.context import Enforcement
from taglock.enforcement.rejecting import note_unknown_registry, reject_event
from taglock.enforcement.subject import Work, lock_subject
from taglock.errors import InvalidEvent
from taglock.telemetry import InvocationLine, invocation

TRIGGER = "image_pushed"


async def image_pushed(app: Enforcement, text: str) -> Handled:
    """Handle one Event Grid event; whatever comes back is a success to Event Grid, only HandOverFailed is not."""
    with invocation(app.signals, TRIGGER) as line:
        return line.tells(await _handle(app, text, line))


async def _handle(app: Enforcement, text: str, line: InvocationLine) -> Handled:
    budget = event_budget(app)
    try:
        event = parse_event(text, registries=app.known_registries, now=app.clock.now())
    except InvalidEvent as error:
        return await reject_event(app, TRIGGER, text, error)
    line.about(event.event_id)
    match event:
        case ImagePushed():
            return await lock_subject(app, event, Work(trigger=TRIGGER, budget=budget))
        case UnknownRegistry():
            return await note_unknown_registry(app, TRIGGER, event)
        case NotForUs():
            reason = f"{event.event_type}: {event.reason}"
            return Handled(trigger=TRIGGER, outcome="ignored", event_id=event.event_id, decision=reason)
