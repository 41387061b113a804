"""What nobody has recorded of the real registry: the app must be right with either answer."""

from itertools import product

import pytest

from localcloud.registry.refusals import Refusal
from localcloud.tls import Authority
from tests.pushing.images import index, plain, referrer
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE, World, world

SWITCHES = {
    "push_of_locked_manifest": ("allowed", "refused"),
    "move_off_locked_manifest": ("allowed", "refused"),
    "delete_manifest_with_locked_tag": ("allowed", "refused"),
    "same_digest_to_locked_tag": ("allowed", "refused"),
}
ANSWERS = [dict(zip(SWITCHES, answer, strict=True)) for answer in product(*SWITCHES.values())]
FULL_LOCK = """
version = 1
[[rule]]
name = "full-lock"
tags = { semver = "*" }
manifest_profile = "immutable"
referrers = true
"""


@pytest.mark.parametrize("answers", ANSWERS, ids=lambda answers: ",".join(answers.values()))
async def test_by_default_latest_and_signatures_of_a_locked_image_can_still_be_pushed(
    authority: Authority, answers: dict[str, str]
) -> None:
    async with world(authority) as local:
        local.emulator.options.change(answers)
        image = plain("api")
        await local.deliver(local.push("1.4.2", image))
        local.push("latest", image)
        local.push("latest", plain("next"))
        local.push(None, referrer("signature", subject=image))
        assert local.tag_flags("latest") == OPEN
        assert (local.tag_flags("1.4.2"), local.flags(image)) == (LOCKED_TAG, UNDELETABLE)


@pytest.mark.parametrize("answer", ["allowed", "refused"])
async def test_with_the_full_lock_a_second_tag_depends_on_the_registry_and_is_locked_if_it_comes(
    authority: Authority, answer: str
) -> None:
    async with world(authority, rules=FULL_LOCK) as local:
        local.emulator.options.change({"push_of_locked_manifest": answer})
        image = plain("api")
        await local.deliver(local.push("1.4.2", image))
        if answer == "refused":
            with pytest.raises(Refusal):
                local.push("1.4.3", image)
            return
        await local.deliver(local.push("1.4.3", image))
        assert local.tag_flags("1.4.3") == LOCKED_TAG


@pytest.mark.parametrize("answer", ["complete", "docker_only", "platforms_only", "absent"])
async def test_an_index_is_locked_whole_however_the_registry_names_its_children(
    authority: Authority, answer: str
) -> None:
    async with world(authority) as local:
        local.emulator.options.change({"index_references": answer})
        children = [plain("amd64"), plain("arm64"), plain("attestation")]
        for child in children:
            local.push(None, child)
        root = index(*children)
        assert (await local.deliver(local.push("2.0.0", root))).outcome == "locked"
        assert {local.flags(each) for each in (*children, root)} == {UNDELETABLE}


async def test_an_import_that_writes_its_children_later_is_locked_whole_in_the_end(local: World) -> None:
    local.emulator.options.change({"import_children": "deferred"})
    children = [plain("amd64"), plain("arm64")]
    for child in children:
        local.push(None, child, repository="staging/api")
    root = index(*children)
    local.push("build-1", root, repository="staging/api")
    local.emulator.store.import_image("prod/api", "2.0.0", source="staging/api:build-1")
    handled = await local.deliver(local.pushed[-1])
    assert handled.outcome == "unfinished"
    local.emulator.store.settle_imports()
    await local.settle()
    assert {local.flags(each) for each in (*children, root)} == {UNDELETABLE}
    assert local.tag_flags("2.0.0") == LOCKED_TAG


@pytest.mark.parametrize("answer", ["allowed", "refused"])
async def test_a_release_in_a_locked_repository_waits_until_the_registry_takes_the_lock(
    authority: Authority, answer: str
) -> None:
    async with world(authority) as local:
        local.emulator.options.change({"patch_in_locked_repository": answer})
        image = plain("api")
        event = local.push("1.4.2", image)
        record = local.emulator.store.repository("prod/api")
        record.flags = LOCKED_TAG
        handled = await local.deliver(event)
        assert handled.outcome == ("locked" if answer == "allowed" else "unfinished")
        record.flags = OPEN
        await local.settle()
        assert (local.tag_flags("1.4.2"), local.flags(image)) == (LOCKED_TAG, UNDELETABLE)
