"""The unpacked zip as Azure runs it: Microsoft's worker, the packages of the zip, and a run of every function."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from localcloud.cloud import CloudOptions, LocalCloud
from localcloud.event_grid.events import Schema
from localcloud.functions.launch import Launch, RunningHost, launched
from localcloud.subscribed import subscriptions
from tests.pushing.images import plain
from tests.pushing.world import LOCKED_TAG, ORIGIN
from tools.package.build import PACKAGES

pytestmark = pytest.mark.long
SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """The app in a host of its own, and the cloud around it."""

    cloud: LocalCloud
    host: RunningHost
    http: aiohttp.ClientSession
    log: Path

    async def asked(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        async with self.http.request(method, f"{self.host.endpoint}{path}", json=body) as answer:
            return answer.status, await answer.text()

    async def indexed(self) -> Mapping[str, str]:
        """Each function with the type of its trigger, as the worker indexed it."""
        _, text = await self.asked("GET", "/admin/functions")
        return {
            each["name"]: next(kind for one in each["config"]["bindings"] if (kind := one["type"]).endswith("Trigger"))
            for each in json.loads(text)
        }

    async def runs(self) -> list[dict[str, Any]]:
        _, text = await self.asked("GET", "/admin/localcloud/runs")
        return list(json.loads(text)["runs"])

    async def ended(self, function: str) -> str | None:
        """Wait for a run of a function and return how the first one failed, None when it did not."""
        async with asyncio.timeout(SECONDS):
            while True:
                for run in await self.runs():
                    if run["function"] == function:
                        return str(run["failure"]) if run["failure"] is not None else None
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture
async def hosted(
    unpacked: Path, python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hosted]:
    # On Azure the worker puts this folder on its path.
    monkeypatch.setenv("PYTHONPATH", str(unpacked / PACKAGES))
    async with LocalCloud(CloudOptions(folder=tmp_path / "cloud")) as cloud:
        cloud.registry.options.missing_content = "allowed"
        launch = Launch(
            app=unpacked,
            storage=tmp_path / "storage",
            log=tmp_path / "host.log",
            environment={"AzureWebJobsStorage": "none", **cloud.environment()},
            python=str(python),
        )
        async with (
            launched(launch) as host,
            aiohttp.ClientSession(headers={"x-functions-key": host.keys.master}) as http,
        ):
            for subscription in subscriptions(host, Schema.EVENT_GRID):
                await cloud.event_grid.subscribe(subscription)
            yield Hosted(cloud=cloud, host=host, http=http, log=launch.log)


type Run = Callable[[Hosted], Awaitable[None]]


async def push(hosted: Hosted) -> None:
    hosted.cloud.registry.store.push("prod/api", "1.4.2", plain("api"), ORIGIN)


async def delete(hosted: Hosted) -> None:
    image = plain("deleted")
    hosted.cloud.registry.store.push("dev/api", "latest", image, ORIGIN)
    hosted.cloud.registry.store.delete_manifest("dev/api", image.digest, ORIGIN)


async def deploy(hosted: Hosted) -> None:
    image = f"{hosted.cloud.registry.login_server}/prod/api@{plain('api').digest}"
    told = {"workload": "aks/shop/api", "environment": "production", "deployer": "test", "images": [image]}
    event = {"specversion": "1.0", "id": "deployed", "source": "/shop", "type": "Taglock.ImageDeployed", "data": told}
    hook = f"/runtime/webhooks/EventGrid?functionName=image_deployed&code={hosted.host.keys.eventgrid}"
    address = f"{hosted.host.endpoint}{hook}"
    async with hosted.http.post(
        address, json={**event, "time": "2026-01-01T00:00:00Z"}, headers={"aeg-event-type": "Notification"}
    ) as answer:
        assert answer.status == 202, hosted.log.read_text()[-4000:]


async def audit(hosted: Hosted) -> None:
    status, _ = await hosted.asked("POST", "/api/audit", {})
    assert status == 202


async def queued_by_the_audit(hosted: Hosted) -> None:
    """The message of the audit that was asked for starts it."""


def asks(method: str, path: str, *expected: int) -> Run:
    """Ask with an empty document, for an answer that only the function itself can give."""

    async def ask(hosted: Hosted) -> None:
        address = path.format(registry=hosted.cloud.registry.login_server)
        status, body = await hosted.asked(method, f"/api/{address}", {} if method == "POST" else None)
        assert status in expected, f"{status}: {body}\n{hosted.log.read_text()[-4000:]}"

    return ask


def timer(function: str) -> Run:
    async def tick(hosted: Hosted) -> None:
        status, _ = await hosted.asked("POST", f"/admin/functions/{function}", {"input": ""})
        assert status == 202

    return tick


INPUTS: Mapping[str, Run] = {
    "image_pushed": push,
    "image_deleted": delete,
    "image_deployed": deploy,
    "audit": audit,
    "audit_registry": queued_by_the_audit,
    "audit_progress": asks("GET", "audit/no-such-audit", 404),
    "reports": asks("GET", "report", 200),
    "report": asks("GET", "report/{registry}", 200, 404),
    "health": asks("GET", "health", 200, 503),
    "doctor": asks("GET", "doctor", 200, 503),
    "openapi": asks("GET", "openapi.json", 200),
    **{act: asks("POST", act, 400, 403) for act in ("quarantine", "unlock", "hold", "retire", "accept")},
    "retire_many": asks("POST", "retire/many", 400, 403),
    "quarantines": asks("GET", "quarantine", 200),
    "quarantine_shown": asks("GET", "quarantine/none", 404),
    "quarantine_lift": asks("POST", "quarantine/none/lift", 400, 403, 404),
    "unlock_end": asks("POST", "unlock/none/end", 400, 403, 404),
    "hold_end": asks("POST", "hold/none/end", 400, 403, 404),
}
"""What starts each function that is not a timer. A new one needs a line here."""


def prepared(function: str, trigger: str) -> Run:
    if function in INPUTS:
        return INPUTS[function]
    assert trigger == "timerTrigger", f"no input is prepared for {function!r} ({trigger}): give it a line in INPUTS"
    return timer(function)


async def test_every_function_of_the_zip_is_indexed_and_runs(hosted: Hosted) -> None:
    indexed = await hosted.indexed()
    assert set(indexed) == set(hosted.host.functions)
    for function, trigger in indexed.items():
        await prepared(function, trigger)(hosted)
    failures = {function: await hosted.ended(function) for function in indexed}
    assert not {function: failure for function, failure in failures.items() if failure is not None}
    assert hosted.cloud.registry.store.tag("prod/api", "1.4.2").flags == LOCKED_TAG


def test_a_function_without_an_input_is_told_by_name() -> None:
    with pytest.raises(AssertionError, match="no input is prepared for 'teapot'"):
        prepared("teapot", "httpTrigger")
