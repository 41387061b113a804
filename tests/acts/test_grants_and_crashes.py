"""A process that dies at any request or ledger write leaves nothing unlocked for longer than its time."""

from contextlib import suppress

import pytest

from localcloud.tls import Authority
from taglock.domain.ledger import FindingKind
from tests.acts.loosened import CHILDREN, HALF_AN_HOUR, ROOT, TICK, accepted, ended, released, retired, unlocked
from tests.acts.test_accept import MOVED, moved
from tests.acts.world import ActWorld, Killed, acting
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE

CLOSURE = [ROOT, *CHILDREN]
OTHER = index(CHILDREN[0], name="other")


async def prepared(made: ActWorld) -> None:
    await released(made)
    await made.pushing.deliver(made.push("2.0.0", OTHER))


def expect_locked(made: ActWorld) -> None:
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in CLOSURE)


async def expect_settled(made: ActWorld) -> None:
    assert await made.due() == []
    assert (await made.marks()).by_target == {}
    assert FindingKind.GRANT_OVERDUE not in await made.findings()


async def over(made: ActWorld) -> None:
    """Let a new process run, until the time of the grant and one tick more have passed."""
    made.restarted()
    begun = made.pushing.clock.now()
    while made.pushing.clock.now() < begun + HALF_AN_HOUR + TICK:
        await made.pushing.tick(after=TICK)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("request_number", range(14))
async def test_dying_at_a_request_of_an_unlock(authority: Authority, request_number: int, after: bool) -> None:
    async with acting(authority) as made:
        await prepared(made)
        made.dying(request_number, after=after)
        try:
            await unlocked(made, "1.0.0")
        except Killed:
            assert made.flags(CHILDREN[0]) == UNDELETABLE
            await over(made)
            expect_locked(made)
            await expect_settled(made)
        else:
            assert request_number >= 10


@pytest.mark.parametrize("writes", range(12))
async def test_dying_at_a_ledger_write_of_an_unlock(authority: Authority, writes: int) -> None:
    async with acting(authority) as made:
        await prepared(made)
        made.rows.die_before_write = writes
        try:
            await unlocked(made, "1.0.0")
        except Killed:
            assert made.flags(CHILDREN[0]) == UNDELETABLE
            await over(made)
            expect_locked(made)
            await expect_settled(made)
        else:
            assert writes >= 7


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("request_number", range(7))
async def test_dying_at_a_request_of_an_end(authority: Authority, request_number: int, after: bool) -> None:
    async with acting(authority) as made:
        await prepared(made)
        answer = await unlocked(made, "1.0.0")
        made.dying(request_number, after=after)
        try:
            await ended(made, answer.act.id)
        except Killed:
            made.restarted()
            for _ in range(4):
                await made.pushing.tick(after=TICK)
        else:
            assert request_number >= 5
        expect_locked(made)
        await expect_settled(made)


@pytest.mark.parametrize("writes", range(10))
async def test_dying_at_a_ledger_write_of_an_end(authority: Authority, writes: int) -> None:
    async with acting(authority) as made:
        await prepared(made)
        answer = await unlocked(made, "1.0.0")
        made.rows.die_before_write = writes
        try:
            await ended(made, answer.act.id)
        except Killed:
            await over(made)  # before the end is stored, the grant's own time ends it
        else:
            assert writes >= 6
        expect_locked(made)
        await expect_settled(made)


@pytest.mark.parametrize("writes", range(14))
async def test_dying_at_a_ledger_write_while_the_moved_tag_is_made_the_release(
    authority: Authority, writes: int
) -> None:
    async with acting(authority) as made:
        await prepared(made)
        answer = await unlocked(made, "1.0.0")
        rebuilt = index(CHILDREN[1], name="rebuilt")
        made.push("1.0.0", rebuilt)
        made.rows.die_before_write = writes
        try:
            await ended(made, answer.act.id)
        except Killed:
            await over(made)
        else:
            assert writes >= 9
        assert made.tag_flags("1.0.0") == LOCKED_TAG
        assert (await made.pushing.releases())["1.0.0"].digest == rebuilt.digest
        assert all(made.flags(each) == UNDELETABLE for each in (rebuilt, CHILDREN[0], CHILDREN[1]))
        assert all(made.flags(each) == OPEN for each in (ROOT, CHILDREN[2]))
        await expect_settled(made)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("request_number", range(14))
async def test_dying_at_a_request_of_a_retirement(authority: Authority, request_number: int, after: bool) -> None:
    async with acting(authority) as made:
        await prepared(made)
        made.dying(request_number, after=after)
        try:
            await retired(made, "1.0.0")
        except Killed:
            made.restarted()
            if await made.due():
                await made.settle()
            else:  # it died before anything was stored
                await retired(made, "1.0.0")
                await made.settle()
        else:
            await made.settle()
        expect_retired(made)
        assert set(await made.pushing.releases()) == {"2.0.0"}


@pytest.mark.parametrize("writes", range(12))
async def test_dying_at_a_ledger_write_of_a_retirement(authority: Authority, writes: int) -> None:
    async with acting(authority) as made:
        await prepared(made)
        made.rows.die_before_write = writes
        try:
            await retired(made, "1.0.0")
        except Killed:
            made.restarted()
            await made.settle()
            if "1.0.0" in await made.pushing.releases():  # it died before the act was stored
                assert writes <= 2
                await retired(made, "1.0.0")
        made.restarted()
        await made.settle()
        expect_retired(made)
        assert set(await made.pushing.releases()) == {"2.0.0"}


def expect_retired(made: ActWorld) -> None:
    assert made.tag_flags("1.0.0") == OPEN
    assert all(made.flags(each) == OPEN for each in (ROOT, *CHILDREN[1:]))
    assert made.flags(CHILDREN[0]) == UNDELETABLE


@pytest.mark.parametrize("writes", range(10))
async def test_dying_at_a_ledger_write_of_an_acceptance(authority: Authority, writes: int) -> None:
    async with acting(authority) as made:
        await released(made)
        await moved(made)
        made.rows.die_before_write = writes
        try:
            await accepted(made, "1.0.0", MOVED)
        except Killed:
            made.restarted()
            await made.settle()
            if (await made.pushing.releases())["1.0.0"].digest == ROOT.digest:
                assert writes <= 1
                await accepted(made, "1.0.0", MOVED)
        made.restarted()
        assert (await made.pushing.releases())["1.0.0"].digest == MOVED.digest
        assert made.tag_flags("1.0.0") == LOCKED_TAG
        assert await made.findings() == {} and await made.due() == []


MANY = [plain(f"child {number}") for number in range(120)]


@pytest.mark.parametrize("writes", range(0, 22, 2))
async def test_dying_while_more_targets_are_stored_than_one_write_takes(authority: Authority, writes: int) -> None:
    async with acting(authority) as made:
        for child in MANY:
            made.push(None, child)
        root = index(*MANY)
        await made.pushing.deliver(made.push("1.0.0", root))
        await made.settle()
        made.rows.die_before_write = writes
        with suppress(Killed):
            await unlocked(made, "1.0.0")
        await over(made)
        assert made.tag_flags("1.0.0") == LOCKED_TAG
        assert all(made.flags(each) == UNDELETABLE for each in (root, *MANY))
        await expect_settled(made)
