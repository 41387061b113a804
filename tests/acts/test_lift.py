"""A lift restores exactly, refuses what somebody else changed, and may need a second person."""

from copy import replace
from datetime import timedelta
from itertools import permutations

import pytest

from localcloud.registry.flags import Flags
from taglock.domain.acts.act import FUNCTION_KEY, Actor, Phase
from taglock.domain.ledger import FindingKind
from taglock.enforcement.context import ActPolicy
from taglock.errors import ActRefused, Refusal, UnknownAct
from tests.acts.world import ANNA, BERND, CLOSED, ActWorld
from tests.pushing.images import index, plain
from tests.pushing.world import OPEN, ORIGIN

SHARED, ONE, TWO = plain("shared"), plain("one"), plain("two")
FIRST, SECOND, THIRD = index(SHARED, ONE), index(SHARED, TWO), index(SHARED, ONE, TWO)
ROOTS = {"1.0.0": FIRST, "2.0.0": SECOND, "3.0.0": THIRD}


def push_all(made: ActWorld) -> None:
    for image in (SHARED, ONE, TWO):
        made.push(None, image)
    for tag, root in ROOTS.items():
        made.push(tag, root)
    made.set_manifest(SHARED, list=False)


@pytest.mark.parametrize("order", list(permutations(ROOTS)))
async def test_a_shared_child_is_readable_again_when_the_last_quarantine_that_needs_it_is_lifted(
    made: ActWorld, order: tuple[str, ...]
) -> None:
    push_all(made)
    acts = {tag: (await made.quarantine(tag)).act.id for tag in ROOTS}
    for number, tag in enumerate(order):
        assert (await made.lift(acts[tag])).complete
        left = set(order[number + 1 :])
        assert made.flags(SHARED).read is not bool(left)
        assert made.flags(ONE).read is not bool(left & {"1.0.0", "3.0.0"})
        assert made.flags(TWO).read is not bool(left & {"2.0.0", "3.0.0"})
        assert made.tag_flags(tag) == OPEN
    assert made.flags(SHARED) == Flags(list=False)
    assert (await made.marks()).by_target == {}


@pytest.mark.parametrize("first", ["1.0.0", "2.0.0"])
async def test_a_quarantine_that_begins_between_two_lifts_keeps_what_was_there_before_the_first(
    made: ActWorld, first: str
) -> None:
    push_all(made)
    second = "2.0.0" if first == "1.0.0" else "1.0.0"
    one = await made.quarantine(first)
    two = await made.quarantine(second)
    await made.lift(one.act.id)
    again = await made.quarantine(first)
    assert again.act.id != one.act.id
    await made.lift(two.act.id)
    assert not made.flags(SHARED).read
    await made.lift(again.act.id)
    assert made.flags(SHARED) == Flags(list=False)


async def test_the_same_quarantine_twice_is_the_same(made: ActWorld) -> None:
    push_all(made)
    one = await made.quarantine("1.0.0")
    for again in (await made.quarantine("1.0.0"), await made.quarantine(digest=FIRST.digest)):
        assert again.joined
        assert again.act.id == one.act.id
    assert not (await made.quarantine(digest=SHARED.digest)).joined


async def test_what_somebody_else_changed_is_told_and_restored_only_when_forced(made: ActWorld) -> None:
    push_all(made)
    answer = await made.quarantine("1.0.0")
    made.set_manifest(ONE, read=True)
    made.set_tag("1.0.0", write=False)
    made.pushing.clear()
    with pytest.raises(ActRefused) as refused:
        await made.lift(answer.act.id)
    assert refused.value.refusal is Refusal.CHANGED_MEANWHILE
    told = " ".join(str(each) for each in refused.value.members["changed"])  # type: ignore[attr-defined]
    assert "turned on read" in told
    assert "turned off write" in told
    assert made.patched() == []
    lifted = await made.lift(answer.act.id, force=True)
    assert lifted.complete
    assert lifted.act.end_forced
    assert made.tag_flags("1.0.0") == OPEN
    assert made.flags(SHARED) == Flags(list=False)


@pytest.mark.parametrize(
    ("by", "lifter", "refused"),
    [(ANNA, ANNA, True), (ANNA, BERND, False), (FUNCTION_KEY, BERND, True), (ANNA, FUNCTION_KEY, True)],
)
async def test_two_known_persons_lift_where_that_is_asked_for(
    made: ActWorld, by: Actor, lifter: Actor, refused: bool
) -> None:
    push_all(made)
    made.pushing.app = replace(made.pushing.app, acts=ActPolicy(two_person_lift=True))
    answer = await made.quarantine("1.0.0", by=by)
    if refused:
        with pytest.raises(ActRefused) as error:
            await made.lift(answer.act.id, by=lifter)
        assert error.value.refusal is Refusal.TWO_PERSONS_REQUIRED
        assert made.tag_flags("1.0.0") == CLOSED
    else:
        assert (await made.lift(answer.act.id, by=lifter)).complete


async def test_a_lift_again_changes_nothing_and_answers_what_is(made: ActWorld) -> None:
    push_all(made)
    answer = await made.quarantine("1.0.0")
    await made.lift(answer.act.id)
    made.pushing.clear()
    again = await made.lift(answer.act.id)
    assert again.joined
    assert again.act.phase is Phase.ENDED
    assert made.patched() == []


async def test_nobody_lifts_what_is_not_a_quarantine(made: ActWorld) -> None:
    push_all(made)
    held = await made.hold("1.0.0")
    for act in (held.act.id, "unknown"):
        with pytest.raises(UnknownAct):
            await made.lift(act)


async def test_a_quarantine_past_its_review_is_told_once_and_stays(made: ActWorld) -> None:
    push_all(made)
    review = made.pushing.clock.now() + timedelta(days=2)
    answer = await made.quarantine("1.0.0", review_by=review)
    made.pushing.clear()
    for _ in range(47):
        await made.pushing.tick(after=timedelta(hours=1))
    assert await made.findings() == {}
    assert made.patched() == []
    for _ in range(4):
        await made.pushing.tick(after=timedelta(hours=1))
    assert set(await made.findings()) == {FindingKind.QUARANTINE_OVERDUE}
    assert made.pushing.topic.types.count("Taglock.QuarantineOverdue") == 1
    assert await made.due() == []
    assert made.tag_flags("1.0.0") == CLOSED
    await made.lift(answer.act.id)
    assert await made.findings() == {}


async def test_a_deleted_child_is_gone_and_keeps_nothing_from_being_lifted(made: ActWorld) -> None:
    push_all(made)
    answer = await made.quarantine("1.0.0")
    made.set_manifest(ONE, delete=True)
    made.pushing.emulator.store.delete_manifest("prod/api", ONE.digest, ORIGIN)
    lifted = await made.lift(answer.act.id)
    assert lifted.act.phase is Phase.ENDED
    assert (await made.marks()).by_target == {}


async def test_each_call_is_in_the_journal_with_its_actor_and_raises_its_event(made: ActWorld) -> None:
    push_all(made)
    answer = await made.quarantine("1.0.0")
    made.later(seconds=1)
    await made.lift(answer.act.id)
    entries = [entry for entry in await made.journal() if entry.event_id == answer.act.id]
    assert [(entry.decision, entry.outcome) for entry in entries] == [
        ("quarantine", "complete"),
        ("end quarantine", "complete"),
    ]
    assert [entry.actor for entry in entries] == [str(ANNA), str(BERND)]
    assert [entry.reason for entry in entries] == ["CVE-2026-1", "false alarm"]
    assert made.pushing.topic.types == ["Taglock.ImageQuarantined", "Taglock.QuarantineLifted"]
    assert len({event.id for event in made.pushing.topic.events}) == 2
