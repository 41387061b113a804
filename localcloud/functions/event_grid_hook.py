"""The Event Grid extension's webhook: validation handshakes, and deliveries whose events run in parallel."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from localcloud.functions.bindings import EventGridTrigger, Function
from localcloud.functions.calls import event_call
from localcloud.functions.http_surface import presented_key
from localcloud.functions.keys import Keys
from localcloud.functions.runner import Runner


class EventGridHook:
    """Answers `/runtime/webhooks/EventGrid?functionName=NAME&code=KEY`."""

    def __init__(self, functions: Iterable[Function], runner: Runner, keys: Keys) -> None:
        self._functions = {each.name.lower(): each for each in functions if isinstance(each.trigger, EventGridTrigger)}
        self._runner = runner
        self._keys = keys

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of Event Grid as the extension does."""
        if not self._keys.opens_event_grid(presented_key(request)):
            return web.Response(status=401)
        name = request.query.get("functionName", "")
        function = self._functions.get(name.lower())
        if function is None:
            return web.Response(status=404, text=f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return _allow(request)
        if request.method != "POST":
            return web.Response(status=400)
        return await self._posted(function, request)

    async def _posted(self, function: Function, request: web.Request) -> web.Response:
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return web.Response(status=202)
        if kind not in ("subscriptionvalidation", "notification"):
            return web.Response(status=400)
        try:
            events = _events(await request.read())
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        if kind == "subscriptionvalidation":
            return _validation(events)
        return await self._deliver(function, events)

    async def _deliver(self, function: Function, events: list[dict[str, Any]]) -> web.Response:
        assert isinstance(function.trigger, EventGridTrigger)
        calls = [event_call(function, function.trigger, json.dumps(event)) for event in events]
        results = await asyncio.gather(*(self._runner.run(function, call) for call in calls))
        failed = any(result.failure is not None for result in results)
        return web.Response(status=500 if failed else 202)


def _allow(request: web.Request) -> web.Response:
    """Accept the origin of a CloudEvents abuse protection request, whatever it is, as the extension does."""
    origin = request.headers.get("WebHook-Request-Origin")
    if not origin:
        return web.Response(status=400)
    return web.Response(status=200, headers={"Webhook-Allowed-Origin": origin})


def _validation(events: list[dict[str, Any]]) -> web.Response:
    content = events[0].get("data") if events else None
    code = content.get("validationCode") if isinstance(content, dict) else None
    if not isinstance(code, str):
        return web.Response(status=400, text="expected an event with data.validationCode")
    return web.json_response({"validationResponse": code})


def _events(body: bytes) -> list[dict[str, Any]]:
    tree = json.loads(body)
    events = tree if isinstance(tree, list) else [tree]
    if not all(isinstance(event, dict) for event in events):
        raise ValueError("expected a JSON object or an array of them")
    return events
