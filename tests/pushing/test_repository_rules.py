"""A rule about the repository itself stands beside the lock of a release and never in its way."""

import pytest

from localcloud.faults import Action, Answer, Challenged, Fault, Silence
from localcloud.tls import Authority
from taglock.enforcement.context import Limits
from tests.pushing.images import plain
from tests.pushing.world import LOCKED_TAG, UNDELETABLE, World, world

RULES = """
version = 1
[[rule]]
name = "keep"
scope = "repository"
profile = "undeletable"
[[rule]]
name = "releases"
tags = { semver = ">=1.0.0" }
"""
FAULTS: dict[str, Action] = {
    "403": Answer(status=403),
    "405": Answer(status=405),
    "insufficient_scope": Challenged(error="insufficient_scope"),
    "silence": Silence(when="before"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_release_is_locked_even_when_its_repository_cannot_be(authority: Authority, fault: str) -> None:
    async with world(authority, rules=RULES, limits=Limits(event_seconds=2.0, due_seconds=3.0)) as local:
        image = plain("api")
        event = local.push("1.4.2", image)
        local.emulator.faults.add(Fault(action=FAULTS[fault], method="PATCH", kind="repository", times=None))
        handled = await local.deliver(event)
        assert handled.outcome in ("unfinished", "failed")
        assert any("repository" in problem for problem in handled.problems)
        assert local.tag_flags("1.4.2") == LOCKED_TAG
        assert local.flags(image) == UNDELETABLE


async def test_a_repository_that_could_not_be_locked_is_locked_by_the_due_work(authority: Authority) -> None:
    async with world(authority, rules=RULES) as local:
        local.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="repository", times=1))
        assert (await local.deliver(local.push("1.4.2", plain("api")))).outcome == "unfinished"
        await local.settle()
        assert local.emulator.store.repository("prod/api").flags == UNDELETABLE
        assert (await local.journal())[-1].outcome == "locked"
        assert local.topic.types == ["Taglock.ImageLocked"]


async def test_a_push_that_is_no_release_still_waits_for_its_repository(authority: Authority) -> None:
    async with world(authority, rules=RULES) as local:
        local.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="repository", times=1))
        assert (await local.deliver(local.push("dev", plain("api")))).outcome == "unfinished"
        await local.settle()
        assert local.emulator.store.repository("prod/api").flags == UNDELETABLE


async def test_a_repository_rule_added_later_is_applied_by_the_same_event_again(local: World) -> None:
    event = local.push("1.4.2", plain("api"))
    await local.deliver(event)
    local.with_rules(RULES)
    local.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="repository", times=1))
    assert (await local.deliver(event)).outcome == "unfinished"
    await local.settle()
    assert local.emulator.store.repository("prod/api").flags == UNDELETABLE
