"""Whatever goes wrong at the registry or at Resource Manager: after the due work the end is the same."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import replace
from datetime import timedelta

import pytest

from localcloud.faults import Action, Answer, Challenged, Delay, Fault, Reset, Silence, Throttled
from localcloud.tls import Authority
from taglock.enforcement.context import Limits
from taglock.errors import HandOverFailed, LedgerError, PublishFailed
from tests.deploying.world import APP, SITE, Deployed, container_app, deployed_world, opened_arm
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, UNDELETABLE, opened_registry

QUICK = Limits(event_seconds=3.0, due_seconds=5.0)
CHILDREN = [plain("amd64"), plain("arm64")]
ROOT = index(*CHILDREN)
KEY = APP.lower()
FAULTS: dict[str, Action] = {
    "401 insufficient_scope": Challenged(error="insufficient_scope"),
    "404": Answer(status=404),
    "405": Answer(status=405),
    "429 with Retry-After": Throttled(retry_after_seconds=90),
    "500": Answer(status=500),
    "time-out": Silence(when="before"),
    "reset before": Reset(when="before"),
    "reset after send": Reset(when="after"),
}
ACTIONS = {
    "tag read": ("GET", "tag", ""),
    "tag update": ("PATCH", "tag", ""),
    "first child update": ("PATCH", "manifest", CHILDREN[0].digest),
    "index update": ("PATCH", "manifest", ROOT.digest),
    "token": ("POST", "token", ""),
}
ARM_FAULTS: dict[str, Action] = {
    "401": Challenged(),
    "408": Answer(status=408),
    "429 with Retry-After": Throttled(retry_after_seconds=90),
    "500": Answer(status=500),
    "503": Answer(status=503),
    "time-out": Silence(when="before"),
    "reset before": Reset(when="before"),
    "reset after send": Reset(when="after"),
}


def push_index(local: Deployed) -> str:
    for child in CHILDREN:
        local.push(None, child)
    local.push("2.0.0", ROOT)
    return local.event(local.reference("2.0.0"))


def assert_locked(local: Deployed) -> None:
    assert local.pushing.tag_flags("2.0.0") == LOCKED_TAG
    assert {local.pushing.flags(each) for each in (*CHILDREN, ROOT)} == {UNDELETABLE}


@asynccontextmanager
async def impatient(authority: Authority) -> AsyncIterator[Deployed]:
    """A world whose requests time out after a fifth of a second."""
    async with (
        deployed_world(authority, limits=QUICK, timeout_seconds=0.2) as local,
        opened_registry(local.pushing.login_server, request_timeout_seconds=0.2) as registry,
    ):
        local.pushing.app = replace(local.pushing.app, registries=lambda _login_server: registry)
        yield local


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("action", ACTIONS)
async def test_one_fault_of_the_registry_at_any_action_leads_to_the_same_end(
    authority: Authority, action: str, fault: str
) -> None:
    async with impatient(authority) as local:
        event = push_index(local)
        method, kind, match = ACTIONS[action]
        times = 1 if "Retry-After" in fault else 2
        faults = local.pushing.emulator.faults
        faults.add(Fault(action=FAULTS[fault], method=method, kind=kind, match=match, times=times))
        await local.deliver(event)
        # The governor measures real seconds: another process, with a fresh one, goes on with the due work.
        async with opened_registry(local.pushing.login_server, request_timeout_seconds=0.5) as fresh:
            local.pushing.app = replace(local.pushing.app, registries=lambda _login_server: fresh)
            await local.settle()
        assert_locked(local)
        assert await local.running() == {"shop": [ROOT.digest]}
        assert await local.findings() == []
        assert local.pushing.topic.types == ["Taglock.ImageLocked"]


@pytest.mark.parametrize("fault", ARM_FAULTS)
async def test_one_fault_of_resource_manager_leads_to_the_same_end(authority: Authority, fault: str) -> None:
    async with impatient(authority) as local:
        digest = local.push(None, plain("api"))
        event = await local.put(APP, container_app(local.reference(digest=digest)))
        times = 1 if "Retry-After" in fault else 4
        local.arm.faults.add(Fault(action=ARM_FAULTS[fault], method="GET", kind="", times=times))
        await local.deliver(event)
        # Waiting is measured in real seconds: another process, with a fresh reader, goes on with the due work.
        async with opened_arm(local.arm, local.identity) as fresh:
            local.pushing.app = replace(local.pushing.app, arm=fresh)
            await local.settle()
        assert local.pushing.flags(plain("api")) == UNDELETABLE
        assert await local.running() == {KEY: [digest]}
        assert await local.findings() == []
        assert local.pushing.topic.types == ["Taglock.ImageLocked"]


async def test_a_resource_that_cannot_be_read_for_a_day_is_reported_once_and_ends(local: Deployed) -> None:
    event = await local.put(APP, container_app(local.reference("1.4.2")))
    local.arm.faults.add(Fault(action=Answer(status=503), method="GET", kind="", times=None))
    await local.deliver(event)
    for _ in range(30):
        await local.pushing.tick(after=timedelta(hours=1))
    assert await local.unread() == []
    (finding,) = await local.findings()
    assert (finding.kind, finding.subject) == ("LOCK_FAILED", KEY)
    assert local.pushing.topic.types == ["Taglock.LockFailed"]


async def test_a_resource_that_can_never_be_read_is_reported_at_once_and_closed_when_it_can(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    body = container_app(local.reference(digest=digest))
    local.arm.faults.add(Fault(action=Answer(status=400), method="GET", kind="", times=1))
    (handled,) = await local.deliver(await local.put(APP, body))
    assert handled.outcome == "failed"
    assert len(await local.findings()) == 1
    local.later()
    await local.deliver(await local.put(APP, body))
    assert await local.findings() == []


async def test_a_tag_that_does_not_exist_is_reported_once_it_is_no_longer_young(local: Deployed) -> None:
    local.push("1.4.2", plain("other"))
    (handled,) = await local.deployed(local.reference("1.4.3"))
    assert handled.outcome == "unfinished"
    await local.settle()
    assert [finding.kind for finding in await local.findings()] == ["LOCK_FAILED"]
    local.push("1.4.3", plain("api"))
    local.later(minutes=1)
    await local.deployed(local.reference("1.4.3"))
    assert await local.findings() == []


async def test_cancelling_at_any_request_and_delivering_again_ends_the_same(authority: Authority) -> None:
    async with deployed_world(authority, limits=QUICK) as undisturbed:
        await undisturbed.deliver(push_index(undisturbed))
        requests = undisturbed.pushing.emulator.traffic.total
    for number in range(1, requests + 1):
        async with deployed_world(authority, limits=QUICK) as local:
            event = push_index(local)
            faults, traffic = local.pushing.emulator.faults, local.pushing.emulator.traffic
            faults.add(Fault(action=Silence(when="before"), skip=number - 1, times=1))
            handling = asyncio.create_task(local.deliver(event))
            while faults.pending or traffic.total < number - 1:  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0.005)
            handling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await handling
            await local.deliver(event)
            await local.settle()
            assert_locked(local)
            assert await local.running() == {"shop": [ROOT.digest]}
            assert local.pushing.topic.types == ["Taglock.ImageLocked"]


async def test_cancelling_while_resource_manager_is_asked_and_delivering_again_ends_the_same(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    event = await local.put(APP, container_app(local.reference(digest=digest)))
    local.arm.faults.add(Fault(action=Silence(when="before"), times=1))
    handling = asyncio.create_task(local.deliver(event))
    while local.arm.faults.pending:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.005)
    handling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handling
    await local.deliver(event)
    await local.settle()
    assert await local.running() == {KEY: [digest]}
    assert local.pushing.flags(plain("api")) == UNDELETABLE


class Broken:
    """A ledger that is down."""

    async def read(self, *_asked: object, **_options: object) -> Sequence[None]:
        raise LedgerError("down")

    scan = write = read


async def test_with_the_ledger_down_the_image_is_locked_and_the_event_comes_again(local: Deployed) -> None:
    digest = local.push("build-7", plain("api"))
    events = [local.event(local.reference("build-7"))]
    events.append(await local.put(APP, container_app(local.reference("build-7"))))
    working = local.pushing.app
    for event in events:
        local.pushing.app = replace(working, rows=Broken())  # type: ignore[arg-type]
        with pytest.raises(HandOverFailed):
            await local.deliver(event)
        assert local.pushing.flags(plain("api")) == UNDELETABLE
        local.pushing.app = working
        await local.deliver(event)
    assert await local.running() == {"shop": [digest], KEY: [digest]}


async def test_a_failing_topic_never_fails_a_lock_and_loses_no_event(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    local.pushing.topic.error = PublishFailed("down")
    (handled,) = await local.deployed(local.reference(digest=digest))
    assert handled.outcome == "locked"
    local.pushing.topic.error = None
    await local.pushing.tick()
    assert local.pushing.topic.types == ["Taglock.ImageLocked"]


async def test_resource_manager_that_never_answers_delays_no_registry(authority: Authority) -> None:
    async with deployed_world(authority, limits=Limits(event_seconds=1.0, due_seconds=1.0)) as local:
        digest = local.push(None, plain("api"))
        local.pushing.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="manifest", times=1))
        await local.deployed(local.reference(digest=digest))
        local.arm.faults.add(Fault(action=Silence(when="before"), times=None))
        await local.deliver(await local.put(APP, container_app(local.reference(digest=digest))))
        assert len(await local.unread()) == 1
        await local.pushing.tick(after=timedelta(minutes=1))
        assert local.pushing.flags(plain("api")) == UNDELETABLE
        assert await local.pushing.due() == []
        assert len(await local.unread()) == 1


async def test_a_registry_that_never_answers_delays_no_resource(authority: Authority) -> None:
    async with deployed_world(authority, limits=Limits(event_seconds=1.0, due_seconds=1.0)) as local:
        digest = local.push(None, plain("api"))
        local.pushing.emulator.faults.add(Fault(action=Silence(when="before"), times=None))
        await local.deployed(local.reference(digest=digest))
        local.arm.faults.add(Fault(action=Answer(status=503), times=None))
        await local.deliver(await local.put(APP, container_app("docker.io/library/redis:7")))
        local.arm.faults.clear()
        await local.pushing.tick(after=timedelta(minutes=5))
        assert await local.unread() == []
        assert (await local.workload(KEY)).elsewhere == ("docker.io/library/redis:7",)


async def test_one_resource_that_cannot_be_recorded_leaves_none_behind_the_answer(local: Deployed) -> None:
    tags = {SITE: "build-1", f"{SITE}/slots/staging": "build-2"}
    images = {place: plain(tag) for place, tag in tags.items()}
    for place, tag in tags.items():
        local.push(tag, images[place])
        local.arm.place([{"id": place, "properties": {"state": "Running"}, "tags": {"environment": "production"}}])
        version = {"linuxFxVersion": f"DOCKER|{local.reference(tag)}"}
        local.arm.place([{"id": f"{place}/config/web", "properties": version}])
    content = {"name": "portal", "sourceSlot": "staging", "targetSlot": "production"}
    event = local.cloud_event("Microsoft.Web.SlotSwapCompleted", content, source=SITE)
    local.pushing.app = replace(local.pushing.app, rows=Broken())  # type: ignore[arg-type]
    local.arm.faults.add(Fault(action=Delay(seconds=0.3), method="GET", kind="", times=1))
    with pytest.raises(HandOverFailed):
        await local.deliver(event)
    assert {local.pushing.flags(image) for image in images.values()} == {UNDELETABLE}


async def test_a_registry_that_left_the_allow_list_is_asked_nothing_more(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    event = local.event(local.reference(digest=digest))
    local.pushing.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="manifest", times=1))
    await local.deliver(event)
    local.pushing.app = replace(local.pushing.app, known_registries={})
    local.clear()
    await local.deliver(event)
    assert local.requests() == {}
