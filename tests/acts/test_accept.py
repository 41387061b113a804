"""A moved tag becomes the release when a person accepts the digest that it points to."""

from copy import replace
from dataclasses import dataclass

import pytest

from localcloud.registry.content import Manifest
from taglock.domain.acts.act import Phase
from taglock.domain.ledger import FindingKind
from taglock.domain.rule import RuleSet
from taglock.errors import ActRefused, InvalidConfiguration, Refusal
from tests.acts.loosened import CHILDREN, ROOT, accepted, fail, heal, released
from tests.acts.world import ActWorld
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE

MOVED = index(CHILDREN[0], plain("s390x"), name="moved")


async def moved(made: ActWorld, manifest: Manifest = MOVED) -> None:
    """Move a locked tag as an import with force does, and let the app see it."""
    made.push(None, plain("s390x"))
    made.push("staging", manifest)
    store = made.pushing.emulator.store
    store.import_image("prod/api", "1.0.0", source="prod/api:staging", force=True)
    made.later(seconds=30)
    store.settle_imports()
    event = next(each for each in reversed(made.pushing.pushed) if '"tag": "1.0.0"' in each)
    await made.pushing.deliver(event)


async def test_what_is_accepted_is_locked_and_recorded_and_the_finding_closes(made: ActWorld) -> None:
    await released(made)
    await moved(made)
    assert (await made.pushing.releases())["1.0.0"].digest == ROOT.digest
    assert FindingKind.TAG_MOVED in await made.findings()
    answer = await accepted(made, "1.0.0", MOVED)
    assert answer.complete and answer.act.phase is Phase.ENDED
    release = (await made.pushing.releases())["1.0.0"]
    assert (release.digest, release.rule) == (MOVED.digest, "releases")
    assert made.tag_flags("1.0.0") == LOCKED_TAG
    assert all(made.flags(each) == UNDELETABLE for each in (MOVED, CHILDREN[0], plain("s390x")))
    assert await made.findings() == {} and await made.due() == []
    assert made.pushing.topic.types[-1] == "Taglock.TagAccepted"
    assert any(entry.decision == "accept" and entry.actor.startswith("Anna") for entry in await made.journal())


async def test_another_digest_than_the_tag_points_to_is_refused(made: ActWorld) -> None:
    await released(made)
    await moved(made)
    with pytest.raises(ActRefused) as refused:
        await accepted(made, "1.0.0", ROOT)
    assert refused.value.refusal is Refusal.DIGEST_DIFFERS
    assert refused.value.members["digest"] == MOVED.digest


async def test_a_tag_that_no_rule_and_no_release_knows_is_refused(made: ActWorld) -> None:
    made.push("nightly", plain("nightly"))
    with pytest.raises(ActRefused) as refused:
        await accepted(made, "nightly", plain("nightly"))
    assert refused.value.refusal is Refusal.NOT_LOCKED
    assert made.tag_flags("nightly") == OPEN


async def test_a_quarantined_tag_is_refused(made: ActWorld) -> None:
    await released(made)
    await moved(made)
    await made.quarantine("1.0.0")
    with pytest.raises(ActRefused) as refused:
        await accepted(made, "1.0.0", MOVED)
    assert refused.value.refusal is Refusal.QUARANTINED


@dataclass(frozen=True)
class Broken:
    def __call__(self) -> RuleSet:
        raise InvalidConfiguration.at("$", "rules", "TOML")


async def test_a_broken_rule_file_does_not_keep_a_release_from_being_accepted(made: ActWorld) -> None:
    await released(made)
    await moved(made)
    made.pushing.app = replace(made.pushing.app, rules=Broken())
    assert (await accepted(made, "1.0.0", MOVED)).complete
    assert (await made.pushing.releases())["1.0.0"].digest == MOVED.digest


async def test_due_work_goes_on_when_the_registry_fails(made: ActWorld) -> None:
    await released(made)
    await moved(made)
    made.set_tag("1.0.0", write=True, delete=True)
    fail(made, "PATCH")
    answer = await accepted(made, "1.0.0", MOVED)
    assert not answer.complete
    assert (await made.pushing.releases())["1.0.0"].digest == ROOT.digest
    heal(made)
    await made.settle()
    assert (await made.pushing.releases())["1.0.0"].digest == MOVED.digest
    assert made.tag_flags("1.0.0") == LOCKED_TAG
