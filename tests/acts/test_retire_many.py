"""A wrong rule is undone in bulk: planned, counted and acknowledged before anything is changed."""

import asyncio
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from taglock.domain.acts.act import ActKind, Phase
from taglock.domain.acts.answer import ManyRetired
from taglock.domain.acts.request import RetireManyAsked
from taglock.enforcement.acts.retire_many import preview_retire_many, retire_many
from taglock.enforcement.context import ActPolicy
from taglock.errors import ActRefused, InvalidRequest, Refusal
from tests.acts.loosened import CHILDREN, ROOT, fail, heal, released, shown
from tests.acts.world import ANNA, ActWorld
from tests.pushing.images import plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE

TAGS = ["1.0.0", "1.0.1", "1.1.0", "2.0.0"]


async def wrong(made: ActWorld) -> None:
    """Let a rule lock four releases: two of one index, two plain images."""
    await released(made)
    await made.pushing.deliver(made.push("1.0.1", ROOT))
    for tag in TAGS[2:]:
        await made.pushing.deliver(made.push(tag, plain(tag)))


def asked(**options: Any) -> RetireManyAsked:
    return RetireManyAsked(**{"by": ANNA, "reason": "wrong rule", "rule": "releases", **options})


async def many(made: ActWorld, **options: Any) -> ManyRetired:
    return await retire_many(made.pushing.app, asked(**options))


async def test_a_preview_names_the_plan_and_changes_nothing(made: ActWorld) -> None:
    await wrong(made)
    made.pushing.clear()
    plan = await preview_retire_many(made.pushing.app, asked())
    assert [each.place.tag for each in plan.retirements] == TAGS
    assert not plan.carried_out and {each.outcome for each in plan.retirements} == {"planned"}
    assert await many(made) == plan
    assert made.requests() == {} and await made.due() == []


async def test_the_acknowledged_plan_is_carried_out(made: ActWorld) -> None:
    await wrong(made)
    plan = await preview_retire_many(made.pushing.app, asked())
    after = await many(made, acknowledge=plan.plan)
    assert after.carried_out and {each.outcome for each in after.retirements} == {"retired"}
    assert all(made.tag_flags(tag) == OPEN for tag in TAGS)
    assert all(made.flags(each) == OPEN for each in (ROOT, *CHILDREN, plain("1.1.0"), plain("2.0.0")))
    assert await made.pushing.releases() == {}
    await made.settle()
    for each in after.retirements:
        assert (await shown(made, each.act, ActKind.RETIRE)).act.phase is Phase.ENDED


async def test_another_plan_than_the_acknowledged_one_is_refused(made: ActWorld) -> None:
    await wrong(made)
    plan = await preview_retire_many(made.pushing.app, asked())
    await made.pushing.deliver(made.push("3.0.0", plain("3.0.0")))
    with pytest.raises(ActRefused) as refused:
        await many(made, acknowledge=plan.plan)
    assert refused.value.refusal is Refusal.PLAN_CHANGED
    assert all(made.tag_flags(tag) == LOCKED_TAG for tag in TAGS) and await made.due() == []


async def test_more_than_the_limit_is_refused_before_anything_is_changed(made: ActWorld) -> None:
    await wrong(made)
    made.pushing.app = replace(made.pushing.app, acts=ActPolicy(bulk=3))
    with pytest.raises(ActRefused) as refused:
        await many(made)
    assert refused.value.refusal is Refusal.LIMIT_EXCEEDED and refused.value.members["limit"] == 3
    assert all(made.tag_flags(tag) == LOCKED_TAG for tag in TAGS)


async def test_only_what_was_locked_since_a_time_is_chosen(made: ActWorld) -> None:
    await wrong(made)
    made.later(hours=1)
    await made.pushing.deliver(made.push("3.0.0", plain("3.0.0")))
    since = made.pushing.clock.now() - timedelta(minutes=1)
    plan = await preview_retire_many(made.pushing.app, asked(rule=None, since=since))
    assert [each.place.tag for each in plan.retirements] == ["3.0.0"]
    assert (await preview_retire_many(made.pushing.app, asked(rule="other"))).retirements == ()


async def test_all_releases_at_once_cannot_be_asked_for(made: ActWorld) -> None:
    with pytest.raises(InvalidRequest):
        await preview_retire_many(made.pushing.app, asked(rule=None))


async def test_what_is_quarantined_is_told_as_refused_and_the_rest_is_retired(made: ActWorld) -> None:
    await wrong(made)
    await made.quarantine("2.0.0")
    plan = await preview_retire_many(made.pushing.app, asked())
    after = await many(made, acknowledge=plan.plan)
    assert [each.outcome for each in after.retirements] == ["retired", "retired", "retired", "refused"]
    assert "quarantined" in after.retirements[3].message
    await made.settle()
    assert (await shown(made, after.retirements[3].act, ActKind.RETIRE)).act.phase is Phase.ENDED
    assert set(await made.pushing.releases()) == {"2.0.0"}


async def test_due_work_carries_out_what_the_registry_did_not_take(made: ActWorld) -> None:
    await wrong(made)
    plan = await preview_retire_many(made.pushing.app, asked())
    fail(made, "GET", skip=1)
    fail(made, "PATCH")
    after = await many(made, acknowledge=plan.plan)
    assert {each.outcome for each in after.retirements} == {"unfinished"}
    heal(made)
    await made.settle()
    assert await made.pushing.releases() == {}
    assert all(made.tag_flags(tag) == OPEN for tag in TAGS)
    assert all(made.flags(each) == OPEN for each in (ROOT, *CHILDREN, plain("1.1.0"), plain("2.0.0")))


async def test_a_call_without_time_leaves_all_of_it_to_due_work(made: ActWorld) -> None:
    await wrong(made)
    plan = await preview_retire_many(made.pushing.app, asked())
    limits = made.pushing.app.limits
    made.pushing.app = replace(made.pushing.app, limits=replace(limits, event_seconds=0.0))
    after = await many(made, acknowledge=plan.plan)
    assert {each.outcome for each in after.retirements} == {"unfinished"}
    assert all(made.tag_flags(tag) == LOCKED_TAG for tag in TAGS)
    made.pushing.app = replace(made.pushing.app, limits=limits)
    await made.settle()
    assert await made.pushing.releases() == {}
    assert all(made.flags(each) == OPEN for each in (ROOT, *CHILDREN))


async def test_one_that_must_stay_does_not_keep_its_children_from_others(made: ActWorld) -> None:
    await wrong(made)
    await made.hold("1.0.1")
    plan = await preview_retire_many(made.pushing.app, asked())
    await many(made, acknowledge=plan.plan)
    await asyncio.sleep(0)
    await made.settle()
    assert made.tag_flags("1.0.1") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in (ROOT, *CHILDREN))
