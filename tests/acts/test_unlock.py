"""An unlock turns on what the lock turned off, for its own targets only; its end turns off what was off before."""

from datetime import timedelta

import pytest

from localcloud.registry.flags import Flags
from taglock.domain.acts.act import Outcome, Phase
from taglock.domain.ledger import FindingKind
from taglock.errors import ActRefused, Refusal
from tests.acts.loosened import (
    CHILDREN,
    HALF_AN_HOUR,
    ROOT,
    TICK,
    delete,
    ended,
    fail,
    heal,
    released,
    repository_flags,
    runs,
    set_repository,
    shown,
    unlocked,
)
from tests.acts.world import ActWorld, outcomes
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE

CLOSURE = [ROOT, *CHILDREN]


async def test_a_release_is_unlocked_whole_and_locked_again_as_it_was(made: ActWorld) -> None:
    await released(made)
    answer = await unlocked(made, "1.0.0")
    assert answer.complete and answer.act.phase is Phase.OPEN
    assert set(outcomes(answer).values()) == {Outcome.APPLIED}
    assert made.tag_flags("1.0.0") == OPEN
    assert all(made.flags(each) == OPEN for each in CLOSURE)
    after = await ended(made, answer.act.id)
    assert after.complete and after.act.phase is Phase.ENDED
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in CLOSURE)
    assert await made.due() == []
    assert (await made.marks()).by_target == {}
    assert made.pushing.topic.types[-2:] == ["Taglock.ImageUnlocked", "Taglock.ImageRelocked"]


async def test_the_root_is_unlocked_first_and_locked_last_before_its_tag(made: ActWorld) -> None:
    await released(made)
    made.pushing.clear()
    answer = await unlocked(made, "1.0.0")
    order = made.patched()
    assert set(order[:2]) == {"1.0.0", ROOT.digest}
    assert set(order[2:]) == {child.digest for child in CHILDREN}
    made.pushing.clear()
    await ended(made, answer.act.id)
    order = made.patched()
    assert set(order[:3]) == {child.digest for child in CHILDREN}
    assert order[3:] == [ROOT.digest, "1.0.0"]


async def test_read_is_never_turned_on_and_what_was_off_by_hand_stays_off(made: ActWorld) -> None:
    await released(made)
    made.set_tag("1.0.0", list=False)
    made.set_manifest(CHILDREN[0], read=False)
    answer = await unlocked(made, "1.0.0")
    assert made.tag_flags("1.0.0") == Flags(list=False)
    assert made.flags(CHILDREN[0]) == Flags(read=False)
    await ended(made, answer.act.id)
    assert made.tag_flags("1.0.0") == Flags(delete=False, write=False, list=False)
    assert made.flags(CHILDREN[0]) == Flags(delete=False, read=False)


async def test_a_lock_made_by_hand_is_unlocked_and_restored(made: ActWorld) -> None:
    image = plain("by hand")
    made.push("nightly", image)
    made.set_tag("nightly", write=False)
    made.set_manifest(image, write=False, delete=False)
    answer = await unlocked(made, "nightly")
    assert (made.tag_flags("nightly"), made.flags(image)) == (OPEN, OPEN)
    await ended(made, answer.act.id)
    assert made.tag_flags("nightly") == Flags(write=False)
    assert made.flags(image) == Flags(write=False, delete=False)


async def test_what_another_release_shares_is_listed_and_never_loosened(made: ActWorld) -> None:
    await released(made)
    other = index(CHILDREN[0], plain("s390x"), name="other")
    made.push(None, plain("s390x"))
    await made.pushing.deliver(made.push("2.0.0", other))
    made.pushing.clear()
    answer = await unlocked(made, "1.0.0")
    kept = next(each for each in answer.targets if each.target.name == CHILDREN[0].digest)
    assert (kept.outcome, kept.message) == (Outcome.KEPT, "the release 2.0.0 needs it")
    assert CHILDREN[0].digest not in made.patched()
    assert answer.complete
    made.pushing.clear()
    await ended(made, answer.act.id)
    assert CHILDREN[0].digest not in made.patched()
    assert all(made.flags(each) == UNDELETABLE for each in (*CLOSURE, other))


async def test_a_second_tag_of_the_same_release_keeps_its_whole_closure(made: ActWorld) -> None:
    await released(made)
    await made.pushing.deliver(made.push("1.0.1", ROOT))
    answer = await unlocked(made, "1.0.0")
    assert made.tag_flags("1.0.0") == OPEN
    assert made.tag_flags("1.0.1") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in CLOSURE)
    assert sum(outcome is Outcome.KEPT for outcome in outcomes(answer).values()) == 4


async def test_a_held_target_is_kept(made: ActWorld) -> None:
    await released(made)
    hold = await made.hold(digest=CHILDREN[1].digest)
    answer = await unlocked(made, "1.0.0")
    kept = [each for each in answer.targets if each.outcome is Outcome.KEPT]
    assert [each.target.name for each in kept] == [CHILDREN[1].digest]
    assert hold.act.id in kept[0].message
    assert not made.flags(CHILDREN[1]).delete


async def test_a_whole_repository_is_its_own_attributes(made: ActWorld) -> None:
    await released(made)
    set_repository(made, delete=False)
    answer = await unlocked(made)
    assert outcomes(answer) == {"": Outcome.APPLIED}
    assert repository_flags(made) == OPEN
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    await ended(made, answer.act.id)
    assert repository_flags(made) == UNDELETABLE


# -- refusals -----------------------------------------------------------------------------------------------------


async def test_what_is_quarantined_is_not_unlocked(made: ActWorld) -> None:
    await released(made)
    quarantine = await made.quarantine("1.0.0")
    made.pushing.clear()
    for place in ({"tag": "1.0.0"}, {"digest": ROOT.digest}, {"digest": CHILDREN[0].digest}):
        with pytest.raises(ActRefused) as refused:
            await unlocked(made, **place, force=True)
        assert refused.value.refusal is Refusal.QUARANTINED
        assert refused.value.members["acts"] == [quarantine.act.id]
    assert made.patched() == []


async def test_a_child_of_a_quarantined_image_is_kept(made: ActWorld) -> None:
    await released(made)
    other = index(CHILDREN[0], name="other")
    made.push("nightly", other)
    await made.quarantine("nightly")
    answer = await unlocked(made, "1.0.0")
    assert outcomes(answer)[CHILDREN[0].digest[7:19]] is Outcome.KEPT
    assert made.flags(CHILDREN[0]) == Flags(delete=False, read=False)


async def test_what_runs_is_unlocked_only_by_force(made: ActWorld) -> None:
    await released(made)
    await runs(made, ROOT)
    with pytest.raises(ActRefused) as refused:
        await unlocked(made, "1.0.0")
    assert refused.value.refusal is Refusal.RUNNING
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    answer = await unlocked(made, "1.0.0", force=True)
    assert answer.act.forced and made.tag_flags("1.0.0") == OPEN
    assert made.flags(ROOT) == OPEN


async def test_a_child_that_runs_by_itself_is_kept_even_by_force(made: ActWorld) -> None:
    await released(made)
    await runs(made, CHILDREN[2])
    with pytest.raises(ActRefused):
        await unlocked(made, "1.0.0")
    answer = await unlocked(made, "1.0.0", force=True)
    assert outcomes(answer)[CHILDREN[2].digest[7:19]] is Outcome.KEPT
    assert made.flags(CHILDREN[2]) == UNDELETABLE


async def test_unknown_counts_as_running(made: ActWorld) -> None:
    await released(made)
    made.later(hours=49)
    with pytest.raises(ActRefused) as refused:
        await unlocked(made, "1.0.0")
    assert refused.value.refusal is Refusal.RUNNING
    assert (await unlocked(made, "1.0.0", force=True)).complete


async def test_a_digest_that_the_tag_does_not_point_to_is_refused(made: ActWorld) -> None:
    await released(made)
    with pytest.raises(ActRefused) as refused:
        await unlocked(made, "1.0.0", CHILDREN[0].digest)
    assert refused.value.refusal is Refusal.DIGEST_DIFFERS


# -- its time -----------------------------------------------------------------------------------------------------


async def test_the_timer_locks_again_when_the_time_has_passed(made: ActWorld) -> None:
    await released(made)
    answer = await unlocked(made, "1.0.0", expires_in=timedelta(hours=3))
    for _ in range(175):
        await made.pushing.tick(after=timedelta(minutes=1))
    assert made.tag_flags("1.0.0") == OPEN
    made.restarted()
    await made.pushing.tick(after=timedelta(minutes=5))
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in CLOSURE)
    after = await shown(made, answer.act.id)
    assert after.act.phase is Phase.ENDED and str(after.act.ended_by) == "taglock"
    assert await made.due() == []


async def test_the_same_again_extends_the_same_act_up_to_the_cap(made: ActWorld) -> None:
    await released(made)
    first = await unlocked(made, "1.0.0")
    made.later(minutes=20)
    again = await unlocked(made, "1.0.0", expires_in=timedelta(hours=2))
    assert (again.joined, again.act.id) == (True, first.act.id)
    assert again.act.expires_at == made.pushing.clock.now() + timedelta(hours=2)
    made.later(minutes=100)
    with pytest.raises(ActRefused) as refused:
        await unlocked(made, "1.0.0", expires_in=timedelta(hours=7))
    assert refused.value.refusal is Refusal.LIMIT_EXCEEDED
    latest = first.act.created_at + timedelta(hours=8)
    assert refused.value.members["latest"] == latest.isoformat()
    await made.pushing.tick(after=timedelta(minutes=19))
    assert made.tag_flags("1.0.0") == OPEN
    await made.pushing.tick(after=timedelta(minutes=1))
    assert made.tag_flags("1.0.0") == LOCKED_TAG


async def test_more_than_the_cap_is_refused_at_once(made: ActWorld) -> None:
    await released(made)
    with pytest.raises(ActRefused) as refused:
        await unlocked(made, "1.0.0", expires_in=timedelta(hours=9))
    assert refused.value.refusal is Refusal.LIMIT_EXCEEDED
    assert made.tag_flags("1.0.0") == LOCKED_TAG and await made.due() == []


async def test_an_end_that_came_already_is_answered_as_it_is(made: ActWorld) -> None:
    await released(made)
    answer = await unlocked(made, "1.0.0")
    await ended(made, answer.act.id)
    again = await ended(made, answer.act.id)
    assert again.joined and again.act.phase is Phase.ENDED


# -- meanwhile ----------------------------------------------------------------------------------------------------


async def test_what_the_tag_points_to_at_the_end_is_the_release(made: ActWorld) -> None:
    await released(made)
    answer = await unlocked(made, "1.0.0")
    rebuilt = index(CHILDREN[0], plain("arm64 rebuilt"), name="rebuilt")
    made.push(None, plain("arm64 rebuilt"))
    made.push("1.0.0", rebuilt)
    made.pushing.clear()
    after = await ended(made, answer.act.id)
    assert after.complete and after.act.phase is Phase.ENDED
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in (rebuilt, CHILDREN[0], plain("arm64 rebuilt")))
    release = (await made.pushing.releases())["1.0.0"]
    assert (release.digest, release.rule) == (rebuilt.digest, "releases")
    left = {each.target.name for each in after.targets if each.outcome is Outcome.LEFT}
    assert left == {ROOT.digest, CHILDREN[1].digest, CHILDREN[2].digest}
    assert all(made.flags(each) == OPEN for each in (ROOT, CHILDREN[1], CHILDREN[2]))
    assert any(ROOT.digest in entry.decision and rebuilt.digest in entry.decision for entry in await made.journal())
    assert FindingKind.TAG_MOVED not in await made.findings()


async def test_a_quarantine_during_a_grant_survives_its_end_and_its_lift_leaves_it_locked(made: ActWorld) -> None:
    await released(made)
    answer = await unlocked(made, "1.0.0")
    quarantine = await made.quarantine("1.0.0")
    assert not await made.pulls("1.0.0")
    await ended(made, answer.act.id)
    assert not await made.pulls("1.0.0") and not await made.pulls(ROOT.digest)
    assert not made.tag_flags("1.0.0").write
    await made.lift(quarantine.act.id, force=True)
    await made.settle()
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in CLOSURE)


async def test_a_hand_made_lock_survives_a_quarantine_that_began_under_its_grant(made: ActWorld) -> None:
    image = plain("by hand")
    made.push("nightly", image)
    made.set_tag("nightly", write=False)
    made.set_manifest(image, write=False)
    answer = await unlocked(made, "nightly")
    quarantine = await made.quarantine("nightly")
    await ended(made, answer.act.id)
    await made.lift(quarantine.act.id)
    assert made.tag_flags("nightly") == Flags(write=False)
    assert made.flags(image) == Flags(write=False)


async def test_a_manifest_that_is_gone_at_the_end_is_told(made: ActWorld) -> None:
    image = plain("gone")
    await made.pushing.deliver(made.push("1.0.0", image))
    answer = await unlocked(made, "1.0.0")
    delete(made, image)
    after = await ended(made, answer.act.id)
    assert after.complete and set(outcomes(after).values()) == {Outcome.GONE}
    assert await made.due() == []


async def test_an_end_that_fails_is_told_and_made_good(made: ActWorld) -> None:
    await released(made)
    await unlocked(made, "1.0.0")
    fail(made, "PATCH")
    await made.pushing.tick(after=HALF_AN_HOUR)
    assert FindingKind.GRANT_OVERDUE in await made.findings()
    heal(made)
    for _ in range(12):
        await made.pushing.tick(after=TICK)
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in CLOSURE)
    assert FindingKind.GRANT_OVERDUE not in await made.findings()
