"""Many at once, large, hostile: everything has a bound and an answer, and nothing is lost."""

import asyncio
from datetime import timedelta

import pytest

from localcloud.tls import Authority
from taglock.domain.reference import Digest
from tests.deploying.world import APP, Deployed, container_app, deployed_world
from tests.pushing.images import plain
from tests.pushing.world import UNDELETABLE


async def test_500_events_at_once_end_as_500_workloads_with_one_request_each(authority: Authority) -> None:
    async with deployed_world(authority) as local:
        images = [plain(f"image {number}") for number in range(500)]
        events = []
        for number, image in enumerate(images):
            local.push(None, image)
            events.append(local.event(local.reference(digest=image.digest), workload=f"workload {number}"))
        local.clear()
        handled = [one for each in await asyncio.gather(*map(local.deliver, events)) for one in each]
        assert {one.outcome for one in handled} <= {"locked", "unfinished"}
        await local.settle()
        assert {local.pushing.flags(image) for image in images} == {UNDELETABLE}
        assert len(await local.running()) == 500
        patched = local.requests()["PATCH manifest"]
        assert patched <= 500 + sum(one.outcome == "unfinished" for one in handled)


async def test_500_deliveries_of_one_event_end_as_one(local: Deployed) -> None:
    digest = local.push("build-7", plain("api"))
    event = local.event(local.reference("build-7"))
    results = await asyncio.gather(*(local.deliver(event) for _ in range(500)), return_exceptions=True)
    assert any(not isinstance(result, BaseException) for result in results)
    await local.settle()
    assert await local.running() == {"shop": [digest]}
    assert len(await local.history()) == 1
    assert len({one.id for one in local.pushing.topic.events}) == 1


async def test_one_workload_deployed_50_times_at_once_runs_the_last(local: Deployed) -> None:
    digests = [local.push(None, plain(f"image {number}")) for number in range(50)]
    events = []
    for digest in digests:
        local.later()
        events.append(local.event(local.reference(digest=digest)))
    results = await asyncio.gather(*map(local.deliver, events), return_exceptions=True)
    for event, result in zip(events, results, strict=True):
        if isinstance(result, BaseException):
            await local.deliver(event)  # Event Grid delivers again what was not taken
    await local.settle()
    assert await local.running() == {"shop": [digests[-1]]}
    active = [row.digest for row in await local.history() if row.ended_at is None]
    assert active == [digests[-1]]


async def test_a_workload_with_300_images_is_locked_whole(local: Deployed) -> None:
    images = [plain(f"image {number}") for number in range(300)]
    references = [local.reference(digest=local.push(None, image)) for image in images]
    await local.deployed(*references)
    await local.settle()
    assert {local.pushing.flags(image) for image in images} == {UNDELETABLE}
    await local.deployed(*references[:1])
    assert await local.running() == {"shop": [images[0].digest]}
    assert sum(row.ended_at is None for row in await local.history()) == 1


async def test_keys_of_any_length_and_script_are_kept(local: Deployed) -> None:
    local.push("latest", plain("api"))
    for workload in ("x" * 1024, "ключ/" * 100, "a b#?\\/%", "日本" * 400):
        event = local.event(local.reference("latest"), workload=workload)
        local.later()
        local.push("latest", plain(workload))  # ambiguous: the finding's key holds the workload too
        await local.deliver(event)
        assert (await local.workload(workload)).runs
    assert len(await local.findings()) == 4


@pytest.mark.parametrize(
    "text", ["", "[]", "[" * 100_000, '{"id": "1", "type": "Taglock.ImageDeployed", "specversion": "1.0"}']
)
async def test_an_event_that_cannot_be_understood_is_journalled_and_published(local: Deployed, text: str) -> None:
    (handled,) = await local.deliver(text)
    assert handled.outcome == "rejected"
    assert local.pushing.topic.types == ["Taglock.EventRejected"]


async def test_an_event_decides_no_host(local: Deployed) -> None:
    """Whatever an event names, the registry is one of the allow-list and Resource Manager the configured one."""
    hostile = local.event("evil.example/prod/api:1", "127.0.0.1:1/prod/api:1", workload="x")
    await local.deliver(hostile)
    content = {"resourceUri": "https://evil.example/subscriptions/x"}
    (handled,) = await local.deliver(local.cloud_event("Microsoft.Resources.ResourceWriteSuccess", content))
    assert handled.outcome == "rejected"
    assert (local.requests(), local.asked()) == ({}, 0)


async def test_due_work_of_a_workload_that_no_longer_runs_the_tag_ends_quietly(local: Deployed) -> None:
    await local.deployed(local.reference("1.4.3"))
    assert len(await local.pushing.due()) == 1
    await local.deployed()
    local.push("1.4.3", plain("late"))
    await local.pushing.tick(after=timedelta(minutes=1))
    assert await local.pushing.due() == []
    assert await local.running() == {}
    assert (await local.who_runs(Digest(plain("late").digest))).deployments == ()


async def test_a_resource_without_references_we_can_read_is_no_failure(local: Deployed) -> None:
    (handled,) = await local.deliver(await local.put(APP, container_app("$(image)")))
    assert handled.outcome == "ignored"
