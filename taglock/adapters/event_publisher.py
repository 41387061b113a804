"""Publish to the outbound Event Grid topic: CloudEvents 1.0, in as few requests as the topic's limits allow.

https://learn.microsoft.com/azure/event-grid/quotas-limits: one request holds 1 MB and 5,000 events.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from taglock.domain.outbound import OutboundEvent
from taglock.errors import TRANSIENT_STATUSES, InvalidConfiguration, PublishFailed, shortened

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.messaging import CloudEvent
    from azure.core.pipeline.transport import AsyncHttpTransport
    from azure.eventgrid.aio import EventGridPublisherClient

TIMEOUT_SECONDS = 5.0
"""The longest that one request may take; the outbox publishes again, so nothing here tries twice."""

MAX_REQUEST_BYTES = 1_000_000
MAX_REQUEST_EVENTS = 5_000
ENVELOPE_BYTES = 512
"""What the SDK adds to an event: specversion, content type, trace context, a comma."""

RETRIED_STATUSES = TRANSIENT_STATUSES | {HTTPStatus.FORBIDDEN}
"""Statuses after which the same events may be accepted later; 403 because a role assignment takes minutes to spread."""


class TopicPublisher:
    """ports.Publisher on one topic. A failure may leave earlier requests of the same call accepted."""

    def __init__(self, endpoint: str, client: "EventGridPublisherClient") -> None:
        self._endpoint = endpoint
        self._client = client

    async def publish(self, events: Sequence[OutboundEvent]) -> None:
        """Publish all events in their order, or raise PublishFailed; `transient` tells whether later may help."""
        for request in list(requests(events)):
            await self._send([_cloud_event(event) for event in request])

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _send(self, events: list["CloudEvent[Any]"]) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._client.send(events)
        except Exception as error:  # the SDK, its transport or the credential: to the outbox all mean "not accepted"
            raise _failure(self._endpoint, error) from error


def open_publisher(
    endpoint: str, *, credential: "AsyncTokenCredential", transport: "AsyncHttpTransport[Any, Any] | None" = None
) -> TopicPublisher:
    """Return the publisher of a topic such as https://NAME.REGION-1.eventgrid.azure.net/api/events.

    Raises InvalidConfiguration unless the endpoint is https. Without a transport the SDK's own one is used, which takes
    no proxy and no password (~/.netrc) from the environment.
    """
    _check_endpoint(endpoint)
    from azure.eventgrid.aio import EventGridPublisherClient

    options: dict[str, Any] = {"retry_total": 0, "permit_redirects": False, "use_env_settings": False}
    if transport is not None:
        options["transport"] = transport
    return TopicPublisher(endpoint, EventGridPublisherClient(endpoint, credential, **options))


def requests(events: Sequence[OutboundEvent]) -> Iterator[list[OutboundEvent]]:
    """Split events into requests within the topic's limits; PublishFailed (final) for one that no request can hold."""
    request: list[OutboundEvent] = []
    size = 2
    for event in events:
        more = _event_bytes(event)
        if request and (len(request) == MAX_REQUEST_EVENTS or size + more > MAX_REQUEST_BYTES):
            yield request
            request, size = [], 2
        request.append(event)
        size += more
    if request:
        yield request


def _event_bytes(event: OutboundEvent) -> int:
    """Return the size of an event on the wire, a little generously; ASCII, because the SDK escapes everything else."""
    try:
        size = ENVELOPE_BYTES + len(json.dumps([event.id, event.type, event.source, event.subject, dict(event.body)]))
    except (TypeError, ValueError) as error:
        raise _final(f"event {event.id!r} has a body that is no JSON: {shortened(event.body)}") from error
    if size > MAX_REQUEST_BYTES:
        raise _final(f"event {event.id!r} has {size} bytes, expected at most {MAX_REQUEST_BYTES}")
    return size


def _cloud_event(event: OutboundEvent) -> "CloudEvent[Any]":
    from azure.core.messaging import CloudEvent

    return CloudEvent(
        id=event.id,
        type=event.type,
        source=event.source,
        subject=event.subject,
        time=event.time,
        datacontenttype="application/json",
        data=dict(event.body),
    )


def _failure(endpoint: str, error: Exception) -> PublishFailed:
    status = getattr(error, "status_code", None)
    answer = type(error).__name__ if status is None else f"status {status}"
    failure = PublishFailed(
        f"topic {endpoint!r} did not accept events: {answer}: {shortened(str(error))}, expected 200"
    )
    failure.transient = status is None or status >= 500 or status in RETRIED_STATUSES
    return failure


def _final(reason: str) -> PublishFailed:
    failure = PublishFailed(reason)
    failure.transient = False
    return failure


def _check_endpoint(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
        usable = usable and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidConfiguration.at("topic_endpoint", endpoint, "an https URL without user, query and fragment")
