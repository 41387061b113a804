"""One table from event type to parser: every source of deployments that the app understands."""

from collections.abc import Callable
from datetime import datetime

from taglock.domain.azure_event import (
    ResourcesChanged,
    parse_resource_notified,
    parse_resource_written,
    parse_site_updated,
)
from taglock.domain.cdevent import parse_cdevent
from taglock.domain.deployment import WorkloadDeployed
from taglock.domain.deployment_envelope import DeploymentEvent, read_envelope, read_outer
from taglock.domain.event import NotForUs
from taglock.domain.image_deployed import parse_image_deployed
from taglock.domain.reference import LoginServer

ParsedDeployment = WorkloadDeployed | ResourcesChanged | NotForUs
Parser = Callable[[DeploymentEvent], ParsedDeployment]

PARSERS: tuple[tuple[str, Parser], ...] = (
    ("Microsoft.Resources.ResourceWriteSuccess", parse_resource_written),
    ("Microsoft.Resources.ResourceDeleteSuccess", parse_resource_written),
    ("Microsoft.ResourceNotifications.Resources.CreatedOrUpdated", parse_resource_notified),
    ("Microsoft.ResourceNotifications.Resources.Deleted", parse_resource_notified),
    ("Microsoft.Web.SlotSwapCompleted", parse_site_updated),
    ("Microsoft.Web.AppUpdated", parse_site_updated),
    ("dev.cdevents.service.deployed.", parse_cdevent),
    ("dev.cdevents.service.upgraded.", parse_cdevent),
    ("dev.cdevents.service.rolledback.", parse_cdevent),
    ("dev.cdevents.service.removed.", parse_cdevent),
    ("Taglock.ImageDeployed", parse_image_deployed),
)
"""By event type; one that ends with a dot stands for all its versions."""


def parse_deployment(text: str, *, default_registry: LoginServer | None, now: datetime) -> ParsedDeployment:
    """Parse one event; raise InvalidEvent with the path of what is wrong.

    `default_registry` is the registry of a package URL that names none. Times later than five minutes after `now` are
    cut to that.
    """
    outer = read_outer(text)
    parse = _parser(outer.event_type)
    if parse is None:
        reason = "no handler for this event type"
        return NotForUs(event_id=outer.event_id, event_type=outer.event_type, reason=reason)
    return parse(read_envelope(outer, now=now, default_registry=default_registry))


def _parser(event_type: str) -> Parser | None:
    for known, parse in PARSERS:
        if event_type == known or (known.endswith(".") and event_type.startswith(known)):
            return parse
    return None
