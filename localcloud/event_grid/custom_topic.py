"""A custom topic: takes what publishers send to `/api/events` and keeps it for whoever wants to look."""

import hmac
import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

MAXIMUM_BYTES = 1_048_576
REMEMBERED_EVENTS = 10_000
_CLOUD_EVENT = ("id", "source", "type", "specversion")
_EVENT_GRID = ("id", "subject", "eventType", "eventTime", "dataVersion")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEvent:
    """One event as a publisher sent it, with who that was (`key` or a principal's name)."""

    event: Mapping[str, Any]
    received: datetime
    publisher: str


def _keep_only(events: Sequence[Mapping[str, Any]]) -> None:
    del events


class CustomTopic:
    """One topic; `sender` names the holder of a bearer token, or None when the token is not good for Event Grid.

    `on_events` is called with the events of each accepted request; its ValueError refuses them all.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        sender: Callable[[str], str | None],
        on_events: Callable[[Sequence[Mapping[str, Any]]], None] = _keep_only,
    ) -> None:
        self.key = secrets.token_urlsafe(32)
        self.published: deque[PublishedEvent] = deque(maxlen=REMEMBERED_EVENTS)
        self.status: int | None = None
        """The status that every publisher gets instead of an answer while this is set: a topic that is down."""
        self._now = now
        self._sender = sender
        self._on_events = on_events

    def app(self) -> web.Application:
        """Return the topic's HTTP surface; unknown routes are a 404."""
        app = web.Application(client_max_size=4 * MAXIMUM_BYTES)
        app.router.add_post("/api/events", self._receive)
        return app

    def reset(self) -> None:
        """Forget what was published and be up again."""
        self.published.clear()
        self.status = None

    async def _receive(self, request: web.Request) -> web.Response:
        if self.status is not None:
            return _refusal(self.status, "the topic was told to fail")
        publisher = self._publisher(request)
        if publisher is None:
            return _refusal(401, "expected a valid aeg-sas-key or bearer token")
        body = await request.read()
        if len(body) > MAXIMUM_BYTES:
            return _refusal(413, f"{len(body)} bytes: expected at most {MAXIMUM_BYTES}")
        try:
            events = _events(body, request.content_type)
            self._on_events(events)
        except ValueError as error:
            return _refusal(400, str(error))
        moment = self._now()
        self.published.extend(PublishedEvent(event=each, received=moment, publisher=publisher) for each in events)
        return web.Response(status=200)

    def _publisher(self, request: web.Request) -> str | None:
        key = request.headers.get("aeg-sas-key")
        if key is not None:
            return "key" if hmac.compare_digest(key, self.key) else None
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._sender(token) if kind.lower() == "bearer" else None


def _events(body: bytes, content_type: str) -> list[dict[str, Any]]:
    tree = json.loads(body)
    events = [tree] if content_type == "application/cloudevents+json" else tree
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise ValueError("expected an array of events")
    wanted = _CLOUD_EVENT if "cloudevents" in content_type else _EVENT_GRID
    for index, event in enumerate(events):
        missing = [name for name in wanted if not isinstance(event.get(name), str)]
        if missing:
            raise ValueError(f"event {index}: expected text in {', '.join(missing)}")
    return events


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": str(status), "message": message}}, status=status)
