"""A webhook that remembers what it was sent and answers as it is told."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One delivery."""

    headers: dict[str, str]
    body: Any

    @property
    def ids(self) -> list[str]:
        events = self.body if isinstance(self.body, list) else [self.body]
        return [event["id"] for event in events]


@dataclass(slots=True, kw_only=True)
class Receiver:
    """What came, and the status of the answers to come: a number, or chosen per delivery by its count from 1."""

    url: str = ""
    status: int | Callable[[int], int] = 200
    validates: bool = True
    received: list[Received] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [each for delivery in self.received for each in delivery.ids]

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            origin = request.headers["WebHook-Request-Origin"] if self.validates else "elsewhere.example"
            return web.Response(headers={"WebHook-Allowed-Origin": origin})
        body = json.loads(await request.read())
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            code = body[0]["data"]["validationCode"] if self.validates else "another"
            return web.json_response({"validationResponse": code})
        self.received.append(Received(headers=dict(request.headers), body=body))
        status = self.status if isinstance(self.status, int) else self.status(len(self.received))
        return web.Response(status=status)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/hook", receiver.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        await runner.cleanup()
