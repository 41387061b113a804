"""Every tag of a quarantined digest is part of the quarantine: late ones, hidden ones, and none that moved away."""

from datetime import timedelta

import pytest

from localcloud.faults import Answer, Fault
from taglock.domain.acts.act import Outcome
from taglock.domain.ledger import ActDue, DueWork, Purpose, due_key, stored
from taglock.domain.reference import Digest, Repository, Tag
from taglock.domain.row import Upsert
from taglock.enforcement.acts.again import reassert
from taglock.enforcement.acts.joining import join_quarantine, leave_quarantine
from tests.acts.world import CLOSED, ActWorld, outcomes
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, REPOSITORY

IMAGE, FIX = plain("bad"), plain("fix")


def where(made: ActWorld, tag: str, digest: str) -> tuple[object, ...]:
    return made.pushing.login_server, Repository(REPOSITORY), Tag(tag), Digest(digest)


async def join(made: ActWorld, tag: str, digest: str) -> list[Outcome]:
    return [each.outcome for each in await join_quarantine(made.pushing.app, *where(made, tag, digest))]  # type: ignore[arg-type]


async def leave(made: ActWorld, tag: str, digest: str) -> list[Outcome]:
    return [each.outcome for each in await leave_quarantine(made.pushing.app, *where(made, tag, digest))]  # type: ignore[arg-type]


async def test_a_new_tag_on_a_quarantined_digest_joins_and_is_restored_with_it(made: ActWorld) -> None:
    made.push("1.0.0", IMAGE)
    answer = await made.quarantine("1.0.0")
    made.push("again", IMAGE)
    assert await join(made, "again", IMAGE.digest) == [Outcome.APPLIED]
    assert made.tag_flags("again") == CLOSED
    assert await join(made, "again", IMAGE.digest) == []
    assert await made.due() == []
    assert outcomes(await made.shown(answer.act.id))["again"] is Outcome.APPLIED
    await made.lift(answer.act.id)
    assert made.tag_flags("again") == OPEN


async def test_a_tag_that_moves_to_a_clean_digest_can_be_pulled_again(made: ActWorld) -> None:
    made.push("latest", IMAGE)
    answer = await made.quarantine("latest")
    made.push("latest", FIX)
    assert not await made.pulls("latest")
    assert await leave(made, "latest", FIX.digest) == [Outcome.MOVED]
    assert await made.pulls("latest")
    assert made.tag_flags("latest") == OPEN
    assert not await made.pulls(IMAGE.digest)
    assert await made.due() == []
    lifted = await made.lift(answer.act.id)
    assert outcomes(lifted)["latest"] is Outcome.MOVED
    assert await made.pulls(IMAGE.digest)


async def test_a_tag_that_moved_and_came_back_is_quarantined_again(made: ActWorld) -> None:
    made.push("latest", IMAGE)
    answer = await made.quarantine("latest")
    made.push("latest", FIX)
    await leave(made, "latest", FIX.digest)
    made.push("latest", IMAGE)
    assert await join(made, "latest", IMAGE.digest) == [Outcome.APPLIED]
    assert made.tag_flags("latest") == CLOSED
    await made.lift(answer.act.id)
    assert made.tag_flags("latest") == OPEN


async def test_a_tag_that_moves_between_quarantined_digests_changes_its_quarantine(made: ActWorld) -> None:
    made.push("latest", IMAGE)
    made.push("other", FIX)
    first = await made.quarantine("latest")
    second = await made.quarantine("other")
    made.push("latest", FIX)
    assert sorted(await leave(made, "latest", FIX.digest)) == [Outcome.APPLIED, Outcome.MOVED]
    assert made.tag_flags("latest") == CLOSED
    await made.lift(first.act.id)
    assert made.tag_flags("latest") == CLOSED
    await made.lift(second.act.id)
    assert made.tag_flags("latest") == OPEN


async def test_a_joining_that_fails_is_finished_by_due_work(made: ActWorld) -> None:
    made.push("1.0.0", IMAGE)
    await made.quarantine("1.0.0")
    made.push("again", IMAGE)
    made.pushing.emulator.faults.add(Fault(action=Answer(status=500), method="PATCH", match="again", times=4))
    assert await join(made, "again", IMAGE.digest) == [Outcome.WAITING]
    await made.settle()
    assert made.tag_flags("again") == CLOSED


async def test_a_leaving_that_fails_is_finished_by_due_work(made: ActWorld) -> None:
    made.push("latest", IMAGE)
    answer = await made.quarantine("latest")
    made.push("latest", FIX)
    made.pushing.emulator.faults.add(Fault(action=Answer(status=500), method="PATCH", match="latest", times=4))
    assert await leave(made, "latest", FIX.digest) == [Outcome.WAITING]
    await made.settle()
    assert await made.pulls("latest")
    assert not await made.pulls(IMAGE.digest)
    assert outcomes(await made.shown(answer.act.id))["latest"] is Outcome.MOVED


async def test_a_tag_that_was_pushed_while_the_quarantine_began_is_found_by_the_answer_of_the_update(
    made: ActWorld,
) -> None:
    made.push("1.0.0", IMAGE)
    made.push("late", FIX)
    emulator = made.pushing.emulator
    store_write = made.rows.write
    pushed: list[str] = []

    async def write_and_push(changes: object) -> None:
        await store_write(changes)  # type: ignore[arg-type]
        if not pushed:
            pushed.append(made.push("late", IMAGE))

    made.rows.write = write_and_push  # type: ignore[method-assign]
    answer = await made.quarantine("1.0.0")
    assert emulator.store.tag(REPOSITORY, "late").digest == IMAGE.digest
    assert made.tag_flags("late") == CLOSED
    await made.lift(answer.act.id)
    assert made.tag_flags("late") == OPEN


@pytest.mark.parametrize("named_by", ["its manifest", "whom it is asked for by"])
async def test_a_hidden_tag_is_quarantined_too(made: ActWorld, named_by: str) -> None:
    made.push("1.0.0", IMAGE)
    made.push("secret", IMAGE)
    made.set_tag("secret", list=False)
    if named_by != "its manifest":
        made.pushing.emulator.options.unlisted_tags_of_manifest = "hidden"
    answer = await made.quarantine("secret" if named_by != "its manifest" else "1.0.0")
    assert not made.tag_flags("secret").read
    await made.lift(answer.act.id)
    assert made.tag_flags("secret").read
    assert not made.tag_flags("secret").list


async def test_the_tags_of_another_digest_on_a_later_page_are_left_alone(made: ActWorld) -> None:
    made.pushing.emulator.options.page_size_maximum = 3
    for number in range(7):
        made.push(f"1.0.{number}", IMAGE)
        made.push(f"2.0.{number}", FIX)
        made.push(f"1.5.{number}", FIX)
    assert (await made.quarantine(digest=IMAGE.digest)).complete
    assert all(made.tag_flags(f"1.0.{number}") == CLOSED for number in range(7))
    assert all(made.tag_flags(f"{minor}.{n}") == OPEN for minor in ("2.0", "1.5") for n in range(7))


async def test_a_broken_quarantine_is_made_whole_again(made: ActWorld) -> None:
    children = [plain("amd64"), plain("arm64")]
    root = index(*children)
    made.push_index("2.0.0", root, *children)
    answer = await made.quarantine("2.0.0")
    made.set_tag("2.0.0", read=True)
    made.set_manifest(children[1], read=True, delete=True)
    await reassert(made.pushing.app, answer.act.id)
    assert made.tag_flags("2.0.0") == CLOSED
    assert all(made.flags(each) == CLOSED for each in (root, *children))
    assert await made.due() == []


async def test_a_release_that_is_locked_while_quarantined_stays_locked_after_the_lift(made: ActWorld) -> None:
    event = made.push("1.4.2", IMAGE)
    answer = await made.quarantine("1.4.2")
    await made.pushing.deliver(event)
    assert not made.tag_flags("1.4.2").write
    assert not await made.pulls("1.4.2")
    lifted = await made.lift(answer.act.id)
    assert lifted.complete
    assert made.tag_flags("1.4.2") == LOCKED_TAG
    assert not made.flags(IMAGE).delete
    assert await made.pulls("1.4.2")


async def test_making_it_whole_again_finds_tags_whose_push_nobody_told(made: ActWorld) -> None:
    made.push("1.0.0", IMAGE)
    made.push("latest", IMAGE)
    answer = await made.quarantine("1.0.0")
    made.push("missed", IMAGE)
    made.push("latest", FIX)
    await reassert(made.pushing.app, answer.act.id)
    assert made.tag_flags("missed") == CLOSED
    assert made.tag_flags("latest") == OPEN
    assert await made.pulls("latest")
    after = outcomes(await made.shown(answer.act.id))
    assert (after["missed"], after["latest"]) == (Outcome.APPLIED, Outcome.MOVED)
    assert await made.due() == []
    await made.lift(answer.act.id)
    assert made.tag_flags("missed") == OPEN


async def test_due_work_of_an_open_quarantine_makes_it_whole_again(made: ActWorld) -> None:
    made.push("1.0.0", IMAGE)
    review = made.later(seconds=0) + timedelta(days=1)
    answer = await made.quarantine("1.0.0", review_by=review)
    made.set_manifest(IMAGE, read=True)
    broken = ActDue(act=answer.act.id, registry=made.pushing.login_server)
    due = DueWork(subject=broken, created_at=review, due_at=made.later(seconds=0), attempts=0, reason="broken")
    await made.pushing.app.rows.write([Upsert(due_key(broken), stored(due))])
    await made.pushing.tick()
    assert made.flags(IMAGE) == CLOSED
    (left,) = await made.due()
    assert isinstance(left.subject, ActDue)
    assert left.subject.purpose is Purpose.LOOK  # its review is still ahead
