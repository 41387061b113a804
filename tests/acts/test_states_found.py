"""Histories that the machine of `test_states` found, one by one."""

from tests.acts.loosened import ended, retired, runs, unlocked
from tests.acts.world import ActWorld
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE

CHILD = plain("child")
RELEASED, RUNNING = index(CHILD, name="released"), index(CHILD, name="running")


async def test_what_had_drifted_before_a_quarantine_does_not_count_as_changed_meanwhile(made: ActWorld) -> None:
    await made.pushing.deliver(made.push("1.0.0", CHILD))
    made.set_tag("1.0.0", write=True)
    answer = await made.quarantine("1.0.0")
    lifted = await made.lift(answer.act.id)
    assert lifted.complete
    assert not made.tag_flags("1.0.0").write  # the release wants it off, and it was drift


async def test_a_child_of_an_index_that_runs_stays_locked_when_its_release_is_retired(made: ActWorld) -> None:
    made.push_index("next", RUNNING, CHILD)
    await made.pushing.deliver(made.push("1.0.0", RELEASED))
    await runs(made, RUNNING)
    await retired(made, "1.0.0")
    assert made.flags(CHILD) == UNDELETABLE
    await made.settle()
    assert made.flags(CHILD) == UNDELETABLE
    assert made.flags(RELEASED) == OPEN


async def test_a_release_pushed_again_while_its_tag_is_unlocked_is_locked_at_the_end(made: ActWorld) -> None:
    await made.pushing.deliver(made.push("1.0.0", CHILD))
    await retired(made, "1.0.0")
    await made.settle()
    grant = await unlocked(made, "1.0.0")
    made.later(minutes=1)
    await made.pushing.deliver(made.push("1.0.0", CHILD))
    assert made.tag_flags("1.0.0") == OPEN
    await ended(made, grant.act.id)
    await made.settle()
    assert (made.tag_flags("1.0.0"), made.flags(CHILD)) == (LOCKED_TAG, UNDELETABLE)
    assert "1.0.0" in await made.pushing.releases()
