"""The local Functions host: everything that surrounds the worker, on one loopback port."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import web

from localcloud.clock import Clock
from localcloud.functions.admin import AdminSurface, Surroundings
from localcloud.functions.authentication import Authentication
from localcloud.functions.bindings import Function, QueueTrigger, TimerTrigger, parse_function
from localcloud.functions.draining import GRACE_SECONDS
from localcloud.functions.event_grid_hook import EventGridHook
from localcloud.functions.http_surface import HttpSurface
from localcloud.functions.keys import Keys, OpenKeys
from localcloud.functions.queues import QueueListener
from localcloud.functions.runner import Runner
from localcloud.functions.settings import HostSettings, effective_settings, read_host_settings, read_local_values
from localcloud.functions.storage import Storage
from localcloud.functions.timers import TimerListener
from localcloud.functions.worker import Worker

_LOGGER = logging.getLogger(__name__)
MAXIMUM_BODY_BYTES = 104_857_600  # the HTTP extension's default limit


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """Where the app is and how it is hosted; port 0 is a free one, `settings_file` a local.settings.json."""

    app: Path
    port: int = 0
    settings_file: Path | None = None
    keys: Keys = field(default_factory=Keys)
    enforces_keys: bool = False


class FunctionsHost:
    """Hosts one app: `async with FunctionsHost(HostOptions(app=...), storage=...) as host`.

    Raises IndexingFailed, InvalidSetting or UnsupportedBinding on entering when the app cannot be hosted.
    """

    def __init__(self, options: HostOptions, *, storage: Storage, clock: Clock | None = None) -> None:
        self.options = options
        self.clock = clock or Clock()
        self.keys = options.keys
        self.functions: Mapping[str, Function] = {}
        self.port = 0
        self._storage = storage
        self._worker = Worker(options.app)
        self._closing = contextlib.AsyncExitStack()
        self._runner: Runner | None = None

    @property
    def endpoint(self) -> str:
        """Where the host answers, for instance `http://127.0.0.1:7071`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def runner(self) -> Runner:
        """What ran and runs; only inside `async with`."""
        assert self._runner is not None, "the host has not been started"
        return self._runner

    def on_timeout(self, act: Callable[[Function], None]) -> None:
        """Have something happen after a run went beyond the function timeout (the engine restarts the worker)."""
        self.runner.on_timeout = act

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._closing.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    async def _start(self) -> None:
        settings = read_host_settings(self.options.app)
        app_settings = self._closing.enter_context(_applied(self.options.settings_file))
        indexed = await self._worker.start()
        self._closing.callback(self._worker.stop)
        found = (parse_function(each, app_settings) for each in indexed)
        self.functions = {each.name: each for each in found if not _is_disabled(each, app_settings)}
        self.keys = self._keys()
        self._runner = Runner(self._worker, self._storage, self.clock, settings.function_timeout)
        timers = self._timers()
        await self._serve(settings, timers)
        self._listen(settings, timers)

    def _keys(self) -> Keys:
        keys = self.options.keys.with_functions(self.functions)
        if self.options.enforces_keys:
            return keys
        return OpenKeys(master=keys.master, default=keys.default, eventgrid=keys.eventgrid, functions=keys.functions)

    def _timers(self) -> Mapping[str, TimerListener]:
        return {
            each.name: TimerListener(each, each.trigger, self.runner, self.clock)
            for each in self.functions.values()
            if isinstance(each.trigger, TimerTrigger)
        }

    def _listen(self, settings: HostSettings, timers: Mapping[str, TimerListener]) -> None:
        listeners = [timer.listen(self._storage) for timer in timers.values()]
        for each in self.functions.values():
            if isinstance(each.trigger, QueueTrigger):
                queue = QueueListener(each, each.trigger, self.runner, settings.queues)
                listeners.append(queue.listen(self._storage, self.clock))
        tasks = [asyncio.create_task(listener) for listener in listeners]
        for task in tasks:
            task.add_done_callback(_log_end)
        self._closing.push_async_callback(_cancel, tasks)

    async def _serve(self, settings: HostSettings, timers: Mapping[str, TimerListener]) -> None:
        around = Surroundings(functions=self.functions, timers=timers, runner=self.runner, clock=self.clock)
        admin = AdminSurface(around, self.keys)
        hook = EventGridHook(self.functions.values(), self.runner, self.keys)
        http = HttpSurface(
            self.functions.values(),
            self.runner,
            self.keys,
            settings.route_prefix,
            authentication=Authentication.of_environment(),
        )

        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.path.lower()
            if path == "/runtime/webhooks/eventgrid":
                return await hook.answer(request)
            return await (admin if path.startswith("/admin/") else http).answer(request)

        app = web.Application(client_max_size=MAXIMUM_BODY_BYTES)
        app.router.add_route("*", r"/{path:[\s\S]*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        self._closing.push_async_callback(admin.close)
        self._closing.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", self.options.port)
        await site.start()
        self.port = runner.addresses[0][1]


@contextlib.contextmanager
def _applied(settings_file: Path | None) -> Iterator[Mapping[str, str]]:
    values = read_local_values(settings_file) if settings_file is not None else {}
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield effective_settings(values)
    finally:
        for name in added:
            os.environ.pop(name, None)


def _is_disabled(function: Function, settings: Mapping[str, str]) -> bool:
    return settings.get(f"AzureWebJobs.{function.name}.Disabled", "").lower() in ("1", "true")


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _LOGGER.error("a listener ended", exc_info=task.exception())
