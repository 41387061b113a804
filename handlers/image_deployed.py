"""A workload was deployed: parse the event, read the resource if it does not tell, then lock what runs."""

from collections.abc import Sequence

from taglock.domain.azure_event import ResourcesChanged
from taglock.domain.deployment import WorkloadDeployed
from taglock.domain.deployment_event import parse_deployment
from taglock.domain.event import NotForUs
from taglock.domain.handled import Handled
from taglock.enforcement.budget import event_budget
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deploying import deploy
from taglock.enforcement.rejecting import reject_event
from taglock.enforcement.resources import read_resource
from taglock.enforcement.side_by_side import all_ended
from taglock.enforcement.subject import Work
from taglock.errors import InvalidEvent
from taglock.telemetry import InvocationLine, invocation

TRIGGER = "image_deployed"


async def image_deployed(app: Enforcement, text: str) -> Sequence[Handled]:
    """Handle one Event Grid event; whatever comes back is a success to Event Grid, only HandOverFailed is not."""
    with invocation(app.signals, TRIGGER) as line:
        return [line.tells(one) for one in await _handle(app, text, line)]


async def _handle(app: Enforcement, text: str, line: InvocationLine) -> Sequence[Handled]:
    work = Work(trigger=TRIGGER, budget=event_budget(app))
    try:
        event = parse_deployment(text, default_registry=app.default_registry, now=app.clock.now())
    except InvalidEvent as error:
        return [await reject_event(app, TRIGGER, text, error)]
    line.about(event.event_id)
    match event:
        case WorkloadDeployed():
            return await deploy(app, event, work)
        case ResourcesChanged():
            handled = await all_ended(read_resource(app, each, work) for each in event.resources)
            return [one for of_resource in handled for one in of_resource]
        case NotForUs():
            reason = f"{event.event_type}: {event.reason}"
            return [Handled(trigger=TRIGGER, outcome="ignored", event_id=event.event_id, decision=reason)]
