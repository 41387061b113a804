"""A registry and a Resource Manager on loopback, the app's own ports against both, and somebody who deploys."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from aiohttp import web
from azure.core.credentials import AccessToken

from handlers.image_deployed import image_deployed
from localcloud.arm.server import Arm
from localcloud.event_grid.events import Event
from localcloud.identity import Identity
from localcloud.registry.content import Manifest
from localcloud.tls import Authority
from taglock.adapters.arm_reader import ArmOptions, ArmReader, open_arm
from taglock.domain.deployment import Deployment, WhoRuns, Workload
from taglock.domain.deployment_ledger import DEPLOYMENTS
from taglock.domain.handled import Handled
from taglock.domain.ledger import DUE_RESOURCES, DueWork, Finding, restored
from taglock.domain.reference import Digest
from taglock.enforcement.context import Limits
from taglock.enforcement.deployments import who_runs, workloads
from tests.pushing.images import plain
from tests.pushing.world import REPOSITORY, World, world

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers"
APP = f"{GROUP}/Microsoft.App/containerApps/shop"
SITE = f"{GROUP}/Microsoft.Web/sites/portal"
BATCH = f"{GROUP}/Microsoft.ContainerInstance/containerGroups/batch"
ADDRESS = "127.0.0.1"
RULES = """
version = 1
[[rule]]
name = "latest-moves"
on = ["push", "deployment"]
tags = { glob = ["latest"] }
action = "ignore"

[[rule]]
name = "releases"
repositories = ["prod/**"]
tags = { semver = ">=1.0.0" }

[[rule]]
name = "running"
on = ["deployment"]
environments = ["production*"]
"""


@dataclass(frozen=True)
class LocalToken:
    """The local tenant's token for Resource Manager; azure-identity itself is tested with the whole cloud."""

    identity: Identity

    async def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        return AccessToken(self.identity.token("https://management.azure.com"), 4_000_000_000)

    async def close(self) -> None: ...

    async def __aenter__(self) -> "LocalToken":
        return self

    async def __aexit__(self, *_error: object) -> None: ...


@dataclass
class Deployed:
    """One registry, one Resource Manager, one app, one clock."""

    pushing: World
    arm: Arm
    identity: Identity
    raised: list[Event] = field(default_factory=list)
    _number: "count[int]" = field(default_factory=count)

    # -- a person ---------------------------------------------------------------------------------------------------

    def push(self, tag: str | None, manifest: Manifest, *, repository: str = REPOSITORY) -> str:
        """Push a manifest without telling the app; return its digest."""
        self.pushing.push(tag, manifest, repository=repository)
        return manifest.digest

    def reference(self, tag: str = "", digest: str = "", *, repository: str = REPOSITORY) -> str:
        name = f"{self.pushing.login_server}/{repository}"
        return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")

    def event(self, *images: str, workload: str = "shop", environment: str = "production", **changes: object) -> str:
        """Return a `Taglock.ImageDeployed` event of now; `changes` are fields of its envelope."""
        content = {"workload": workload, "images": list(images), "environment": environment}
        return self.cloud_event("Taglock.ImageDeployed", content, **changes)

    def cloud_event(self, event_type: str, content: object, **changes: object) -> str:
        envelope = {
            "specversion": "1.0",
            "id": f"event-{next(self._number)}",
            "source": "/pipelines/shop",
            "type": event_type,
            "time": moment(self.now),
            "data": content,
        }
        return json.dumps({**envelope, **changes})

    async def put(self, resource: str, body: dict[str, Any], *, environment: str = "production") -> str:
        """Write an Azure resource and return the event that Event Grid would deliver."""
        tags = {"environment": environment}
        await self.arm.put(resource, {"location": "westeurope", "tags": tags, **body})
        return self._delivered()

    async def remove(self, resource: str) -> str:
        await self.arm.delete(resource)
        return self._delivered()

    def _delivered(self) -> str:
        event = self.raised[-1]
        return json.dumps(
            {
                "id": event.id,
                "topic": event.topic,
                "subject": event.subject,
                "eventType": event.type,
                "eventTime": moment(event.time),
                "data": event.content,
                "dataVersion": "2",
                "metadataVersion": "1",
            }
        )

    # -- the app ----------------------------------------------------------------------------------------------------

    async def deliver(self, event: str) -> list[Handled]:
        return list(await image_deployed(self.pushing.app, event))

    async def deployed(self, *images: str, **options: Any) -> list[Handled]:
        """Deploy and deliver the event, a second later than anything before."""
        self.later()
        return await self.deliver(self.event(*images, **options))

    async def settle(self, *, ticks: int = 300) -> None:
        for _ in range(ticks):
            if not await self.pushing.due() and not await self.unread():
                return
            await self.pushing.tick(after=timedelta(minutes=1))
        raise AssertionError(f"work is still due: {await self.pushing.due()} {await self.unread()}")

    # -- looking ----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.pushing.clock.now()

    def later(self, **passed: float) -> None:
        self.pushing.clock.advance(timedelta(**passed) if passed else timedelta(seconds=1))

    async def running(self) -> dict[str, list[str | None]]:
        """Which digests each workload runs by the ledger."""
        found = [each async for each in workloads(self.pushing.app)]
        return {each.key: [run.digest for run in each.runs] for each in found}

    async def workload(self, key: str = "shop") -> Workload:
        found = [each async for each in workloads(self.pushing.app) if each.key == key]
        return found[0]

    async def history(self) -> list[Deployment]:
        rows = await self.pushing.app.rows.scan(DEPLOYMENTS, start="runs/", end="runs0")
        found = [restored(Deployment, row.body) for row in rows]
        return sorted(found, key=lambda each: (each.since, str(each.digest)))

    async def who_runs(self, digest: str) -> WhoRuns:
        return await who_runs(self.pushing.app, self.pushing.login_server, Digest(digest))

    async def unread(self) -> list[DueWork]:
        return [restored(DueWork, row.body) for row in await self.pushing.app.rows.scan(DUE_RESOURCES)]

    async def findings(self) -> list[Finding]:
        rows = await self.pushing.app.rows.scan("finding/-")
        other = [restored(Finding, row.body) for row in rows]
        return [*await self.pushing.findings(), *(each for each in other if each.closed_at is None)]

    def requests(self) -> dict[str, int]:
        return self.pushing.requests()

    def asked(self) -> int:
        """How many requests Resource Manager has seen since the last `clear`."""
        return self.arm.traffic.total

    def clear(self) -> None:
        self.pushing.clear()
        self.arm.traffic.clear()

    async def warm(self) -> None:
        """Let the app get its tokens, so that what follows counts only the work itself."""
        digest = self.push("0.0.1", plain("warm"))
        await self.deployed(self.reference(digest=digest), workload="warm")
        self.clear()


def container_app(*images: str, traffic: list[dict[str, Any]] | None = None, **properties: Any) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    ingress = {"traffic": traffic or [{"latestRevision": True, "weight": 100}]}
    return {
        "properties": {
            "provisioningState": "Succeeded",
            "latestRevisionName": "shop--v2",
            "latestReadyRevisionName": "shop--v2",
            "configuration": {"activeRevisionsMode": "Single", "ingress": ingress},
            "template": {"containers": containers},
            **properties,
        }
    }


def container_group(*images: str, **variables: str) -> dict[str, Any]:
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    containers = [
        {"name": f"c{number}", "properties": {"image": image, "environmentVariables": environment}}
        for number, image in enumerate(images)
    ]
    return {"properties": {"provisioningState": "Succeeded", "osType": "Linux", "containers": containers}}


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@asynccontextmanager
async def deployed_world(
    authority: Authority, *, rules: str = RULES, limits: Limits | None = None, timeout_seconds: float = 1.0
) -> AsyncIterator[Deployed]:
    """Serve a registry and a Resource Manager, and open the app's ports on them."""
    async with AsyncExitStack() as stack:
        pushing = await stack.enter_async_context(world(authority, rules=rules, limits=limits))
        identity = Identity()
        raised: list[Event] = []
        arm = Arm(now=pushing.clock.now, identity=identity, on_event=raised.append, subscriptions=(SUBSCRIPTION,))
        arm.endpoint = await stack.enter_async_context(served(arm.app(), authority))
        reader = await stack.enter_async_context(opened_arm(arm, identity, timeout_seconds=timeout_seconds))
        pushing.app = replace(
            pushing.app, arm=reader, subscriptions=(SUBSCRIPTION,), default_registry=pushing.login_server
        )
        yield Deployed(pushing=pushing, arm=arm, identity=identity, raised=raised)


@asynccontextmanager
async def opened_arm(arm: Arm, identity: Identity, *, timeout_seconds: float = 1.0) -> AsyncIterator[ArmReader]:
    options = ArmOptions(request_timeout_seconds=timeout_seconds)
    reader = open_arm(arm.endpoint, credential=LocalToken(identity), options=options)
    try:
        yield reader
    finally:
        await reader.aclose()


@asynccontextmanager
async def served(app: web.Application, authority: Authority) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, ADDRESS, 0, ssl_context=authority.server_context(ADDRESS, "localhost")).start()
        yield f"https://{ADDRESS}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
