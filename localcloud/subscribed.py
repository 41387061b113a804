"""Which events the functions of an app get: from Azure's own topics by type, from the pipelines' topic all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from localcloud.event_grid.events import Event, Schema, parse_event, stamp
from localcloud.event_grid.subscription import Subscription
from localcloud.functions.launch import RunningHost

_NOTIFICATIONS = ("Resources.CreatedOrUpdated", "Resources.Deleted", "HealthResources.AvailabilityStatusChanged")
_WEB = (
    *("AppUpdated", "AppServicePlanUpdated", "SlotSwapStarted", "SlotSwapCompleted", "SlotSwapFailed"),
    *("SlotSwapWithPreviewStarted", "SlotSwapWithPreviewCancelled", "BackupOperationStarted"),
    *("BackupOperationCompleted", "BackupOperationFailed", "RestoreOperationStarted", "RestoreOperationCompleted"),
    "RestoreOperationFailed",
)
SUBSCRIBED: Mapping[str, frozenset[str]] = {
    "image_pushed": frozenset({"Microsoft.ContainerRegistry.ImagePushed"}),
    "image_deleted": frozenset({"Microsoft.ContainerRegistry.ImageDeleted"}),
    "image_deployed": frozenset(
        {
            *("Microsoft.Resources.ResourceWriteSuccess", "Microsoft.Resources.ResourceDeleteSuccess"),
            *(f"Microsoft.ResourceNotifications.{name}" for name in _NOTIFICATIONS),
            "Microsoft.ResourceNotifications.HealthResources.ResourceAnnotated",
            *(f"Microsoft.Web.{name}" for name in _WEB),
        }
    ),
}
"""The types of Azure's own events by the function that gets them when the app has it."""

PIPELINES = "pipelines"
"""The name of the topic that pipelines publish to, of its subscription, and of the channel of its events."""

PIPELINE_FUNCTION = "image_deployed"
"""The function that gets every event of the pipelines' topic (CDEvents, Taglock.ImageDeployed), as CloudEvents."""


def subscriptions(host: RunningHost, schema: Schema) -> Iterator[Subscription]:
    """Yield the subscriptions for the functions that a host has; `schema` is that of Azure's own events."""
    for function, event_types in SUBSCRIBED.items():
        if function in host.functions:
            hook = _hook(host, function)
            yield Subscription(name=function, endpoint=hook, schema=schema, event_types=event_types)
    if PIPELINE_FUNCTION in host.functions:
        hook = _hook(host, PIPELINE_FUNCTION)
        # What comes in as a CloudEvent can only go out as one.
        yield Subscription(name=PIPELINES, endpoint=hook, schema=Schema.CLOUD_EVENTS, channel=PIPELINES)


def told_by_pipeline(event: Mapping[str, Any], *, subscription: str, now: datetime) -> Event:
    """Return what a pipeline published as an event of its topic; InvalidEvent when it is none.

    Event Grid fills in what a publisher may leave out: the time of a CloudEvent, the topic of the other schema.
    """
    group = f"/subscriptions/{subscription}/resourceGroups/localcloud"
    filled = {"time": stamp(now), **event, "topic": f"{group}/providers/Microsoft.EventGrid/topics/{PIPELINES}"}
    if "specversion" in event:
        del filled["topic"]
    return replace(parse_event(filled), channel=PIPELINES)


def _hook(host: RunningHost, function: str) -> str:
    return f"{host.endpoint}/runtime/webhooks/EventGrid?functionName={function}&code={host.keys.eventgrid}"
