"""Grants and everybody else: two who unlock at once, locks under way, quarantines that begin meanwhile, early ends."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from copy import replace
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from taglock.domain.acts.act import Outcome, Phase
from taglock.domain.state import AttributeUpdate, ManifestState
from taglock.errors import ActRefused, LedgerError, Refusal, Unavailable
from taglock.ports import Registry
from tests.acts.loosened import CHILDREN, HALF_AN_HOUR, ROOT, TICK, ended, fail, heal, released, runs, shown, unlocked
from tests.acts.test_accept import Broken
from tests.acts.world import ActWorld, Killed, outcomes
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE

CLOSURE = [ROOT, *CHILDREN]


def expect_locked(made: ActWorld) -> None:
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in CLOSURE)


@dataclass
class Interrupted:
    """A registry in which something happens just before the update of one manifest."""

    inner: Registry
    digest: str
    happens: Any
    happened: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def update_manifest(self, update: AttributeUpdate) -> ManifestState:
        if update.target.name == self.digest and not self.happened:
            self.happened.append(self.digest)
            await self.happens()
        return await self.inner.update_manifest(update)


def interrupt(made: ActWorld, digest: str, happens: Any) -> None:
    registry = made.pushing.app.registries(made.pushing.login_server)
    calm = made.pushing.app

    async def in_calm() -> None:
        interrupted, made.pushing.app = made.pushing.app, calm
        try:
            await happens()
        finally:
            made.pushing.app = interrupted

    interrupted = Interrupted(registry, digest, in_calm)
    made.pushing.app = replace(calm, registries=lambda _server: interrupted)


# -- at the same time ---------------------------------------------------------------------------------------------


async def test_two_who_unlock_at_once_get_one_grant(made: ActWorld) -> None:
    await released(made)
    answers = await asyncio.gather(*(unlocked(made, "1.0.0") for _ in range(5)))
    assert len({answer.act.id for answer in answers}) == 1
    assert sum(not answer.joined for answer in answers) == 1
    assert len(await made.due()) == 1
    await ended(made, answers[0].act.id)
    expect_locked(made)
    assert (await made.marks()).by_target == {}


async def test_unlocks_that_share_a_child_made_by_hand_grant_it_once(made: ActWorld) -> None:
    roots = {f"night-{number}": index(CHILDREN[0], name=str(number)) for number in range(6)}
    made.push(None, CHILDREN[0])
    made.set_manifest(CHILDREN[0], write=False)
    for tag, root in roots.items():
        made.push(tag, root)
        made.set_manifest(root, write=False)
    answers = await asyncio.gather(*(unlocked(made, tag) for tag in roots))
    found = [outcomes(answer)[CHILDREN[0].digest[7:19]] for answer in answers]
    assert sorted(found) == [Outcome.APPLIED, *[Outcome.KEPT] * 5]
    await asyncio.gather(*(ended(made, answer.act.id) for answer in answers))
    assert not made.flags(CHILDREN[0]).write
    assert not any(made.flags(root).write for root in roots.values())
    await made.settle()  # the rules look at each tag once more, as it was no release
    assert (await made.marks()).by_target == {} and await made.due() == []


async def test_a_release_recorded_while_its_child_is_unlocked_is_locked_again(made: ActWorld) -> None:
    """Its lock had read the marks before they were there, and its update came before the unlock's."""
    await released(made)
    other = index(CHILDREN[0], name="other")

    async def lock() -> None:
        await deliver_blindly(made, "2.0.0", other)

    interrupt(made, CHILDREN[0].digest, lock)
    answer = await unlocked(made, "1.0.0")
    kept = next(each for each in answer.targets if each.target.name == CHILDREN[0].digest)
    assert (kept.outcome, kept.message) == (Outcome.KEPT, "the release 2.0.0 needs it")
    assert made.flags(CHILDREN[0]) == UNDELETABLE
    await ended(made, answer.act.id)
    expect_locked(made)


async def test_a_quarantine_that_begins_while_a_child_is_unlocked_keeps_it(made: ActWorld) -> None:
    await released(made)
    begun: list[str] = []

    async def quarantine() -> None:
        begun.append((await made.quarantine("1.0.0", acknowledge=ROOT.digest)).act.id)

    interrupt(made, CHILDREN[0].digest, quarantine)
    answer = await unlocked(made, "1.0.0")
    for each in CLOSURE:
        assert not made.flags(each).read and not made.flags(each).delete
    await ended(made, answer.act.id)
    await made.lift(begun[0], force=True)
    await made.settle()
    expect_locked(made)


async def test_an_end_that_overtakes_the_unlock_wins(made: ActWorld) -> None:
    await released(made)
    at_once: list[str] = []

    async def end() -> None:
        (due,) = await made.due()
        at_once.append(due.subject.act)  # type: ignore[union-attr]  # nothing else is due
        await ended(made, due.subject.act)  # type: ignore[union-attr]  # as above

    interrupt(made, CHILDREN[0].digest, end)
    with pytest.raises(ActRefused) as refused:
        await unlocked(made, "1.0.0")
    assert refused.value.refusal is Refusal.ENDING
    assert made.flags(CHILDREN[0]) == OPEN  # the late update
    assert (await shown(made, at_once[0])).act.phase is Phase.ENDING
    await made.pushing.tick(after=TICK)
    expect_locked(made)
    assert (await shown(made, at_once[0])).act.phase is Phase.ENDED
    assert await made.due() == [] and (await made.marks()).by_target == {}


async def test_an_end_that_died_behind_its_marks_leaves_the_next_grant_alone(made: ActWorld) -> None:
    await released(made)
    first = await unlocked(made, "1.0.0")
    made.rows.die_before_write = 4  # due work, act, targets and marks are written
    with suppress(Killed):
        await ended(made, first.act.id)
    made.restarted()
    assert (await made.marks()).by_target == {}
    second = await unlocked(made, "1.0.0")
    assert second.act.id != first.act.id
    await made.pushing.tick(after=timedelta(minutes=5))
    assert (await shown(made, first.act.id)).act.phase is Phase.ENDED
    assert made.tag_flags("1.0.0") == OPEN and all(made.flags(each) == OPEN for each in CLOSURE)
    await made.pushing.tick(after=HALF_AN_HOUR)
    expect_locked(made)


# -- partly -------------------------------------------------------------------------------------------------------


async def test_an_unlock_that_comes_half_the_way_goes_on_by_due_work(made: ActWorld) -> None:
    await released(made)
    fail(made, "PATCH", skip=2)
    answer = await unlocked(made, "1.0.0")
    assert not answer.complete and answer.act.phase is Phase.BEGINNING
    assert made.tag_flags("1.0.0") == OPEN and made.flags(CHILDREN[0]) == UNDELETABLE
    heal(made)
    await made.pushing.tick(after=timedelta(minutes=1))
    assert (await shown(made, answer.act.id)).complete
    assert all(made.flags(each) == OPEN for each in CLOSURE)
    await made.pushing.tick(after=HALF_AN_HOUR)
    expect_locked(made)


async def test_an_unlock_that_never_comes_through_still_ends_in_time(made: ActWorld) -> None:
    await released(made)
    fail(made, "PATCH", skip=2)
    await unlocked(made, "1.0.0")
    for _ in range(59):
        await made.pushing.tick(after=TICK)
    heal(made)
    await made.pushing.tick(after=TICK)
    expect_locked(made)
    assert await made.due() == []


async def test_a_root_that_cannot_be_unlocked_keeps_its_children_locked(made: ActWorld) -> None:
    await released(made)
    fail(made, "PATCH", times=None)
    answer = await unlocked(made, "1.0.0")
    assert set(outcomes(answer).values()) == {Outcome.WAITING}
    expect_locked(made)


async def test_nothing_is_asked_of_the_registry_when_the_ledger_is_down(made: ActWorld) -> None:
    await released(made)
    made.rows.down = True
    made.pushing.clear()
    with pytest.raises(LedgerError):
        await unlocked(made, "1.0.0")
    assert made.requests() == {}


async def test_a_call_without_time_changes_nothing(made: ActWorld) -> None:
    await released(made)
    made.pushing.app = replace(made.pushing.app, limits=replace(made.pushing.app.limits, event_seconds=0.0))
    with pytest.raises(Unavailable):
        await unlocked(made, "1.0.0")
    assert await made.due() == [] and (await made.marks()).by_target == {}
    expect_locked(made)


async def test_requests_of_an_unlock_and_its_end(made: ActWorld) -> None:
    await released(made)
    made.pushing.clear()
    answer = await unlocked(made, "1.0.0")
    children = len(CHILDREN)
    # the tag, the root, the listing of its tags and each child are read, then tag and closure are updated
    assert sum(made.requests().values()) == (3 + children) + (2 + children)
    made.pushing.clear()
    await ended(made, answer.act.id)
    assert sum(made.requests().values()) == 1 + (2 + children)


# -- a tag that moved ---------------------------------------------------------------------------------------------


async def test_a_moved_tag_that_was_no_release_is_locked_as_before_and_left_to_the_rules(made: ActWorld) -> None:
    first, second = plain("first"), plain("second")
    made.push("nightly", first)
    made.set_tag("nightly", write=False)
    made.set_manifest(first, write=False)
    answer = await unlocked(made, "nightly")
    made.push("nightly", second)
    await ended(made, answer.act.id)
    await made.settle()
    assert not made.tag_flags("nightly").write and not made.flags(first).write
    assert made.flags(second) == OPEN
    assert await made.pushing.releases() == {}


async def test_old_manifests_that_run_are_locked_again_when_the_tag_moved(made: ActWorld) -> None:
    await released(made)
    await runs(made, ROOT)
    answer = await unlocked(made, "1.0.0", force=True)
    made.push("1.0.0", plain("rebuilt"))
    await ended(made, answer.act.id)
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in (*CLOSURE, plain("rebuilt")))


async def test_a_new_closure_that_cannot_be_locked_yet_is_due_and_told(made: ActWorld) -> None:
    await released(made)
    answer = await unlocked(made, "1.0.0")
    made.push("1.0.0", plain("rebuilt"))
    fail(made, "PATCH")
    after = await ended(made, answer.act.id)
    assert not after.complete and after.act.phase is Phase.ENDING
    heal(made)
    await made.settle()
    assert (await made.pushing.releases())["1.0.0"].digest == plain("rebuilt").digest
    assert made.tag_flags("1.0.0") == LOCKED_TAG and made.flags(plain("rebuilt")) == UNDELETABLE


async def test_a_broken_rule_file_keeps_no_grant_from_ending(made: ActWorld) -> None:
    await released(made)
    answer = await unlocked(made, "1.0.0")
    made.push("1.0.0", plain("rebuilt"))
    made.pushing.app = replace(made.pushing.app, rules=Broken())
    assert (await ended(made, answer.act.id)).complete
    assert made.flags(plain("rebuilt")) == UNDELETABLE


def deliver_blindly(made: ActWorld, tag: str, root: Any) -> Any:
    """Handle a push whose lock has read no marks, as one that began before they were written."""
    inner = made.rows.inner

    @dataclass
    class Blind:
        async def read(self, keys: Sequence[Any]) -> Any:
            return await inner.read(keys)

        async def scan(self, partition: str, *, start: str = "", **options: Any) -> Any:
            return [row for row in await inner.scan(partition, start=start, **options) if "mark/" not in row.key.key]

        async def write(self, changes: Sequence[Any]) -> None:
            await inner.write(changes)

    async def deliver() -> None:
        seeing = made.pushing.app
        made.pushing.app = replace(seeing, rows=Blind())
        try:
            await made.pushing.deliver(made.push(tag, root))
        finally:
            made.pushing.app = seeing

    return deliver()
