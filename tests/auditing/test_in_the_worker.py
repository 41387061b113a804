"""Audits as Azure runs them: Microsoft's worker, a timer, a queue and HTTP, over the whole local cloud."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio

from localcloud.cloud import CloudOptions, LocalCloud
from localcloud.registry.seeding import Bulk, seed_bulk
from localcloud.registry.times import TICKS_PER_SECOND

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30


@pytest_asyncio.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(app=ROOT, folder=tmp_path)) as running:
        seed_bulk(running.registry.store, "prod/api", Bulk(images=30, tag="1.0.{}"))
        for tag in running.registry.store.repository("prod/api").tags.records():
            tag.updated -= 3600 * TICKS_PER_SECOND  # older than the grace
        yield running


async def asked(cloud: LocalCloud, method: str, path: str, body: object = None) -> tuple[int, Any]:
    functions = cloud.state.functions
    assert functions is not None
    headers = {"x-functions-key": functions.keys.master}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.request(method, f"{functions.endpoint}{path}", json=body) as answer,
    ):
        text = await answer.text()
        return answer.status, await answer.json() if text else None


async def finished(cloud: LocalCloud, audit_id: str) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        while True:
            _, told = await asked(cloud, "GET", f"/api/audit/{audit_id}")
            if told["phase"] == "finished":
                return dict(told)
            await asyncio.sleep(0.1)


async def completed(cloud: LocalCloud) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        while True:
            for one in cloud.topic.published:
                if one.event["type"] == "Taglock.AuditCompleted":
                    return dict(one.event)
            await asyncio.sleep(0.1)


async def test_an_audit_that_is_asked_for_runs_through_the_queue_and_tells_its_progress(cloud: LocalCloud) -> None:
    status, answer = await asked(cloud, "POST", "/api/audit", {})
    assert status == 202
    (begun,) = answer["audits"]
    assert (begun["registry"], begun["joined"]) == (cloud.registry.login_server, False)
    told = await finished(cloud, begun["auditId"])
    assert (told["tags"], told["manifests"], told["verdict"], told["unread"]) == (30, 30, "DRIFT", 0)
    event = await completed(cloud)
    assert (event["data"]["auditId"], event["data"]["byKind"]) == (begun["auditId"], {"UNLOCKED": 1})


async def test_the_timer_puts_one_message_for_each_registry_on_the_queue(cloud: LocalCloud) -> None:
    status, _ = await asked(cloud, "POST", "/admin/functions/drift_audit", {"input": ""})
    assert status == 202
    event = await completed(cloud)
    assert event["data"]["verdict"] == "DRIFT"
    assert (await finished(cloud, event["data"]["auditId"]))["requests"] == 4


async def test_what_cannot_be_asked_for_is_refused(cloud: LocalCloud) -> None:
    status, answer = await asked(cloud, "POST", "/api/audit", {"registry": "other.azurecr.io"})
    assert (status, answer["error"].partition(":")[0]) == (400, "$.registry")
    status, _ = await asked(cloud, "GET", "/api/audit/no-such-audit")
    assert status == 404


async def test_without_a_key_nobody_begins_or_watches_an_audit(cloud: LocalCloud) -> None:
    functions = cloud.state.functions
    assert functions is not None
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{functions.endpoint}/api/audit") as answer:
            assert answer.status == 401
        async with http.get(f"{functions.endpoint}/api/audit/x") as answer:
            assert answer.status == 401
