"""The host's admin API, and below `/admin/localcloud/` what only the local host has: its clock and what ran."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from localcloud.clock import Clock
from localcloud.functions.bindings import Function
from localcloud.functions.calls import manual_call
from localcloud.functions.draining import drained
from localcloud.functions.http_surface import presented_key
from localcloud.functions.keys import AccessLevel, Keys
from localcloud.functions.runner import Run, Runner
from localcloud.functions.timers import TimerListener


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the admin API reads and starts."""

    functions: Mapping[str, Function]
    timers: Mapping[str, TimerListener]
    runner: Runner
    clock: Clock


class AdminSurface:
    """Answers `/admin/...`; every route but the ping asks for the master key."""

    def __init__(self, surroundings: Surroundings, keys: Keys) -> None:
        self._around = surroundings
        self._by_lower_name = {name.lower(): each for name, each in surroundings.functions.items()}
        self._keys = keys
        self._started: set[asyncio.Task[Any]] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; an unknown route is a 404."""
        parts = [part for part in request.path.lower().split("/") if part][1:]
        if parts == ["host", "ping"]:
            return web.Response(status=200)
        if self._keys.level(presented_key(request)) < AccessLevel.MASTER:
            return web.Response(status=401)
        match (request.method, parts):
            case ("GET", ["host", "status"]):
                return web.json_response({"id": "localcloud", "state": "Running", "version": "4"})
            case ("GET", ["host", "systemkeys", "eventgrid_extension"]):
                return web.json_response({"name": "eventgrid_extension", "value": self._keys.eventgrid})
            case ("GET", ["functions"]):
                return web.json_response([_described(each) for each in self._around.functions.values()])
            case ("GET" | "POST", ["functions", name]):
                return await self._function(request, name)
            case (_, ["localcloud", *rest]):
                return await self._local(request, rest)
        return web.Response(status=404)

    async def close(self) -> None:
        """Let the runs that were asked for here finish, if they do so soon."""
        await drained(self._started)

    async def _function(self, request: web.Request, name: str) -> web.Response:
        function = self._by_lower_name.get(name)
        if function is None:
            return web.Response(status=404)
        if request.method == "GET":
            return web.json_response(_described(function))
        try:
            body = json.loads(await request.read())
        except ValueError:
            return web.Response(status=400)
        if not isinstance(body, dict):
            return web.Response(status=400)
        self._start(function, str(body.get("input", "")))
        return web.Response(status=202)

    def _start(self, function: Function, text: str) -> None:
        timer = self._around.timers.get(function.name)
        if timer is not None:
            task: asyncio.Task[Any] = asyncio.create_task(timer.run_now())
        else:
            call = manual_call(function, text, self._around.clock.now())
            task = asyncio.create_task(self._around.runner.run(function, call))
        self._started.add(task)
        task.add_done_callback(self._started.discard)

    async def _local(self, request: web.Request, parts: list[str]) -> web.Response:
        match (request.method, parts):
            case ("GET", ["runs"]):
                runs = [_run(each) for each in self._around.runner.runs]
                return web.json_response({"running": self._around.runner.running, "runs": runs})
            case ("GET", ["clock"]):
                return web.json_response(_clock(self._around.clock))
            case ("POST", ["clock"]):
                return await self._set_clock(request)
        return web.Response(status=404)

    async def _set_clock(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
            if "pace" in body:
                self._around.clock.set_pace(float(body["pace"]))
            self._around.clock.advance(timedelta(seconds=float(body.get("advance_seconds", 0))))
        except (ValueError, TypeError, AttributeError) as error:
            return web.Response(status=400, text=str(error))
        return web.json_response(_clock(self._around.clock))


def _described(function: Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "script_href": function.script_file,
        "config": {"bindings": [dict(binding) for binding in function.raw_bindings]},
        "language": "python",
        "isDisabled": False,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "function": run.function,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat(),
        "failure": run.failure,
    }


def _clock(clock: Clock) -> dict[str, Any]:
    due = clock.next_wake()
    return {"now": clock.now().isoformat(), "pace": clock.pace, "next_wake": due.isoformat() if due else None}
