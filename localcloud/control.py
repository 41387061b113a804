"""The control API: seed, break, look and move time in a running local cloud. Plain HTTP on loopback, in JSON."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from localcloud.arm.control import ArmControl
from localcloud.event_grid.events import Schema, parse_event
from localcloud.event_grid.subscription import Subscription
from localcloud.event_grid.webhook import SubscriptionRefused
from localcloud.faults import Fault
from localcloud.registry.principal import Principal

if TYPE_CHECKING:
    from localcloud.cloud import LocalCloud

type _Handler = Callable[[web.Request], Awaitable[Any]]


class Control:
    """The control surface of one local cloud. A wrong request gets a 400 whose `error` says what was expected."""

    def __init__(self, cloud: "LocalCloud") -> None:
        self._cloud = cloud

    def app(self) -> web.Application:
        """Return the HTTP surface; `GET /` lists its routes, unknown ones are a 404."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        for (method, path), handler in self._routes().items():
            app.router.add_route(method, path, _answering(handler))
        return app

    def _routes(self) -> dict[tuple[str, str], _Handler]:
        return {
            ("GET", "/"): self._index,
            ("GET", "/state"): self._state,
            ("POST", "/reset"): self._reset,
            ("POST", "/seed"): self._seed,
            ("GET", "/faults"): self._faults,
            ("POST", "/faults"): self._add_faults,
            ("DELETE", "/faults"): self._clear_faults,
            ("GET", "/options"): self._options,
            ("PATCH", "/options"): self._change_options,
            ("GET", "/requests"): self._requests,
            ("DELETE", "/requests"): self._clear_requests,
            ("GET", "/requests/counts"): self._counts,
            ("POST", "/imports/settle"): self._settle_imports,
            ("GET", "/identity"): self._identity,
            ("PUT", "/identity"): self._set_identity,
            ("GET", "/events"): self._events,
            ("POST", "/events"): self._publish,
            ("POST", "/events/redeliver"): self._redeliver,
            ("GET", "/deliveries"): self._deliveries,
            ("GET", "/dead-letters"): self._dead_letters,
            ("GET", "/behaviours"): self._behaviours,
            ("PATCH", "/behaviours"): self._change_behaviours,
            ("POST", "/behaviours/release"): self._release,
            ("GET", "/subscriptions"): self._subscriptions,
            ("POST", "/subscriptions"): self._subscribe,
            ("DELETE", "/subscriptions/{name}"): self._unsubscribe,
            ("GET", "/topic"): self._topic,
            ("GET", "/pipeline-topic"): self._pipeline_topic,
            ("GET", "/published"): self._published,
            ("DELETE", "/published"): self._clear_published,
            ("PUT", "/published/status"): self._set_topic_status,
            ("GET", "/clock"): self._clock,
            ("POST", "/clock"): self._set_clock,
            ("GET", "/functions/runs"): self._runs,
            ("POST", "/functions/{name}/run"): self._run,
            **ArmControl(lambda: self._cloud.arm).routes(),
        }

    async def _index(self, request: web.Request) -> Any:
        return {"routes": [f"{method} {path}" for method, path in self._routes()]}

    async def _state(self, request: web.Request) -> Any:
        return asdict(self._cloud.state)

    # -- registry ------------------------------------------------------------------------------------------------

    async def _reset(self, request: web.Request) -> Any:
        await self._cloud.reset()
        return {}

    async def _seed(self, request: web.Request) -> Any:
        return self._cloud.registry.store.seed(await request.json())

    async def _faults(self, request: web.Request) -> Any:
        return [fault.as_json() for fault in self._cloud.registry.faults.pending]

    async def _add_faults(self, request: web.Request) -> Any:
        tree = await request.json()
        faults = [Fault.from_json(each) for each in (tree if isinstance(tree, list) else [tree])]
        self._cloud.registry.faults.add(*faults)
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> Any:
        self._cloud.registry.faults.clear()
        return []

    async def _options(self, request: web.Request) -> Any:
        return self._cloud.registry.options.as_json()

    async def _change_options(self, request: web.Request) -> Any:
        self._cloud.registry.options.change(await _object(request))
        return self._cloud.registry.options.as_json()

    async def _requests(self, request: web.Request) -> Any:
        traffic, since = self._cloud.registry.traffic, request.query.get("since")
        seen = traffic.remembered if since is None else traffic.since(int(since))
        return {**await self._counts(request), "requests": [asdict(each) for each in seen]}

    async def _counts(self, request: web.Request) -> Any:
        traffic, since = self._cloud.registry.traffic, request.query.get("since")
        counts = traffic.counts() if since is None else traffic.counts_since(int(since))
        return {"mark": traffic.mark(), "counts": counts}

    async def _clear_requests(self, request: web.Request) -> Any:
        self._cloud.registry.traffic.clear()
        return {}

    async def _settle_imports(self, request: web.Request) -> Any:
        return {"manifests": self._cloud.registry.store.settle_imports()}

    # -- identity ------------------------------------------------------------------------------------------------

    async def _identity(self, request: web.Request) -> Any:
        return _principal(self._cloud.identity.principal)

    async def _set_identity(self, request: web.Request) -> Any:
        tree = await _object(request)
        self._cloud.identity.principal = Principal(
            name=str(tree.get("name", self._cloud.identity.principal.name)),
            actions=frozenset(tree.get("actions", ())),
            repositories={name: frozenset(actions) for name, actions in tree.get("repositories", {}).items()},
        )
        return _principal(self._cloud.identity.principal)

    # -- Event Grid ----------------------------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> Any:
        schema = Schema(request.query.get("schema", Schema.EVENT_GRID))
        return [event.rendered(schema) for event in self._cloud.event_grid.published]

    async def _publish(self, request: web.Request) -> Any:
        tree = await request.json()
        events = [parse_event(each) for each in (tree if isinstance(tree, list) else [tree])]
        self._cloud.event_grid.publish(*events)
        return {"published": len(events)}

    async def _redeliver(self, request: web.Request) -> Any:
        tree = await _object(request) if request.can_read_body else {}
        return {"redelivered": self._cloud.event_grid.redeliver(tree.get("ids"))}

    async def _deliveries(self, request: web.Request) -> Any:
        grid = self._cloud.event_grid
        return {"underway": grid.underway, "deliveries": [asdict(each) for each in grid.deliveries]}

    async def _dead_letters(self, request: web.Request) -> Any:
        return self._cloud.event_grid.dead_letters.read()

    async def _behaviours(self, request: web.Request) -> Any:
        return asdict(self._cloud.event_grid.behaviours)

    async def _change_behaviours(self, request: web.Request) -> Any:
        grid = self._cloud.event_grid
        grid.behaviours = grid.behaviours.changed(await _object(request))
        return asdict(grid.behaviours)

    async def _release(self, request: web.Request) -> Any:
        self._cloud.event_grid.release()
        return {}

    async def _subscriptions(self, request: web.Request) -> Any:
        return [_subscription(each) for each in self._cloud.event_grid.subscriptions.values()]

    async def _subscribe(self, request: web.Request) -> Any:
        tree = await _object(request)
        wanted = Subscription(
            name=tree["name"],
            endpoint=tree["endpoint"],
            schema=Schema(tree.get("schema", Schema.EVENT_GRID)),
            event_types=frozenset(tree.get("event_types", ())),
            events_per_batch=int(tree.get("events_per_batch", 1)),
        )
        await self._cloud.event_grid.subscribe(wanted)
        return _subscription(wanted)

    async def _unsubscribe(self, request: web.Request) -> Any:
        self._cloud.event_grid.unsubscribe(request.match_info["name"])
        return {}

    # -- what the app published, time, functions -------------------------------------------------------------------

    async def _topic(self, request: web.Request) -> Any:
        endpoint = self._cloud.state.events.topic_endpoint
        return {"endpoint": endpoint, "key": self._cloud.topic.key, "status": self._cloud.topic.status}

    async def _pipeline_topic(self, request: web.Request) -> Any:
        return {"endpoint": self._cloud.state.events.pipeline_topic_endpoint, "key": self._cloud.pipeline_topic.key}

    async def _published(self, request: web.Request) -> Any:
        return [asdict(each) for each in self._cloud.topic.published]

    async def _clear_published(self, request: web.Request) -> Any:
        self._cloud.topic.published.clear()
        return {}

    async def _set_topic_status(self, request: web.Request) -> Any:
        status = (await _object(request)).get("status")
        self._cloud.topic.status = None if status is None else int(status)
        return {"status": self._cloud.topic.status}

    async def _clock(self, request: web.Request) -> Any:
        clock = self._cloud.clock
        return {"now": clock.now(), "pace": clock.pace, "next_wake": clock.next_wake()}

    async def _set_clock(self, request: web.Request) -> Any:
        """Move this clock, and the Functions host's by the same step."""
        tree = await _object(request)
        if "pace" in tree:
            self._cloud.clock.set_pace(float(tree["pace"]))
        self._cloud.clock.advance(timedelta(seconds=float(tree.get("advance_seconds", 0))))
        if self._cloud.functions is not None:
            await self._host("POST", "/admin/localcloud/clock", tree)
        return await self._clock(request)

    async def _runs(self, request: web.Request) -> Any:
        return await self._host("GET", "/admin/localcloud/runs", None)

    async def _run(self, request: web.Request) -> Any:
        tree = await _object(request) if request.can_read_body else {}
        await self._host("POST", f"/admin/functions/{request.match_info['name']}", tree)
        return {}

    async def _host(self, method: str, path: str, body: Any) -> Any:
        host = self._cloud.functions
        if host is None:
            raise ValueError("functions: expected a Functions host, this local cloud runs without one")
        headers = {"x-functions-key": host.keys.master}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.request(method, f"{host.endpoint}{path}", json=body) as answer,
        ):
            text = await answer.text()
            if answer.status >= 400:
                raise ValueError(f"the Functions host answered {answer.status} {text!r} to {method} {path}")
            return json.loads(text) if text else {}


def _answering(handler: _Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return web.Response(text=_json(await handler(request)), content_type="application/json")
        except KeyError as error:
            return web.json_response({"error": f"{error}: expected it to be there"}, status=400)
        except (ValueError, TypeError, AttributeError, LookupError, SubscriptionRefused) as error:
            return web.json_response({"error": str(error)}, status=400)

    return answer


async def _object(request: web.Request) -> dict[str, Any]:
    tree = await request.json()
    if not isinstance(tree, dict):
        raise ValueError(f"body {tree!r}: expected a JSON object")
    return tree


def _json(value: Any) -> str:
    return json.dumps(value, default=lambda each: each.isoformat() if hasattr(each, "isoformat") else sorted(each))


def _principal(principal: Principal) -> dict[str, Any]:
    repositories = {name: sorted(actions) for name, actions in principal.repositories.items()}
    return {"name": principal.name, "actions": sorted(principal.actions), "repositories": repositories}


def _subscription(subscription: Subscription) -> dict[str, Any]:
    return {**asdict(subscription), "life": subscription.life.total_seconds()}
