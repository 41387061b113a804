"""Whatever goes wrong at the registry: after the due work has run, the end is the same and nothing was loosened."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import replace
from datetime import timedelta

import pytest

from localcloud.faults import Action, Answer, Challenged, Fault, Reset, Silence, Throttled
from localcloud.registry.flags import Flags
from localcloud.tls import Authority
from taglock.enforcement.context import Limits
from taglock.errors import HandOverFailed, LedgerError, PublishFailed
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE, World, opened_registry, world

FAR = timedelta(hours=1)
QUICK = Limits(event_seconds=3.0, due_seconds=5.0)
CHILDREN = [plain("amd64"), plain("arm64"), plain("attestation")]
ROOT = index(*CHILDREN)

FAULTS: dict[str, Action] = {
    "401 insufficient_scope": Challenged(error="insufficient_scope"),
    "401 invalid_token": Challenged(error="invalid_token"),
    "404": Answer(status=404),
    "405": Answer(status=405),
    "429 with Retry-After": Throttled(retry_after_seconds=90),
    "500": Answer(status=500),
    "502": Answer(status=502),
    "time-out": Silence(when="before"),
    "reset before": Reset(when="before"),
    "reset after send": Reset(when="after"),
}
ACTIONS = {
    "tag update": ("PATCH", "tag", ""),
    "index read": ("GET", "manifest attributes", ""),
    "first child update": ("PATCH", "manifest", CHILDREN[0].digest),
    "last child update": ("PATCH", "manifest", CHILDREN[2].digest),
    "index update": ("PATCH", "manifest", ROOT.digest),
    "exchange": ("POST", "exchange", ""),
    "token": ("POST", "token", ""),
}


def push_index(local: World) -> str:
    for child in CHILDREN:
        local.push(None, child)
    return local.push("2.0.0", ROOT)


def observed(local: World) -> tuple[Flags, ...]:
    return (local.tag_flags("2.0.0"), *(local.flags(each) for each in (*CHILDREN, ROOT)))


LOCKED = (LOCKED_TAG, *[UNDELETABLE] * 4)


@asynccontextmanager
async def impatient(authority: Authority) -> AsyncIterator[World]:
    """A world whose requests time out after a fifth of a second."""
    async with (
        world(authority, limits=QUICK) as local,
        opened_registry(local.login_server, request_timeout_seconds=0.2) as registry,
    ):
        local.app = replace(local.app, registries=lambda _login_server: registry)
        yield local


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("action", ACTIONS)
async def test_one_fault_at_any_action_leads_to_the_same_end(authority: Authority, action: str, fault: str) -> None:
    async with impatient(authority) as local:
        event = push_index(local)
        method, kind, match = ACTIONS[action]
        # Twice, so that the client's own second try does not hide it; after a long Retry-After it does not try.
        times = 1 if "Retry-After" in fault else 2
        local.emulator.faults.add(Fault(action=FAULTS[fault], method=method, kind=kind, match=match, times=times))
        await local.deliver(event)
        assert await local.due() or observed(local) == LOCKED
        # The governor measures real seconds: another process, with a fresh one, goes on with the due work.
        async with opened_registry(local.login_server, request_timeout_seconds=0.5) as fresh:
            local.app = replace(local.app, registries=lambda _login_server: fresh)
            await local.settle()
        assert observed(local) == LOCKED
        assert (await local.releases())["2.0.0"].digest == ROOT.digest
        assert await local.findings() == []
        assert [entry.outcome for entry in await local.journal()][-1:] == ["locked"]
        assert local.topic.types == ["Taglock.ImageLocked"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_fails_for_a_whole_day_is_reported_once_and_ends(authority: Authority, fault: str) -> None:
    async with impatient(authority) as local:
        image = plain("api")
        event = local.push("1.4.2", image)
        local.emulator.faults.add(Fault(action=FAULTS[fault], method="PATCH", kind="tag", times=None))
        await local.deliver(event)
        local.emulator.options.access_token_seconds = 10**9
        for _ in range(30):
            async with opened_registry(local.login_server, request_timeout_seconds=0.1) as fresh:
                local.app = replace(local.app, registries=lambda _login_server, fresh=fresh: fresh)
                await local.tick(after=FAR)
        assert await local.due() == []
        (finding,) = await local.findings()
        assert finding.kind == "LOCK_FAILED"
        assert "tag" in finding.observed
        assert local.topic.types == ["Taglock.LockFailed"]
        assert local.flags(image) == UNDELETABLE  # what could be locked is locked


async def test_a_lock_that_works_at_last_closes_its_finding(local: World) -> None:
    image = plain("api")
    event = local.push("1.4.2", image)
    local.emulator.faults.add(Fault(action=Answer(status=403), method="PATCH", kind="tag", times=1))
    assert (await local.deliver(event)).outcome == "failed"
    assert len(await local.findings()) == 1
    assert (await local.deliver(event)).outcome == "locked"
    assert await local.findings() == []


async def test_a_missing_permission_is_named_with_the_role_that_gives_it(local: World) -> None:
    event = local.push("1.4.2", plain("api"))
    local.emulator.faults.add(Fault(action=Challenged(error="insufficient_scope"), method="PATCH", kind="tag", times=1))
    handled = await local.deliver(event)
    assert handled.outcome == "unfinished"
    assert any("role" in problem.lower() for problem in handled.problems)


async def test_a_child_that_comes_late_is_locked_by_the_due_work(local: World) -> None:
    child, late = plain("child"), plain("late")
    local.push(None, child)
    root = index(child, late)
    handled = await local.deliver(local.push("2.0.0", root))
    assert handled.outcome == "unfinished"
    assert local.flags(child) == UNDELETABLE
    assert local.flags(root) == OPEN  # never a locked index over a loose child
    local.push(None, late)
    await local.settle()
    assert {local.flags(each) for each in (child, late, root)} == {UNDELETABLE}


async def test_an_image_that_vanished_is_reported_once_it_is_no_longer_young(local: World) -> None:
    event = local.push("1.4.2", plain("api"))
    local.emulator.store.untag("prod/api", "1.4.2")
    assert (await local.deliver(event)).outcome == "unfinished"
    await local.settle()
    assert [finding.kind for finding in await local.findings()] == ["LOCK_FAILED"]


async def test_an_index_without_references_is_read_by_its_content(local: World) -> None:
    local.emulator.options.index_references = "absent"
    event = push_index(local)
    assert (await local.deliver(event)).outcome == "locked"
    assert observed(local) == LOCKED
    assert local.requests()["GET manifest"] == 1


async def test_an_index_that_nobody_can_open_stays_unlocked_and_is_reported(local: World) -> None:
    local.emulator.options.index_references = "absent"
    local.emulator.faults.add(
        Fault(action=Challenged(error="insufficient_scope"), method="GET", kind="manifest", times=None)
    )
    assert (await local.deliver(push_index(local))).outcome == "unfinished"
    assert local.tag_flags("2.0.0") == LOCKED_TAG
    assert local.flags(ROOT) == OPEN  # locking it would take its children off the list that purge spares
    assert "CLOSURE_UNKNOWN" in [finding.kind for finding in await local.findings()]


async def test_cancelling_at_any_request_and_delivering_again_ends_the_same(authority: Authority) -> None:
    for number in range(1, 9):
        async with world(authority, limits=QUICK) as local:
            event = push_index(local)
            local.emulator.faults.add(Fault(action=Silence(when="before"), skip=number - 1, times=1))
            handling = asyncio.create_task(local.deliver(event))
            await reached(local, number)
            handling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await handling
            assert LOCKED[4] != local.flags(ROOT) or observed(local)[1:4] == LOCKED[1:4]  # children before index
            await local.deliver(event)
            await local.settle()
            assert observed(local) == LOCKED
            assert local.topic.types == ["Taglock.ImageLocked"]


async def reached(local: World, number: int) -> None:
    """Return once the app has sent its request of that number, which is never answered."""
    while local.emulator.faults.pending or local.emulator.traffic.total < number - 1:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.005)


async def test_a_failing_topic_never_fails_a_lock_and_loses_no_event(local: World) -> None:
    local.topic.error = PublishFailed("down")
    assert (await local.deliver(local.push("1.4.2", plain("api")))).outcome == "locked"
    assert local.topic.events == []
    local.topic.error = None
    await local.tick()
    assert local.topic.types == ["Taglock.ImageLocked"]
    await local.tick()
    assert local.topic.types == ["Taglock.ImageLocked"]


class Broken:
    """A ledger that is down."""

    async def read(self, *_asked: object, **_options: object) -> Sequence[None]:
        raise LedgerError("down")

    scan = write = read


async def test_with_the_ledger_down_the_image_is_locked_and_the_event_comes_again(local: World) -> None:
    image = plain("api")
    event = local.push("1.4.2", image)
    working = local.app
    local.app = replace(working, rows=Broken())  # type: ignore[arg-type]
    with pytest.raises(HandOverFailed):
        await local.deliver(event)
    assert local.flags(image) == UNDELETABLE
    local.app = working
    assert (await local.deliver(event)).outcome == "locked"
