"""What Event Grid sends to a webhook: the validation handshake of either schema, and batches of events."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import aiohttp

from localcloud.event_grid.events import Event, Schema, stamp
from localcloud.event_grid.subscription import NO_ANSWER, Subscription

ORIGIN = "eventgrid.azure.net"
ANSWER_SECONDS = 30.0


class SubscriptionRefused(Exception):
    """A webhook did not answer the validation handshake as it has to."""


class Webhook:
    """The sending half of a subscription."""

    def __init__(self, subscription: Subscription, http: aiohttp.ClientSession) -> None:
        self._subscription = subscription
        self._http = http

    async def validate(self, topic: str, now: datetime) -> None:
        """Make the handshake of the subscription's schema; SubscriptionRefused when the webhook fails it."""
        try:
            if self._subscription.schema is Schema.CLOUD_EVENTS:
                await self._ask_for_permission()
            else:
                await self._send_validation_code(topic, now)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SubscriptionRefused(f"subscription {self._subscription.name!r}: {error!r}") from error

    async def deliver(self, events: Sequence[Event], attempt: int) -> int:
        """Post the events and return the status of the answer, NO_ANSWER without one in time."""
        headers = {**self._headers("Notification"), "aeg-delivery-count": str(attempt - 1)}
        body = self._body(events)
        try:
            async with self._http.post(
                self._subscription.endpoint,
                data=json.dumps(body).encode(),
                headers={**headers, "Content-Type": self._content_type(body)},
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
                allow_redirects=False,
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError):
            return NO_ANSWER

    def _body(self, events: Sequence[Event]) -> Any:
        rendered = [event.rendered(self._subscription.schema) for event in events]
        # Without batching a CloudEvent is an object by itself; the Event Grid schema always has an array.
        single = self._subscription.schema is Schema.CLOUD_EVENTS and self._subscription.events_per_batch == 1
        return rendered[0] if single else rendered

    def _content_type(self, body: Any) -> str:
        if self._subscription.schema is Schema.EVENT_GRID:
            return "application/json; charset=utf-8"
        kind = "cloudevents-batch" if isinstance(body, list) else "cloudevents"
        return f"application/{kind}+json; charset=utf-8"

    def _headers(self, kind: str) -> dict[str, str]:
        return {
            "aeg-event-type": kind,
            "aeg-subscription-name": self._subscription.name.upper(),
            "aeg-metadata-version": "1",
            "WebHook-Request-Origin": ORIGIN,
        }

    async def _ask_for_permission(self) -> None:
        headers = {"WebHook-Request-Origin": ORIGIN}
        async with self._http.options(self._subscription.endpoint, headers=headers) as answer:
            allowed = answer.headers.get("WebHook-Allowed-Origin")
            if answer.status != 200 or allowed not in (ORIGIN, "*"):
                raise SubscriptionRefused(
                    f"subscription {self._subscription.name!r}: OPTIONS was answered {answer.status}, allowed origin "
                    f"{allowed!r}: expected 200 and {ORIGIN!r}"
                )

    async def _send_validation_code(self, topic: str, now: datetime) -> None:
        code = str(uuid.uuid4())
        event = {
            "id": str(uuid.uuid4()),
            "topic": topic,
            "subject": "",
            "data": {"validationCode": code},
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": stamp(now),
            "metadataVersion": "1",
            "dataVersion": "2",
        }
        headers = self._headers("SubscriptionValidation")
        async with self._http.post(self._subscription.endpoint, json=[event], headers=headers) as answer:
            text = await answer.text()
            if answer.status != 200 or _validation_response(text) != code:
                raise SubscriptionRefused(
                    f"subscription {self._subscription.name!r}: validation was answered {answer.status} "
                    f"{text[:200]!r}: expected 200 and the validation code"
                )


def _validation_response(text: str) -> object:
    try:
        tree = json.loads(text)
    except ValueError:
        return None
    return tree.get("validationResponse") if isinstance(tree, dict) else None
