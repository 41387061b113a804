"""The registry knows no conditional update: who came in between is seen in the marks, and the last word is right."""

from collections.abc import Awaitable, Callable, Sequence
from copy import replace
from typing import Any

import pytest

from taglock.domain.acts.act import ActKind, Outcome, Phase
from taglock.domain.acts.marks import MARK_PREFIX
from taglock.domain.http.queries import ActsQuery
from taglock.domain.row import Change
from taglock.domain.rule import Mode
from taglock.domain.state import AttributeUpdate, ManifestState, TagState
from taglock.enforcement.acts.listing import listed
from tests.acts.world import CLOSED, ActWorld, Killed, outcomes
from tests.pushing.images import index, plain
from tests.pushing.world import OPEN

SHARED, ONE, TWO = plain("shared"), plain("one"), plain("two")
FIRST, SECOND = index(SHARED, ONE), index(SHARED, TWO)


def push_both(made: ActWorld) -> None:
    made.push_index("1.0.0", FIRST, SHARED, ONE)
    made.push_index("2.0.0", SECOND, SHARED, TWO)


def before_marks_of(made: ActWorld, digest: str, act: Callable[[], Awaitable[object]], *, skip: int) -> None:
    """Let something happen once, just before the marks of a manifest are written, after letting some writes pass."""
    write, left = made.rows.write, [skip]

    async def interrupted(changes: Sequence[Change]) -> None:
        if any(change.key.key == f"{MARK_PREFIX}manifest/{digest}" for change in changes):
            left[0] -= 1
            if left[0] == -1:
                await act()
        await write(changes)

    made.rows.write = interrupted  # type: ignore[method-assign]


async def test_a_quarantine_that_begins_while_a_shared_child_is_being_restored_wins(made: ActWorld) -> None:
    push_both(made)
    first = await made.quarantine("1.0.0")
    before_marks_of(made, SHARED.digest, lambda: made.quarantine("2.0.0"), skip=1)  # the first write says: ending
    assert (await made.lift(first.act.id)).act.phase is Phase.ENDED
    assert made.flags(SHARED) == CLOSED
    assert made.flags(ONE) == OPEN
    (second,) = (await listed(made.pushing.app, ActKind.QUARANTINE, ActsQuery(phase=Phase.OPEN))).acts
    await made.lift(second.id)
    assert made.flags(SHARED) == OPEN


async def test_a_restoring_update_that_arrives_behind_a_new_quarantine_is_made_good(made: ActWorld) -> None:
    push_both(made)
    first = await made.quarantine("1.0.0")
    dying = made.dying()
    update = dying.inner.update_manifest
    begun: list[str] = []

    async def quarantine_first(wanted: AttributeUpdate) -> ManifestState:
        if wanted.target.name == SHARED.digest and not begun:
            begun.append(wanted.target.name)
            begun.append((await made.quarantine("2.0.0")).act.id)
        return await update(wanted)

    dying.update_manifest = quarantine_first  # type: ignore[attr-defined]
    assert (await made.lift(first.act.id)).act.phase is Phase.ENDED
    assert made.flags(SHARED) == CLOSED
    await made.lift(begun[1])
    assert made.flags(SHARED) == OPEN


async def test_a_quarantine_that_is_lifted_between_reading_a_child_and_storing_it_leaves_no_trace(
    made: ActWorld,
) -> None:
    push_both(made)
    first = await made.quarantine("1.0.0")
    before_marks_of(made, SHARED.digest, lambda: made.lift(first.act.id), skip=0)
    second = await made.quarantine("2.0.0")
    assert made.flags(SHARED) == CLOSED
    await made.lift(second.act.id)
    assert made.flags(SHARED) == OPEN


async def test_a_lift_while_the_quarantine_is_still_beginning_leaves_nothing_off(made: ActWorld) -> None:
    push_both(made)
    dying = made.dying()
    update = dying.inner.update_manifest
    lifted: list[object] = []

    async def lift_first(wanted: AttributeUpdate) -> ManifestState:
        if wanted.target.name == ONE.digest and not lifted:
            lifted.append(None)
            (act,) = (await listed(made.pushing.app, ActKind.QUARANTINE, ActsQuery())).acts
            lifted.append(await made.lift(act.id))
        return await update(wanted)

    dying.update_manifest = lift_first  # type: ignore[attr-defined]
    answer = await made.quarantine("1.0.0")
    await made.settle()
    act: Any = (await made.shown(answer.act.id)).act
    assert act.phase is Phase.ENDED
    assert all(made.flags(each) == OPEN for each in (SHARED, ONE, FIRST))
    assert made.tag_flags("1.0.0") == OPEN
    assert (await made.marks()).by_target == {}


async def test_a_lift_before_the_next_level_is_stored_leaves_nothing_off(made: ActWorld) -> None:
    push_both(made)

    async def lift_newest() -> None:
        (act,) = (await listed(made.pushing.app, ActKind.QUARANTINE, ActsQuery())).acts
        assert (await made.lift(act.id)).act.phase is Phase.ENDED

    before_marks_of(made, SHARED.digest, lift_newest, skip=0)
    await made.quarantine("1.0.0")
    await made.settle()
    assert all(made.flags(each) == OPEN for each in (SHARED, ONE, FIRST))
    assert made.tag_flags("1.0.0") == OPEN
    assert (await made.marks()).by_target == {}


async def test_a_pass_that_dies_behind_the_lift_leaves_nothing_off(made: ActWorld) -> None:
    push_both(made)
    dying = made.dying()
    update = dying.inner.update_manifest

    async def lift_newest() -> None:
        (act,) = (await listed(made.pushing.app, ActKind.QUARANTINE, ActsQuery())).acts
        assert (await made.lift(act.id)).act.phase is Phase.ENDED

    async def die_behind(wanted: AttributeUpdate) -> ManifestState:
        answer = await update(wanted)
        if wanted.target.name == SHARED.digest:
            raise Killed
        return answer

    before_marks_of(made, SHARED.digest, lift_newest, skip=0)
    dying.update_manifest = die_behind  # type: ignore[attr-defined]
    with pytest.raises(Killed):
        await made.quarantine("1.0.0")
    made.restarted()
    made.later(minutes=1)
    await made.settle()
    assert all(made.flags(each) == OPEN for each in (SHARED, ONE, FIRST))
    assert (await made.marks()).by_target == {}


async def test_a_tag_that_moves_before_it_is_updated_is_restored_at_once(made: ActWorld) -> None:
    push_both(made)
    made.push("3.0.0", SECOND)
    dying = made.dying()
    update = dying.inner.update_tag
    moved: list[str] = []

    async def move_first(wanted: AttributeUpdate) -> TagState:
        if not moved:
            moved.append(made.push("1.0.0", SECOND))
        return await update(wanted)

    dying.update_tag = move_first  # type: ignore[attr-defined]
    answer = await made.quarantine("1.0.0")
    assert outcomes(answer)["1.0.0"] is Outcome.MOVED
    assert made.tag_flags("1.0.0") == OPEN
    assert await made.pulls("1.0.0")
    assert await made.due() == []


async def test_acts_are_carried_out_in_report_mode_too(made: ActWorld) -> None:
    made.pushing.app = replace(made.pushing.app, mode=Mode.REPORT)
    await made.pushing.deliver(made.push("1.4.2", plain("api")))
    assert made.tag_flags("1.4.2") == OPEN
    answer = await made.quarantine("1.4.2")
    assert not await made.pulls("1.4.2")
    await made.lift(answer.act.id)
    assert made.tag_flags("1.4.2") == OPEN
    assert made.flags(plain("api")) == OPEN
