"""A hold locks by hand, whatever the rules say, until a person ends it."""

from taglock.domain.acts.act import ActKind, Outcome, Phase
from taglock.domain.attributes import IMMUTABLE, LockProfile
from tests.acts.world import ActWorld
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, ORIGIN, UNDELETABLE

CHILDREN = [plain("amd64"), plain("arm64")]
ROOT = index(*CHILDREN)


async def test_a_held_tag_is_locked_with_its_closure_and_no_other_tag(made: ActWorld) -> None:
    made.push_index("dev", ROOT, *CHILDREN)
    made.push("other", ROOT)
    answer = await made.hold("dev")
    assert answer.complete
    assert made.tag_flags("dev") == LOCKED_TAG
    assert made.tag_flags("other") == OPEN
    assert all(made.flags(each) == UNDELETABLE for each in (ROOT, *CHILDREN))
    assert await made.due() == []
    assert (await made.end_hold(answer.act.id)).act.phase is Phase.ENDED
    assert made.tag_flags("dev") == OPEN
    assert all(made.flags(each) == OPEN for each in (ROOT, *CHILDREN))
    assert made.pushing.topic.types == ["Taglock.ImageHeld", "Taglock.HoldEnded"]


async def test_a_held_digest_is_locked_without_its_tags(made: ActWorld) -> None:
    made.push_index("dev", ROOT, *CHILDREN)
    await made.hold(digest=ROOT.digest, profile=IMMUTABLE)
    assert made.tag_flags("dev") == OPEN
    assert all(made.flags(each) == LOCKED_TAG for each in (ROOT, *CHILDREN))


async def test_the_same_hold_twice_is_the_same_and_another_profile_is_another(made: ActWorld) -> None:
    made.push("dev", plain("api"))
    one = await made.hold("dev")
    again = await made.hold("dev")
    assert again.joined
    assert again.act.id == one.act.id
    other = await made.hold("dev", profile=LockProfile("hidden", frozenset({next(iter(IMMUTABLE.off))})))
    assert other.act.id != one.act.id


async def test_a_hold_and_a_quarantine_of_the_same_image_end_in_any_order(made: ActWorld) -> None:
    for held_first in (True, False):
        for held_ends_first in (True, False):
            made.push("dev", plain("api"))
            if held_first:
                hold, bad = await made.hold("dev"), await made.quarantine("dev")
            else:
                bad, hold = await made.quarantine("dev"), await made.hold("dev")
            if held_ends_first:
                await made.end_hold(hold.act.id)
                assert not await made.pulls("dev")
                assert made.tag_flags("dev").write
                await made.lift(bad.act.id)
            else:
                await made.lift(bad.act.id)
                assert made.tag_flags("dev") == LOCKED_TAG
                await made.end_hold(hold.act.id)
            assert made.tag_flags("dev") == OPEN
            assert made.flags(plain("api")) == OPEN


async def test_a_lock_by_a_rule_outlives_a_hold(made: ActWorld) -> None:
    event = made.push("1.4.2", plain("api"))
    answer = await made.hold("1.4.2")
    await made.pushing.deliver(event)
    await made.end_hold(answer.act.id)
    assert made.tag_flags("1.4.2") == LOCKED_TAG
    assert made.flags(plain("api")) == UNDELETABLE


async def test_a_whole_repository_can_be_held_and_quarantined(made: ActWorld) -> None:
    made.push("1.0.0", plain("api"))
    repository = made.pushing.emulator.store.repository
    held = await made.hold()
    assert repository("prod/api").flags == LOCKED_TAG
    bad = await made.quarantine()
    assert bad.complete
    assert not await made.pulls("1.0.0")
    assert not await made.pulls(plain("api").digest)
    assert (await made.quarantine()).joined
    assert bad.undo == ("az acr repository update --name local --repository prod/api --read-enabled true",)
    await made.lift(bad.act.id)
    assert await made.pulls("1.0.0")
    assert repository("prod/api").flags == LOCKED_TAG
    await made.end_hold(held.act.id)
    assert repository("prod/api").flags == OPEN


async def test_a_hold_of_what_is_gone_ends(made: ActWorld) -> None:
    made.push("dev", plain("api"))
    answer = await made.hold("dev", profile=IMMUTABLE)
    made.set_tag("dev", write=True, delete=True)
    made.set_manifest(plain("api"), delete=True)
    made.pushing.emulator.store.delete_manifest("prod/api", plain("api").digest, ORIGIN)
    ended = await made.end_hold(answer.act.id)
    assert {target.outcome for target in ended.targets} == {Outcome.GONE}
    assert (await made.shown(answer.act.id, ActKind.HOLD)).act.phase is Phase.ENDED
