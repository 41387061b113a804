"""A push meets what people did: quarantines, grants and retirements of its tag, its digest and what it reaches."""

import json
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from localcloud.faults import Answer, Fault
from localcloud.registry.content import Manifest
from taglock.domain.acts.marks import Marks, Retired, mark_key
from taglock.domain.ledger import ActDue, stored
from taglock.domain.reference import Digest, Repository, Tag, Target, manifest_target, tag_target
from taglock.domain.row import Insert
from taglock.domain.rule import RuleSet
from taglock.errors import HandOverFailed, InvalidConfiguration, LedgerError
from tests.acts.loosened import (
    CHILDREN,
    HALF_AN_HOUR,
    ROOT,
    TICK,
    ended,
    released,
    repository_flags,
    retired,
    set_repository,
    unlocked,
)
from tests.acts.world import CLOSED, ActWorld
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, REPOSITORY, RULES, UNDELETABLE

REPOSITORY_RULE = """
[[rule]]
name = "frame"
scope = "repository"
repositories = ["prod/**"]
profile = "undeletable"
"""
BAD, FIX = plain("bad"), plain("fix")


def tag(made: ActWorld, name: str) -> Target:
    return tag_target(made.pushing.login_server, Repository(REPOSITORY), Tag(name))


def manifest(made: ActWorld, about: Manifest) -> Target:
    return manifest_target(made.pushing.login_server, Repository(REPOSITORY), Digest(about.digest))


async def quarantined(made: ActWorld, about: Manifest = BAD) -> str:
    return (await made.quarantine(digest=about.digest)).act.id


async def acts_on(made: ActWorld, target: Target) -> list[str]:
    marks = (await made.marks()).of(target)
    return [want.act for want in marks.wants] if marks is not None else []


def broken_rules() -> RuleSet:
    raise InvalidConfiguration.at("$.rule", "x", "a rule")


# -- nothing was done ---------------------------------------------------------------------------------------------


async def test_a_push_where_nobody_acted_reads_the_ledger_twice_and_writes_it_no_more_than_before(
    made: ActWorld,
) -> None:
    calls: list[str] = []
    made.rows.inner = Counting(made.rows.inner, calls)
    await made.pushing.deliver(made.push("1.0.0", FIX))
    assert sorted(calls[:2]) == ["read", "scan"]
    assert set(calls[2:]) == {"write"}
    calls.clear()
    await made.pushing.deliver(made.push("main", FIX))
    assert calls == ["scan"]


class Counting:
    """A ledger whose calls are remembered."""

    def __init__(self, inner: Any, calls: list[str]) -> None:
        self._inner, self._calls = inner, calls

    def __getattr__(self, name: str) -> Any:
        self._calls.append(name)
        return getattr(self._inner, name)


# -- quarantine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["1.0.1", "main"])
async def test_a_new_tag_on_a_quarantined_digest_joins_the_quarantine(made: ActWorld, name: str) -> None:
    made.push("1.0.0", BAD)
    act = await quarantined(made)
    handled = await made.pushing.deliver(made.push(name, BAD))
    assert handled.outcome == ("locked" if name == "1.0.1" else "ignored")
    assert not made.tag_flags(name).read
    assert not await made.pulls(name)
    assert await acts_on(made, tag(made, name)) == [act]
    lifted = await made.lift(act)
    assert lifted.complete
    assert made.tag_flags(name) == (LOCKED_TAG if name == "1.0.1" else OPEN)
    assert await made.due() == []


async def test_a_new_tag_joins_with_one_read_and_one_update_more(made: ActWorld) -> None:
    made.push("main", BAD)
    await quarantined(made)
    event = made.push("next", BAD)
    made.pushing.clear()
    await made.pushing.deliver(event)
    assert made.requests() == {"GET tag": 1, "PATCH tag": 1}
    made.pushing.clear()
    await made.pushing.deliver(event)
    assert made.requests() == {}


async def test_a_tag_leaves_with_one_read_and_one_update_more(made: ActWorld) -> None:
    made.push("main", BAD)
    await quarantined(made)
    event = made.push("main", FIX)
    made.pushing.clear()
    await made.pushing.deliver(event)
    assert made.requests() == {"GET tag": 1, "PATCH tag": 1}


async def test_a_tag_joins_though_its_event_names_no_digest(made: ActWorld) -> None:
    made.push("1.0.0", BAD)
    act = await quarantined(made)
    event = json.loads(made.push("main", BAD))
    del event["data"]["target"]["digest"]
    await made.pushing.deliver(json.dumps(event))
    assert await acts_on(made, tag(made, "main")) == [act]


async def test_a_broken_rule_file_keeps_no_tag_out_of_a_quarantine(made: ActWorld) -> None:
    made.push("1.0.0", BAD)
    await quarantined(made)
    made.pushing.app = replace(made.pushing.app, rules=broken_rules)
    handled = await made.pushing.deliver(made.push("1.0.1", BAD))
    assert handled.outcome == "unfinished"
    assert made.tag_flags("1.0.1") == CLOSED


async def test_a_quarantined_tag_that_moves_to_a_clean_digest_can_be_pulled_again(made: ActWorld) -> None:
    made.push("main", BAD)
    act = await quarantined(made)
    handled = await made.pushing.deliver(made.push("main", FIX))
    assert handled.outcome == "ignored"
    assert await made.pulls("main")
    assert not await made.pulls(BAD.digest)
    assert await acts_on(made, tag(made, "main")) == []
    await made.lift(act)
    assert made.tag_flags("main") == OPEN
    assert made.flags(BAD) == OPEN


async def test_a_fixed_release_can_be_pulled_and_is_locked(made: ActWorld) -> None:
    made.push("1.0.0", BAD)
    await quarantined(made)
    handled = await made.pushing.deliver(made.push("1.0.0", FIX))
    assert handled.outcome == "locked"
    assert await made.pulls("1.0.0")
    assert made.tag_flags("1.0.0") == LOCKED_TAG


async def test_an_old_event_of_a_quarantined_digest_changes_nothing_of_the_tag_that_was_fixed(made: ActWorld) -> None:
    old = made.push("main", BAD)
    await quarantined(made)
    await made.pushing.deliver(made.push("main", FIX))
    await made.pushing.deliver(old)
    assert await made.pulls("main")
    assert made.tag_flags("main") == OPEN


@pytest.mark.parametrize("name", ["1.0.1", "main"])
async def test_what_could_not_join_just_now_joins_later(made: ActWorld, name: str) -> None:
    made.push("1.0.0", BAD)
    act = await quarantined(made)
    event = made.push(name, BAD)
    made.pushing.emulator.faults.add(Fault(action=Answer(status=503), method="GET", kind="tag", times=20))
    handled = await made.pushing.deliver(event)
    assert handled.outcome == "unfinished"
    made.pushing.emulator.faults.clear()
    await made.settle()
    assert await acts_on(made, tag(made, name)) == [act]
    assert not await made.pulls(name)


async def test_a_push_never_makes_a_quarantined_image_readable(made: ActWorld) -> None:
    made.push_index("1.0.0", ROOT, *CHILDREN)
    await made.quarantine("1.0.0")
    await made.pushing.deliver(made.push("1.0.0", ROOT))
    assert not made.tag_flags("1.0.0").read
    assert not any(made.flags(each).read for each in (ROOT, *CHILDREN))
    assert {made.flags(each).delete for each in (ROOT, *CHILDREN)} == {False}


async def test_with_the_ledger_down_a_push_is_locked_first_and_joins_when_it_comes_again(made: ActWorld) -> None:
    made.push("1.0.0", BAD)
    await quarantined(made)
    event = made.push("1.0.1", BAD)
    made.rows.down = True
    with pytest.raises(HandOverFailed):
        await made.pushing.deliver(event)
    assert made.tag_flags("1.0.1") == LOCKED_TAG
    made.rows.down = False
    assert (await made.pushing.deliver(event)).outcome == "locked"
    assert not made.tag_flags("1.0.1").read


async def test_a_push_that_cannot_read_the_marks_is_locked_and_looked_at_again(made: ActWorld) -> None:
    made.push("1.0.0", BAD)
    act = await quarantined(made)
    made.rows.inner = NoMarks(made.rows.inner)
    handled = await made.pushing.deliver(made.push("1.0.1", BAD))
    assert handled.outcome == "unfinished"
    assert any("cannot be told whether somebody quarantined" in each for each in handled.problems)
    assert made.tag_flags("1.0.1") == LOCKED_TAG
    await made.settle()
    assert await acts_on(made, tag(made, "1.0.1")) == [act]


async def test_a_redelivered_push_that_cannot_read_the_marks_is_looked_at_again(made: ActWorld) -> None:
    event = made.push("1.0.0", FIX)
    await made.pushing.deliver(event)
    made.rows.inner = NoMarks(made.rows.inner)
    assert (await made.pushing.deliver(event)).outcome == "unfinished"
    await made.settle()
    assert (await made.pushing.deliver(event)).outcome == "already"


class NoMarks:
    """A ledger that cannot be scanned once."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._left = inner, 1

    async def scan(self, partition: str, **options: Any) -> Any:
        if self._left and partition.startswith("image/"):
            self._left -= 1
            raise LedgerError("busy")
        return await self._inner.scan(partition, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def test_a_push_waits_while_a_quarantine_of_it_is_being_lifted(made: ActWorld) -> None:
    event = made.push("1.0.0", BAD)
    act = await quarantined(made)
    made.pushing.emulator.faults.add(Fault(action=Answer(status=503), method="PATCH", times=None))
    assert not (await made.lift(act)).complete
    made.pushing.emulator.faults.clear()
    made.pushing.clear()
    handled = await made.pushing.deliver(event)
    assert handled.outcome == "unfinished"
    assert made.requests() == {}
    assert any("being undone" in each for each in handled.problems)
    await made.settle()
    assert (made.tag_flags("1.0.0"), made.flags(BAD)) == (LOCKED_TAG, UNDELETABLE)
    assert (await made.marks()).by_target == {}


async def test_a_child_on_which_a_quarantine_is_being_lifted_keeps_the_index_waiting(made: ActWorld) -> None:
    made.push(None, BAD)
    act = await quarantined(made)
    made.pushing.emulator.faults.add(Fault(action=Answer(status=503), method="PATCH", times=None))
    await made.lift(act)
    made.pushing.emulator.faults.clear()
    root = index(BAD, name="above")
    event = made.push("1.0.0", root)
    made.pushing.clear()
    assert (await made.pushing.deliver(event)).outcome == "unfinished"
    assert made.patched() == ["1.0.0"]
    await made.settle()
    assert (made.flags(BAD), made.flags(root)) == (UNDELETABLE, UNDELETABLE)


# -- grants -------------------------------------------------------------------------------------------------------


async def test_a_push_to_an_unlocked_tag_is_left_to_the_end_of_the_grant(made: ActWorld) -> None:
    await released(made)
    grant = (await unlocked(made, "1.0.0")).act.id
    event = made.push("1.0.0", FIX)
    made.pushing.clear()
    handled = await made.pushing.deliver(event)
    assert handled.outcome == "suspended"
    assert made.requests() == {}
    assert [entry.outcome for entry in await made.journal() if entry.decision.startswith("unlocked until")] == [
        "suspended"
    ]
    assert not [due for due in await made.due() if not isinstance(due.subject, ActDue)]
    await ended(made, grant)
    assert (made.tag_flags("1.0.0"), made.flags(FIX)) == (LOCKED_TAG, UNDELETABLE)
    await made.settle()


async def test_a_manifest_that_is_unlocked_is_left_alone_and_all_that_names_it_waits(made: ActWorld) -> None:
    child, other = plain("shared"), plain("other")
    made.push(None, child)
    made.push(None, other)
    made.set_manifest(child, delete=False)
    await unlocked(made, digest=child.digest)
    assert made.flags(child) == OPEN
    root = index(child, other, name="above")
    handled = await made.pushing.deliver(made.push("2.0.0", root))
    assert handled.outcome == "unfinished"
    assert (made.flags(child), made.flags(root)) == (OPEN, OPEN)
    assert (made.tag_flags("2.0.0"), made.flags(other)) == (LOCKED_TAG, UNDELETABLE)
    (due,) = [due for due in await made.due() if not isinstance(due.subject, ActDue)]
    grant_ends = made.pushing.clock.now() + HALF_AN_HOUR
    assert grant_ends < due.due_at <= grant_ends + TICK * 2
    await made.pushing.tick(after=HALF_AN_HOUR - TICK)
    assert made.flags(child) == OPEN
    await made.settle()
    assert {made.flags(each) for each in (child, other, root)} == {UNDELETABLE}


async def test_the_attributes_of_an_unlocked_repository_are_left_alone(made: ActWorld) -> None:
    made.push("main", BAD)
    set_repository(made, delete=False)
    await unlocked(made)
    assert repository_flags(made) == OPEN
    made.pushing.with_rules(f"{RULES}{REPOSITORY_RULE}")
    assert (await made.pushing.deliver(made.push("1.0.0", FIX))).outcome == "locked"
    assert repository_flags(made) == OPEN
    await made.pushing.tick(after=HALF_AN_HOUR + TICK)
    await made.settle()
    await made.pushing.deliver(made.push("1.0.1", FIX))
    assert repository_flags(made) == UNDELETABLE


async def test_a_lock_that_waits_for_a_long_grant_is_not_given_up(made: ActWorld) -> None:
    made.pushing.app = replace(made.pushing.app, acts=replace(made.pushing.app.acts, longest_grant=timedelta(days=3)))
    child = plain("shared")
    made.push(None, child)
    made.set_manifest(child, delete=False)
    await unlocked(made, digest=child.digest, expires_in=timedelta(days=2))
    root = index(child, name="above")
    await made.pushing.deliver(made.push("2.0.0", root))
    for _ in range(52):
        await made.pushing.tick(after=timedelta(hours=1))
    assert {made.flags(each) for each in (child, root)} == {UNDELETABLE}
    assert await made.findings() == {}
    assert await made.due() == []


async def test_an_update_that_fails_is_tried_again_before_the_grant_ends(made: ActWorld) -> None:
    child = plain("shared")
    made.push(None, child)
    made.set_manifest(child, delete=False)
    await unlocked(made, digest=child.digest)
    event = made.push("2.0.0", index(child, name="above"))
    made.pushing.emulator.faults.add(Fault(action=Answer(status=503), method="PATCH", kind="tag", times=20))
    await made.pushing.deliver(event)
    made.pushing.emulator.faults.clear()
    await made.pushing.tick(after=TICK * 2)
    assert made.tag_flags("2.0.0") == LOCKED_TAG


# -- retirement ---------------------------------------------------------------------------------------------------


async def test_an_old_event_of_a_retired_release_locks_nothing(made: ActWorld) -> None:
    event = made.push("1.0.0", BAD)
    await made.pushing.deliver(event)
    made.later(minutes=1)
    await retired(made, "1.0.0")
    await made.settle()
    made.pushing.clear()
    handled = await made.pushing.deliver(event)
    assert (handled.outcome, handled.decision.startswith("retired")) == ("ignored", True)
    assert (made.tag_flags("1.0.0"), made.flags(BAD)) == (OPEN, OPEN)
    assert made.requests() == {}


@pytest.mark.parametrize("again", [BAD, FIX], ids=["the same digest", "another digest"])
async def test_a_later_push_of_a_retired_tag_is_a_fresh_release(made: ActWorld, again: Manifest) -> None:
    await made.pushing.deliver(made.push("1.0.0", BAD))
    made.later(minutes=1)
    await retired(made, "1.0.0")
    await made.settle()
    made.later(minutes=1)
    handled = await made.pushing.deliver(made.push("1.0.0", again))
    assert handled.outcome == "locked"
    assert (made.tag_flags("1.0.0"), made.flags(again)) == (LOCKED_TAG, UNDELETABLE)
    marks = await made.marks()
    assert marks.of(tag(made, "1.0.0")) is None
    assert marks.of(manifest(made, again)) is None
    assert (await made.pushing.releases())["1.0.0"].digest == again.digest


async def test_a_push_by_a_slow_clock_is_a_release_when_the_tag_points_to_it(made: ActWorld) -> None:
    first = made.push("1.0.0", FIX)
    await made.pushing.deliver(made.push("1.0.0", BAD))
    made.later(minutes=1)
    await retired(made, "1.0.0")
    await made.settle()
    assert (await made.pushing.deliver(first)).outcome == "ignored"
    made.push("1.0.0", FIX)
    assert (await made.pushing.deliver(first)).outcome == "locked"
    assert made.tag_flags("1.0.0") == LOCKED_TAG


async def test_another_tag_on_what_was_retired_takes_the_manifest_back_but_not_the_tag(made: ActWorld) -> None:
    await made.pushing.deliver(made.push("1.0.0", BAD))
    made.later(minutes=1)
    await retired(made, "1.0.0")
    await made.settle()
    handled = await made.pushing.deliver(made.push("1.0.1", BAD))
    assert handled.outcome == "locked"
    assert (made.tag_flags("1.0.1"), made.flags(BAD), made.tag_flags("1.0.0")) == (LOCKED_TAG, UNDELETABLE, OPEN)
    marks = await made.marks()
    assert marks.of(manifest(made, BAD)) is None
    assert marks.of(tag(made, "1.0.0")) is not None


async def test_a_manifest_that_was_given_up_since_it_was_proved_is_proved_again(made: ActWorld) -> None:
    for child in CHILDREN:
        made.push(None, child)
    event = made.push("1.0.0", ROOT)
    made.pushing.emulator.faults.add(
        Fault(action=Answer(status=503), method="PATCH", match=CHILDREN[1].digest, times=20)
    )
    assert (await made.pushing.deliver(event)).outcome == "unfinished"
    assert made.flags(CHILDREN[0]) == UNDELETABLE
    made.pushing.emulator.faults.clear()
    given_up = manifest(made, CHILDREN[0])
    mark = Marks(target=given_up, retired=Retired(act="a", at=made.pushing.clock.now()))
    await made.rows.write([Insert(mark_key(given_up), stored(mark))])
    made.set_manifest(CHILDREN[0], delete=True)
    await made.settle()
    assert {made.flags(each) for each in (*CHILDREN, ROOT)} == {UNDELETABLE}
    assert (await made.marks()).by_target == {}


async def test_an_act_of_another_repository_means_nothing(made: ActWorld) -> None:
    made.push("1.0.0", BAD, repository="prod/other")
    await made.quarantine("1.0.0", repository="prod/other")
    handled = await made.pushing.deliver(made.push("1.0.0", BAD))
    assert handled.outcome == "locked"
    assert made.tag_flags("1.0.0") == LOCKED_TAG
