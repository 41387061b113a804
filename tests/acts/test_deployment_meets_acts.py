"""A deployment meets what people did: quarantined images that are deployed are told, what is unlocked waits."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from handlers.image_deployed import image_deployed
from localcloud.faults import Answer, Fault
from localcloud.registry.content import Manifest
from localcloud.tls import Authority
from taglock.domain.handled import Handled
from taglock.domain.ledger import ActDue
from taglock.domain.outbound import OutboundEvent
from tests.acts.loosened import CHILDREN, HALF_AN_HOUR, ROOT, TICK, retired, unlocked
from tests.acts.world import ActWorld, acting
from tests.pushing.images import plain
from tests.pushing.world import LOCKED_TAG, OPEN, REPOSITORY, UNDELETABLE

BAD = plain("bad")
TOLD = "Taglock.QuarantinedImageDeployed"
RULES = """
version = 1
[[rule]]
name = "releases"
tags = { semver = ">=1.0.0" }
[[rule]]
name = "running"
on = ["deployment"]
environments = ["production"]
"""


@pytest.fixture
async def made(authority: Authority) -> AsyncIterator[ActWorld]:
    async with acting(authority, rules=RULES) as each:
        yield each


def event(made: ActWorld, *references: str, **changes: Any) -> str:
    """Return the event that a workload runs some images of the repository, from now on."""
    now = made.later(seconds=1)
    name = f"{made.pushing.login_server}/{REPOSITORY}"
    workload, environment = changes.pop("workload", "shop"), changes.pop("environment", "production")
    images = [f"{name}{each}" for each in references]
    envelope = {
        "specversion": "1.0",
        "id": f"deployment {now.isoformat()}",
        "source": "/pipelines/shop",
        "type": "Taglock.ImageDeployed",
        "time": now.isoformat(),
        "data": {"workload": workload, "images": images, "environment": environment},
    }
    return json.dumps({**envelope, **changes})


async def deliver(made: ActWorld, text: str) -> Handled:
    (handled,) = await image_deployed(made.pushing.app, text)
    return handled


def told(made: ActWorld) -> list[OutboundEvent]:
    return [each for each in made.pushing.topic.events if each.type == TOLD]


def at(manifest: Manifest) -> str:
    return f"@{manifest.digest}"


# -- quarantine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["production", "test"])
async def test_a_quarantined_digest_that_is_deployed_is_told_and_journalled(made: ActWorld, environment: str) -> None:
    made.push("main", BAD)
    act = (await made.quarantine(digest=BAD.digest)).act.id
    await deliver(made, event(made, at(BAD), environment=environment))
    (found,) = told(made)
    assert (found.body["act"], found.body["digest"], found.body["workload"]) == (act, BAD.digest, "shop")
    (entry,) = [each for each in await made.journal() if each.outcome == "deployed"]
    assert entry.event_id == act
    assert not made.flags(BAD).read
    assert not await made.pulls(BAD.digest)


async def test_a_tag_whose_index_is_quarantined_is_told_by_the_digest_of_the_index(made: ActWorld) -> None:
    made.push_index("main", ROOT, *CHILDREN)
    await made.quarantine("main")
    await deliver(made, event(made, ":main"))
    await deliver(made, event(made, at(CHILDREN[0]), workload="edge"))
    assert [(each.body["workload"], each.body["digest"]) for each in told(made)] == [
        ("shop", ROOT.digest),
        ("edge", CHILDREN[0].digest),
    ]


async def test_it_is_told_once_for_each_workload_digest_and_quarantine(made: ActWorld) -> None:
    made.push("main", BAD)
    await made.quarantine(digest=BAD.digest)
    first = event(made, at(BAD))
    await deliver(made, first)
    await deliver(made, first)
    assert len(told(made)) == 1
    await deliver(made, event(made, at(BAD)))
    await deliver(made, event(made, at(BAD), workload="portal"))
    ids = [each.id for each in told(made)]
    assert (len(ids), len(set(ids))) == (3, 2)


async def test_it_is_told_once_though_the_lock_takes_several_attempts(made: ActWorld) -> None:
    made.push("main", BAD)
    await made.quarantine(digest=BAD.digest)
    made.pushing.emulator.faults.add(Fault(action=Answer(status=503), method="PATCH", times=20))
    assert (await deliver(made, event(made, at(BAD)))).outcome == "unfinished"
    made.pushing.emulator.faults.clear()
    await made.settle()
    assert len(told(made)) == 1


async def test_it_is_told_when_the_tag_can_be_resolved_only_later(made: ActWorld) -> None:
    made.push("main", BAD)
    await made.quarantine(digest=BAD.digest)
    made.pushing.emulator.faults.add(Fault(action=Answer(status=503), method="GET", times=20))
    assert (await deliver(made, event(made, ":main"))).outcome == "unfinished"
    assert told(made) == []
    made.pushing.emulator.faults.clear()
    await made.settle()
    assert len(told(made)) == 1


async def test_nothing_is_told_of_what_is_not_or_no_longer_quarantined(made: ActWorld) -> None:
    made.push("main", BAD)
    made.push("next", plain("clean"))
    act = (await made.quarantine(digest=BAD.digest)).act.id
    await deliver(made, event(made, ":next"))
    await made.lift(act)
    await deliver(made, event(made, at(BAD)))
    assert told(made) == []


# -- grants -------------------------------------------------------------------------------------------------------


async def test_an_unlocked_image_that_is_deployed_is_locked_when_the_grant_ends(made: ActWorld) -> None:
    made.push("main", BAD)
    made.set_manifest(BAD, delete=False)
    await unlocked(made, digest=BAD.digest)
    handled = await deliver(made, event(made, at(BAD)))
    assert handled.outcome == "unfinished"
    assert made.flags(BAD) == OPEN
    await made.pushing.tick(after=HALF_AN_HOUR - TICK)
    assert made.flags(BAD) == OPEN
    await made.settle()
    assert made.flags(BAD) == UNDELETABLE


async def test_an_unlocked_tag_that_is_deployed_stays_unlocked_while_its_new_digest_is_locked(made: ActWorld) -> None:
    await made.pushing.deliver(made.push("1.0.0", plain("first")))
    await unlocked(made, "1.0.0")
    made.push("1.0.0", BAD)
    handled = await deliver(made, event(made, ":1.0.0"))
    assert handled.outcome == "unfinished"
    assert (made.tag_flags("1.0.0"), made.flags(BAD)) == (OPEN, UNDELETABLE)
    (due,) = [due for due in await made.due() if not isinstance(due.subject, ActDue)]
    assert due.due_at > made.pushing.clock.now() + HALF_AN_HOUR - TICK
    await made.settle()
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert (await made.pushing.releases())["1.0.0"].digest == BAD.digest


# -- retirement ---------------------------------------------------------------------------------------------------


async def test_a_deployment_before_the_retirement_locks_the_digest_that_another_release_keeps(made: ActWorld) -> None:
    for tag in ("1.0.0", "1.0.1"):
        await made.pushing.deliver(made.push(tag, BAD))
    earlier = event(made, ":1.0.0")
    made.later(minutes=1)
    await retired(made, "1.0.0")
    await made.settle()
    assert (await deliver(made, earlier)).outcome == "locked"
    assert (made.tag_flags("1.0.0"), made.tag_flags("1.0.1"), made.flags(BAD)) == (OPEN, LOCKED_TAG, UNDELETABLE)


async def test_a_deployment_before_the_retirement_locks_nothing_and_a_later_one_does(made: ActWorld) -> None:
    await made.pushing.deliver(made.push("1.0.0", BAD))
    earlier = event(made, ":1.0.0")
    made.later(minutes=1)
    await retired(made, "1.0.0")
    await made.settle()
    handled = await deliver(made, earlier)
    assert (handled.outcome, handled.decision.startswith("retired")) == ("ignored", True)
    assert (made.tag_flags("1.0.0"), made.flags(BAD)) == (OPEN, OPEN)
    handled = await deliver(made, event(made, ":1.0.0"))
    assert handled.outcome == "locked"
    assert (made.tag_flags("1.0.0"), made.flags(BAD)) == (LOCKED_TAG, UNDELETABLE)
    assert (await made.marks()).by_target == {}
