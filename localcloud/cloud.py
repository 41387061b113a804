"""The local cloud as one thing: registry, Event Grid, ARM, identity, control API and, if wanted, Functions host."""

import contextlib
import fcntl
import secrets
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from localcloud.arm.server import Arm
from localcloud.clock import Clock
from localcloud.control import Control
from localcloud.event_grid.custom_topic import CustomTopic
from localcloud.event_grid.events import Schema, registry_event
from localcloud.event_grid.grid import EventGrid
from localcloud.functions.authentication import AUDIENCE, SECRET
from localcloud.functions.launch import Launch, RunningHost, launched
from localcloud.identity import Identity
from localcloud.registry.blobs import Blobs
from localcloud.registry.events import RegistryEvent
from localcloud.registry.options import RegistryOptions
from localcloud.registry.ordered import Ordered
from localcloud.registry.serve import serving
from localcloud.registry.server import Registry
from localcloud.state import (
    ArmState,
    ControlState,
    EventsState,
    FunctionsState,
    IdentityState,
    KeysState,
    RegistryState,
    State,
    app_environment,
    registry_name,
    write_state,
)
from localcloud.subscribed import subscriptions, told_by_pipeline
from localcloud.tls import Authority

ADDRESS = "127.0.0.1"
SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001"
LOCATION = "westeurope"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudOptions:
    """What to build. An empty login server becomes `127.0.0.1:PORT`; port 0 is a free one.

    `folder` keeps certificate, ledger, dead letters, queues and logs (None: a temporary one); `app` is a folder with a
    function_app.py (None: no Functions host); `state_file` is written when given; `arm_seed` is a folder of resource
    bodies that Resource Manager starts with (None: without any); `pace` is that of every local clock. With `audience`,
    App Service authentication stands in front of the app and asks for tokens for it.
    """

    login_server: str = ""
    port: int = 0
    folder: Path | None = None
    state_file: Path | None = None
    app: Path | None = None
    functions_port: int = 0
    audience: str = ""
    control_port: int = 0
    arm_seed: Path | None = None
    schema: Schema = Schema.EVENT_GRID
    pace: float = 1.0


class LocalCloud:
    """A running local cloud: `async with LocalCloud(CloudOptions(...)) as cloud`."""

    state: State
    registry: Registry
    event_grid: EventGrid
    topic: CustomTopic
    pipeline_topic: CustomTopic
    arm: Arm
    identity: Identity
    control: Control
    clock: Clock
    functions: RunningHost | None

    def __init__(self, options: CloudOptions | None = None, *, registry_options: RegistryOptions | None = None) -> None:
        self.options = options or CloudOptions()
        self._registry_options = registry_options or RegistryOptions()
        self._first_switches = self._registry_options.as_json()
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._closing.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    @property
    def registry_name(self) -> str:
        """The registry's resource name, with which its topic ends."""
        return registry_name(self.registry.login_server)

    def environment(self) -> Mapping[str, str]:
        """Return what an app's environment needs to work against this cloud, on top of any other."""
        return app_environment(self.state, ledger=self._folder / "ledger.sqlite")

    async def reset(self) -> None:
        """Empty the registry and forget what happened; faults, switches, behaviours and rights are as at the start.

        Resource Manager goes back to its seeds, without events. Subscriptions, the time, and what the app itself keeps
        (its ledger, its queues) stay.
        """
        registry = self.registry
        registry.store.repositories = Ordered()
        registry.store.blobs = Blobs()
        registry.store.deferred_imports.clear()
        registry.faults.clear()
        registry.traffic.clear()
        registry.throttle.reset()
        registry.options.change(self._first_switches)
        self.identity.reset()
        self.topic.reset()
        self.pipeline_topic.reset()
        await self.event_grid.reset()
        self.arm.reset()

    async def _start(self) -> None:
        self._folder = self._own_folder()
        self.clock = Clock(pace=self.options.pace)
        self.identity = Identity()
        authority = Authority()
        ca_file = authority.ca_file(self._folder / "ca.pem")
        await self._start_registry(authority)
        await self._start_event_grid()
        topic, pipeline_topic = await self._start_topics(authority)
        await self._start_arm(authority)
        self.control = Control(self)
        control = f"http://{ADDRESS}:{await self._serve(self.control.app(), self.options.control_port)}"
        self.state = State(
            ca_file=str(ca_file),
            registry=self._registry_state(),
            functions=None,
            events=EventsState(
                topic_endpoint=f"{topic}/api/events",
                pipeline_topic_endpoint=f"{pipeline_topic}/api/events",
                publish_endpoint=f"{control}/events",
            ),
            arm=ArmState(endpoint=self.arm.endpoint, subscriptions=self.arm.subscriptions),
            identity=await self._identity_state(),
            control=ControlState(endpoint=control),
        )
        await self._start_functions()
        if self.options.state_file is not None:
            write_state(self.state, self.options.state_file)
            self._closing.callback(self.options.state_file.unlink, missing_ok=True)

    def _own_folder(self) -> Path:
        if self.options.folder is None:
            return Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="localcloud-")))
        self.options.folder.mkdir(parents=True, exist_ok=True)
        self._closing.enter_context(_sole_user(self.options.folder))
        _forget_last_life(self.options.folder)
        return self.options.folder.resolve()

    async def _start_registry(self, authority: Authority) -> None:
        self._username, self._password = "localadmin", secrets.token_urlsafe(24)
        self.registry = Registry(
            login_server=self.options.login_server,
            now=self.clock.now,
            authenticate=self.identity.authenticate,
            on_event=self._raised,
            username=self._username,
            password=self._password,
            options=self._registry_options,
        )
        self._port = await self._closing.enter_async_context(
            serving(self.registry, port=self.options.port, authority=authority)
        )

    def _raised(self, event: RegistryEvent) -> None:
        self.event_grid.publish(registry_event(event, topic=self.event_grid.topic, location=LOCATION))

    def _registry_state(self) -> RegistryState:
        return RegistryState(
            login_server=self.registry.login_server,
            endpoint=f"https://{ADDRESS}:{self._port}",
            username=self._username,
            password=self._password,
        )

    async def _start_event_grid(self) -> None:
        topic = (
            f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/localcloud/providers/"
            f"Microsoft.ContainerRegistry/registries/{self.registry_name}"
        )
        grid = EventGrid(clock=self.clock, dead_letters=self._folder / "dead-letters", topic=topic)
        self.event_grid = await self._closing.enter_async_context(grid)

    async def _start_topics(self, authority: Authority) -> tuple[str, str]:
        now, sender = self.clock.now, self.identity.event_sender
        self.topic = CustomTopic(now=now, sender=sender)
        self.pipeline_topic = CustomTopic(now=now, sender=sender, on_events=self._told_by_pipeline)
        served = [await self._serve_securely(each.app(), authority) for each in (self.topic, self.pipeline_topic)]
        return served[0], served[1]

    async def _start_arm(self, authority: Authority) -> None:
        self.arm = Arm(
            now=self.clock.now,
            identity=self.identity,
            on_event=self.event_grid.publish,
            subscriptions=(SUBSCRIPTION_ID,),
        )
        if self.options.arm_seed is not None:
            self.arm.seed(self.options.arm_seed, login_server=self.registry.login_server)
        self.arm.endpoint = await self._serve_securely(self.arm.app(), authority)

    def _told_by_pipeline(self, events: Sequence[Mapping[str, Any]]) -> None:
        told = (told_by_pipeline(each, subscription=SUBSCRIPTION_ID, now=self.clock.now()) for each in events)
        self.event_grid.publish(*told)

    async def _serve_securely(self, app: web.Application, authority: Authority) -> str:
        context = authority.server_context(ADDRESS, "localhost")
        port = await self._closing.enter_async_context(_serving(app, ssl_context=context))
        return f"https://{ADDRESS}:{port}"

    async def _identity_state(self) -> IdentityState:
        port = await self._serve(self.identity.app(), 0)
        return IdentityState(endpoint=f"http://{ADDRESS}:{port}/msi/token", header=self.identity.header)

    async def _serve(self, app: web.Application, port: int) -> int:
        return await self._closing.enter_async_context(_serving(app, port=port))

    def _authentication(self) -> Mapping[str, str]:
        """Return what turns App Service authentication on, and what the platform tells the app of it."""
        if not self.options.audience:
            return {}
        return {
            SECRET: self.identity.authentication_secret,
            AUDIENCE: self.options.audience,
            "WEBSITE_AUTH_ENABLED": "True",
            "TAGLOCK_HTTP_AUTH": "entra",
        }

    async def _start_functions(self) -> None:
        self.functions = None
        if self.options.app is None:
            return
        launch = Launch(
            app=self.options.app,
            storage=self._folder / "storage",
            log=self._folder / "functions.log",
            environment={"AzureWebJobsStorage": "none", **self.environment(), **self._authentication()},
            port=self.options.functions_port,
            pace=self.options.pace,
        )
        host = await self._closing.enter_async_context(launched(launch))
        self.functions = host
        keys = KeysState(master=host.keys.master, default=host.keys.default, eventgrid=host.keys.eventgrid)
        self.state = replace(self.state, functions=FunctionsState(endpoint=host.endpoint, keys=keys))
        for subscription in subscriptions(host, self.options.schema):
            await self.event_grid.subscribe(subscription)


@contextlib.contextmanager
def _sole_user(folder: Path) -> Iterator[None]:
    """Hold the folder; OSError while another local cloud, which would lose its files, holds it."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"state folder {str(folder)!r}: expected no other local cloud that uses it") from None
        yield


def _forget_last_life(folder: Path) -> None:
    """Remove what an earlier local cloud kept: the registry starts empty, so nothing may remember its content."""
    for name in ("storage", "dead-letters"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in (*folder.glob("ledger.sqlite*"), folder / "functions.log"):
        path.unlink(missing_ok=True)


@asynccontextmanager
async def _serving(
    app: web.Application, *, port: int = 0, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, ADDRESS, port, ssl_context=ssl_context).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
