"""Audits as Azure runs them: Microsoft's worker, a timer, a queue and HTTP, over the whole local cloud."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest_asyncio

from localcloud.cloud import CloudOptions, LocalCloud
from localcloud.registry.seeding import Bulk, seed_bulk
from localcloud.registry.times import TICKS_PER_SECOND
from taglock.reporting.policy import SERVING_HEADERS

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30
PAUSE_SECONDS = 30
"""Before a message is delivered again (host.json)."""


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


async def run_of(cloud: LocalCloud, function: str, *, number: int) -> dict[str, Any]:
    """Wait until a function has run so often, and return that run."""
    async with asyncio.timeout(SECONDS):
        while True:
            _, told = await asked(cloud, "GET", "/admin/localcloud/runs")
            runs = [each for each in told["runs"] if each["function"] == function]
            if len(runs) > number:
                return dict(runs[number])
            await asyncio.sleep(0.1)


def blob(folder: Path, name: str) -> Path:
    return folder / "storage" / "blobs" / "taglock-reports" / name


async def reported(cloud: LocalCloud, registry: str) -> tuple[int, dict[str, str], str]:
    return await answered(cloud, f"/api/report/{registry}")


async def answered(cloud: LocalCloud, path: str) -> tuple[int, dict[str, str], str]:
    functions = cloud.state.functions
    assert functions is not None
    async with (
        aiohttp.ClientSession(headers={"x-functions-key": functions.keys.master}) as http,
        http.get(f"{functions.endpoint}{path}") as answer,
    ):
        return answer.status, dict(answer.headers), await answer.text()


async def test_a_finished_audit_stores_its_report_and_the_page_is_served_with_its_policy(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    registry = cloud.registry.login_server
    status, _, body = await reported(cloud, registry)
    assert (status, json.loads(body)["type"]) == (404, "urn:taglock:problem:unknown-report")
    _, answer = await asked(cloud, "POST", "/api/audit", {})
    audit_id = answer["audits"][0]["auditId"]
    await finished(cloud, audit_id)
    async with asyncio.timeout(SECONDS):
        while status != 200:  # outputs are written after the function has ended
            await asyncio.sleep(0.1)
            status, headers, page = await reported(cloud, registry)
    assert headers.items() >= SERVING_HEADERS.items()
    assert page.lower().startswith("<!doctype html>")
    assert "DRIFT" in page
    assert registry in page
    report = json.loads(blob(tmp_path, f"{registry}/latest.json").read_bytes())
    assert (report["audit_id"], report["verdict"], report["by_kind"]) == (audit_id, "DRIFT", {"UNLOCKED": 1})
    dated = f"dated/{registry}/{datetime.fromisoformat(report['started_at']):%Y-%m-%dT%H-%M-%SZ}"
    for suffix in ("html", "json"):
        latest = blob(tmp_path, f"{registry}/latest.{suffix}")
        assert blob(tmp_path, f"{dated}.{suffix}").read_bytes() == latest.read_bytes()


async def test_a_report_that_could_not_be_stored_is_made_again_when_its_message_comes_back(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    registry = cloud.registry.login_server
    in_the_way = blob(tmp_path, f"{registry}/latest.json") / "a blob is no folder"
    in_the_way.mkdir(parents=True)
    _, answer = await asked(cloud, "POST", "/api/audit", {})
    audit_id = answer["audits"][0]["auditId"]
    first = await run_of(cloud, "audit_registry", number=0)
    assert "latest.json" in first["failure"]
    assert (await finished(cloud, audit_id))["verdict"] == "DRIFT"
    in_the_way.rmdir()
    in_the_way.parent.rmdir()
    requests = cloud.registry.traffic.total
    await asked(cloud, "POST", "/admin/localcloud/clock", {"advance_seconds": PAUSE_SECONDS})
    assert (await run_of(cloud, "audit_registry", number=1))["failure"] is None
    assert json.loads(blob(tmp_path, f"{registry}/latest.json").read_bytes())["audit_id"] == audit_id
    assert cloud.registry.traffic.total == requests
    completed = [each for each in cloud.topic.published if each.event["type"] == "Taglock.AuditCompleted"]
    assert len(completed) == 1


async def test_the_overview_tells_of_every_registry_before_and_after_an_audit(cloud: LocalCloud) -> None:
    registry = cloud.registry.login_server
    status, headers, page = await answered(cloud, "/api/report")
    assert status == 200
    assert headers.items() >= SERVING_HEADERS.items()
    assert "NEVER AUDITED" in page
    _, answer = await asked(cloud, "POST", "/api/audit", {})
    await finished(cloud, answer["audits"][0]["auditId"])
    _, _, page = await answered(cloud, "/api/report")
    assert "DRIFT" in page
    assert f'href="report/{quote(registry, safe="")}"' in page
    status, headers, text = await answered(cloud, "/api/report?format=json")
    (known,) = json.loads(text)["registries"]
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert (known["registry"], known["last"]["verdict"], known["last"]["tags"]) == (registry, "DRIFT", 30)
    assert known["open_findings"] == {"critical": 1}


async def test_an_overview_in_another_format_is_refused(cloud: LocalCloud) -> None:
    status, _, text = await answered(cloud, "/api/report?format=yaml")
    assert (status, json.loads(text)["detail"]) == (400, "?format: 'yaml', expected html or json")


async def test_an_earlier_audit_is_told_of_in_numbers_once_another_has_begun(cloud: LocalCloud) -> None:
    told = []
    for _ in range(2):
        _, answer = await asked(cloud, "POST", "/api/audit", {})
        told.append(await finished(cloud, answer["audits"][0]["auditId"]))
    _, earlier = await asked(cloud, "GET", f"/api/audit/{told[0]['auditId']}")
    assert earlier == {name: told[0][name] for name in earlier}
    assert (earlier["verdict"], earlier["findings"], earlier["byKind"]) == ("DRIFT", 1, {"UNLOCKED": 1})
    assert (earlier["tags"], earlier["repositories"], earlier["unread"]) == (30, 1, 0)
    assert told[1]["newFindings"] == 0


async def test_a_report_of_a_registry_that_is_not_on_the_allow_list_is_not_served(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    known = cloud.registry.login_server
    for registry in (known, "other.azurecr.io"):
        planted = blob(tmp_path, f"{registry}/latest.html")
        planted.parent.mkdir(parents=True)
        planted.write_text("planted")
    assert (await reported(cloud, known))[::2] == (200, "planted")
    assert (await reported(cloud, "other.azurecr.io"))[0] == 404


async def test_the_timer_puts_one_message_for_each_registry_on_the_queue(cloud: LocalCloud) -> None:
    status, _ = await asked(cloud, "POST", "/admin/functions/drift_audit", {"input": ""})
    assert status == 202
    event = await completed(cloud)
    assert event["data"]["verdict"] == "DRIFT"
    assert (await finished(cloud, event["data"]["auditId"]))["requests"] == 4


async def test_what_cannot_be_asked_for_is_refused(cloud: LocalCloud) -> None:
    status, answer = await asked(cloud, "POST", "/api/audit", {"registry": "other.azurecr.io"})
    assert (status, answer["type"]) == (422, "urn:taglock:problem:unknown-registry")
    status, _ = await asked(cloud, "GET", "/api/audit/no-such-audit")
    assert status == 404


async def test_without_a_key_nobody_begins_or_watches_an_audit(cloud: LocalCloud) -> None:
    functions = cloud.state.functions
    assert functions is not None
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{functions.endpoint}/api/audit") as answer:
            assert answer.status == 401
        for path in ("audit/x", "report", f"report/{cloud.registry.login_server}"):
            async with http.get(f"{functions.endpoint}/api/{path}") as answer:
                assert answer.status == 401
