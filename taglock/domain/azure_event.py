"""Azure's own events about resources that run images.

Sources: https://learn.microsoft.com/azure/event-grid/event-schema-subscriptions (no image: the resource must be read),
https://learn.microsoft.com/azure/event-grid/event-schema-resources (the resource is in the event) and
https://learn.microsoft.com/azure/event-grid/event-schema-app-service (only the site is named).
"""

from collections.abc import Mapping
from copy import replace
from datetime import datetime

import msgspec

from taglock.domain.arm_resource import ArmWorkload, ResourceId, ResourceKind, parse_resource_id, workload_of
from taglock.domain.deployment import ResourceChanged, Source, WorkloadDeployed
from taglock.domain.deployment_envelope import DeploymentEvent
from taglock.domain.envelope import inner, optional_text, parse_time, required_text
from taglock.domain.event import NotForUs
from taglock.domain.reference import ImageReference
from taglock.domain.running_image import running_image
from taglock.errors import ArmError, InvalidEvent, InvalidReference

PRODUCTION = "production"
UNSUPPORTED = "the resource is of a type that runs no images we can read"


class ResourcesChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Azure resources whose images have to be read."""

    resources: tuple[ResourceChanged, ...]
    event_id: str


def parse_resource_written(event: DeploymentEvent) -> ResourcesChanged | NotForUs:
    """Return the resource that was written or deleted; Resource Manager tells whether it is still there."""
    text = required_text(event.content, "resourceUri", event.path)
    return _changed(event, _resource(text, f"{event.path}.resourceUri"))


def parse_resource_notified(event: DeploymentEvent) -> WorkloadDeployed | ResourcesChanged | NotForUs:
    """Return what the resource in the event runs, or the resource when its body does not tell."""
    path = f"{event.path}.resourceInfo"
    body = inner(event.content, "resourceInfo", event.path)
    text = required_text(body, "id", path)
    resource = _resource(text, f"{path}.id")
    event = replace(event, occurred_at=_notified_at(event))
    if resource is None or text.lower().rstrip("/") != str(resource):  # a child of the resource changed
        return _changed(event, resource)
    if event.event_type.endswith(".Deleted"):
        return resource_ended(_change(event, resource))
    try:
        found = workload_of(resource, body)
    except ArmError:
        return _changed(event, resource)
    return workload_deployed(found, _change(event, resource)) if found.ready else _changed(event, resource)


def parse_site_updated(event: DeploymentEvent) -> ResourcesChanged | NotForUs:
    """Return the site, and for a swap both slots: the event names no image."""
    site = _resource(event.source, "$.source")
    if site is None or site.kind not in (ResourceKind.SITE, ResourceKind.SLOT):
        return _changed(event, None)
    slots = [optional_text(event.content, key, event.path) for key in ("sourceSlot", "targetSlot")]
    named = [_slot(site, slot, event.path) for slot in slots if slot is not None]
    return _changed(event, *(named or [site]))


def workload_deployed(found: ArmWorkload, changed: ResourceChanged) -> WorkloadDeployed:
    """Return what Resource Manager says that a resource runs; a text that is no reference names nothing to lock."""
    images: dict[ImageReference, None] = {}
    for text in found.images:
        try:
            images[running_image(text)] = None
        except InvalidReference:
            continue  # for example a variable that a deployment left unreplaced; it may hold a secret
    return WorkloadDeployed(
        workload=str(found.resource),
        environment=found.environment,
        images=tuple(images),
        source=Source.ARM,
        event_id=changed.event_id,
        occurred_at=changed.occurred_at,
    )


def resource_ended(changed: ResourceChanged) -> WorkloadDeployed:
    """Return that a resource is gone."""
    return WorkloadDeployed(
        workload=str(changed.resource),
        environment="",
        images=(),
        source=Source.ARM,
        event_id=changed.event_id,
        occurred_at=changed.occurred_at,
    )


def _change(event: DeploymentEvent, resource: ResourceId) -> ResourceChanged:
    return ResourceChanged(resource=resource, event_id=event.event_id, occurred_at=event.occurred_at)


def _changed(event: DeploymentEvent, *resources: ResourceId | None) -> ResourcesChanged | NotForUs:
    known = dict.fromkeys(resource for resource in resources if resource is not None)
    if not known:
        return event.ignored(UNSUPPORTED)
    changes = (_change(event, each) for each in known)
    return ResourcesChanged(resources=tuple(changes), event_id=event.event_id)


def _notified_at(event: DeploymentEvent) -> datetime:
    operational: object = event.content.get("operationalInfo")
    moment = parse_time(operational.get("resourceEventTime")) if isinstance(operational, Mapping) else None
    return event.clamped(moment) if moment is not None else event.occurred_at


def _slot(site: ResourceId, slot: str, path: str) -> ResourceId:
    base = str(replace(site, kind=ResourceKind.SITE, slot=""))
    text = base if slot.lower() == PRODUCTION else f"{base}/slots/{slot}"
    found = _resource(text, path)
    if found is None:
        raise InvalidEvent.at(path, slot, "the name of a slot")
    return found


def _resource(text: str, path: str) -> ResourceId | None:
    try:
        return parse_resource_id(text, path)
    except InvalidReference as error:
        raise InvalidEvent(*error.problems) from None
