"""A process that dies between two partitions of one write, as it can with Azure Tables, leaves nothing behind."""

from collections.abc import Sequence
from copy import replace
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from localcloud.faults import Answer, Fault
from localcloud.tls import Authority
from taglock.adapters.ledger_limits import checked_changes
from taglock.domain.audit.rows import known_repository_key
from taglock.domain.reference import Repository
from taglock.domain.row import Change, Row, RowKey
from taglock.ports import RowStore
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, World, world


class Killed(BaseException):
    """The host ended the process here."""


@dataclass
class ByPartition:
    """Rows whose writes are all or nothing only within a partition; the process dies before one of them."""

    inner: RowStore
    left: int

    async def read(self, keys: Sequence[RowKey]) -> Sequence[Row | None]:
        return await self.inner.read(keys)

    async def scan(self, partition: str, **range_: Any) -> Sequence[Row]:
        return await self.inner.scan(partition, **range_)

    async def write(self, changes: Sequence[Change]) -> None:
        for of_partition in checked_changes(changes).values():
            if not self.left:
                raise Killed
            self.left -= 1
            await self.inner.write(of_partition)


async def killed_after(local: World, writes: int, *, due: bool, event: str) -> bool:
    """Handle an event, or what is due, until the process dies; tell whether it did."""
    working = local.app
    local.app = replace(working, rows=ByPartition(working.rows, writes))
    try:
        if due:
            await local.tick(after=timedelta(minutes=5))
        else:
            await local.deliver(event)
    except Killed:
        return True
    finally:
        local.app = working
    return False


@pytest.mark.parametrize("due", [False, True], ids=["event", "due work"])
@pytest.mark.parametrize("writes", range(7))
async def test_a_crash_between_two_partitions_is_made_good(authority: Authority, writes: int, due: bool) -> None:
    async with world(authority) as local:
        children = [plain("amd64"), plain("arm64")]
        for child in children:
            local.push(None, child)
        event = local.push("2.0.0", index(*children))
        status = 405 if due else 403
        local.emulator.faults.add(Fault(action=Answer(status=status), method="PATCH", kind="tag", times=1))
        await local.deliver(event)
        assert len(await local.due()) == (1 if due else 0)
        assert len(await local.findings()) == (0 if due else 1)
        local.clock.advance(timedelta(seconds=1))
        await killed_after(local, writes, due=due, event=event)
        if due:
            await local.settle()
        else:
            await local.deliver(event)
        await local.tick()
        assert local.tag_flags("2.0.0") == LOCKED_TAG
        assert (await local.releases())["2.0.0"].manifests == 3
        assert await local.due() == []
        assert await local.findings() == []
        assert len({one.id for one in local.topic.events if one.type == "Taglock.ImageLocked"}) == 1
        (repository,) = await local.app.rows.read([known_repository_key(local.login_server, Repository("prod/api"))])
        assert repository is not None


async def test_the_crashes_reach_into_the_writing(local: World) -> None:
    event = local.push("1.4.2", plain("api"))
    assert await killed_after(local, 3, due=False, event=event)


async def test_an_old_event_again_does_not_close_what_a_newer_one_failed_at(local: World) -> None:
    local.emulator.options.same_digest_to_locked_tag = "allowed"
    image = plain("api")
    old = local.push("1.4.2", image)
    await local.deliver(old)
    local.clock.advance(timedelta(minutes=1))
    newer = local.push("1.4.2", image)
    local.emulator.faults.add(Fault(action=Answer(status=403), method="PATCH", kind="tag", times=1))
    assert (await local.deliver(newer)).outcome == "failed"
    assert (await local.deliver(old)).outcome == "already"
    assert len(await local.findings()) == 1
