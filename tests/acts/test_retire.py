"""What is retired may be deleted; what others need stays locked; nobody locks it again until it is pushed again."""

from datetime import timedelta

import pytest

from taglock.domain.acts.act import ActKind, Outcome, Phase
from taglock.domain.ledger import FindingKind
from taglock.errors import ActRefused, NotFound, Refusal
from tests.acts.loosened import CHILDREN, ROOT, delete_over_http, released, retired, runs, shown, unlocked
from tests.acts.world import ActWorld, outcomes
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, ORIGIN, UNDELETABLE

CLOSURE = [ROOT, *CHILDREN]
MINUTE = timedelta(minutes=1)


async def proofs(made: ActWorld) -> set[str]:
    rows = await made.pushing.app.rows.scan(
        f"image/{made.pushing.login_server}/prod/api", start="manifest/", end="manifest0"
    )
    return {row.key.key.removeprefix("manifest/") for row in rows}


async def test_a_retired_release_can_be_deleted_and_could_not_before(made: ActWorld) -> None:
    await released(made)
    assert await delete_over_http(made, ROOT) == 405
    answer = await retired(made, "1.0.0")
    assert answer.complete and set(outcomes(answer).values()) == {Outcome.APPLIED}
    assert made.tag_flags("1.0.0") == OPEN and all(made.flags(each) == OPEN for each in CLOSURE)
    assert await made.pushing.releases() == {} and await proofs(made) == set()
    assert [await delete_over_http(made, each) for each in CLOSURE] == [202] * 4
    assert made.pushing.topic.types[-1] == "Taglock.ImageRetired"
    await made.settle()
    after = await shown(made, answer.act.id, ActKind.RETIRE)
    assert after.act.phase is Phase.ENDED


async def test_the_mark_stays_on_the_tag_and_its_root_alone(made: ActWorld) -> None:
    await released(made)
    answer = await retired(made, "1.0.0")
    await made.settle()
    marks = (await made.marks()).by_target
    assert {target.name for target in marks} == {"1.0.0", ROOT.digest}
    assert all(each.retired is not None and each.retired.act == answer.act.id for each in marks.values())


async def test_what_another_release_needs_stays_locked_and_proved(made: ActWorld) -> None:
    await released(made)
    other = index(CHILDREN[0], name="other")
    await made.pushing.deliver(made.push("2.0.0", other))
    made.pushing.clear()
    answer = await retired(made, "1.0.0")
    assert outcomes(answer)[CHILDREN[0].digest[7:19]] is Outcome.KEPT
    assert CHILDREN[0].digest not in made.patched()
    await made.settle()
    assert made.flags(CHILDREN[0]) == UNDELETABLE
    assert await proofs(made) == {other.digest, CHILDREN[0].digest}
    assert set(await made.pushing.releases()) == {"2.0.0"}


async def test_two_tags_of_one_image_are_retired_one_after_the_other(made: ActWorld) -> None:
    await released(made)
    await made.pushing.deliver(made.push("1.0", ROOT))
    await made.pushing.deliver(made.push("1.0.1", ROOT))
    await retired(made, "1.0.0")
    assert made.tag_flags("1.0.0") == OPEN
    assert all(made.flags(each) == UNDELETABLE for each in CLOSURE)
    await retired(made, "1.0.1")
    assert all(made.flags(each) == OPEN for each in CLOSURE)


async def test_what_two_retirements_kept_for_each_other_is_let_go_in_the_end(made: ActWorld) -> None:
    await released(made)
    await made.pushing.deliver(made.push("1.0.1", ROOT))
    await retired(made, "1.0.0")
    await made.settle()
    answer = await retired(made, "1.0.1")
    assert answer.complete
    await made.settle()
    assert all(made.flags(each) == OPEN for each in CLOSURE)


async def test_findings_of_the_release_are_closed(made: ActWorld) -> None:
    await released(made)
    moved = plain("moved")
    made.pushing.emulator.store.push("prod/api", "other", moved, ORIGIN)
    made.pushing.emulator.store.import_image("prod/api", "1.0.0", source="prod/api:other", force=True)
    made.pushing.emulator.store.settle_imports()
    await made.pushing.deliver(made.pushing.pushed[-1])
    assert FindingKind.TAG_MOVED in await made.findings()
    await retired(made, "1.0.0")
    assert await made.findings() == {}


async def test_a_tag_that_is_gone_closes_its_release_and_unlocks_what_is_left(made: ActWorld) -> None:
    await released(made)
    made.set_tag("1.0.0", write=True, delete=True)
    made.pushing.emulator.store.untag("prod/api", "1.0.0")
    answer = await retired(made, "1.0.0")
    assert answer.complete
    assert all(made.flags(each) == OPEN for each in CLOSURE)
    assert await made.pushing.releases() == {}
    with pytest.raises(NotFound):
        await retired(made, "3.0.0")


async def test_refused_while_quarantined_unlocked_or_running(made: ActWorld) -> None:
    await released(made)
    await runs(made, ROOT)
    with pytest.raises(ActRefused) as refused:
        await retired(made, "1.0.0")
    assert refused.value.refusal is Refusal.RUNNING
    grant = await unlocked(made, "1.0.0", force=True)
    with pytest.raises(ActRefused) as refused:
        await retired(made, "1.0.0", force=True)
    assert refused.value.refusal is Refusal.WRONG_STATE and refused.value.members["act"] == grant.act.id


async def test_refused_while_quarantined(made: ActWorld) -> None:
    await released(made)
    await made.quarantine("1.0.0")
    with pytest.raises(ActRefused) as refused:
        await retired(made, "1.0.0", force=True)
    assert refused.value.refusal is Refusal.QUARANTINED


async def test_a_held_tag_is_kept_and_its_release_with_it(made: ActWorld) -> None:
    await released(made)
    await made.hold("1.0.0")
    answer = await retired(made, "1.0.0")
    assert outcomes(answer)["1.0.0"] is Outcome.KEPT
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert set(await made.pushing.releases()) == {"1.0.0"}


async def test_what_is_neither_a_release_nor_locked_is_refused(made: ActWorld) -> None:
    made.push("nightly", plain("nightly"))
    with pytest.raises(ActRefused) as refused:
        await retired(made, "nightly")
    assert refused.value.refusal is Refusal.NOT_LOCKED


async def test_a_retirement_under_way_is_answered_as_it_is(made: ActWorld) -> None:
    await released(made)
    first = await retired(made, "1.0.0")
    again = await retired(made, "1.0.0")
    assert again.joined and again.act.id == first.act.id


async def test_a_lock_that_was_under_way_keeps_what_it_recorded(made: ActWorld) -> None:
    """The push of another release is handled while the retirement's marks are not there yet, and recorded after."""
    await released(made)
    other = index(CHILDREN[0], name="other")
    event = made.push("2.0.0", other)
    await retired(made, "1.0.0")
    await made.pushing.deliver(event)
    made.set_manifest(CHILDREN[0], delete=True)  # the retirement's own update came after the lock's
    await made.pushing.tick(after=MINUTE)
    assert made.flags(CHILDREN[0]) == UNDELETABLE
    await made.settle()
    assert await proofs(made) >= {CHILDREN[0].digest, other.digest}
