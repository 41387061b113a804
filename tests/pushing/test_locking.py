"""What is locked after a push, and with how many requests."""

from localcloud.registry.flags import Flags
from taglock.domain.audit.rows import IndexChildren
from taglock.domain.ledger import image_partition, restored
from taglock.domain.reference import Repository
from tests.pushing.images import index, plain, referrer
from tests.pushing.world import LOCKED_TAG, OPEN, REPOSITORY, UNDELETABLE, World

IMMUTABLE = Flags(delete=False, write=False)


async def warm(local: World) -> None:
    """Let the app get its tokens, so that what follows counts only the work itself."""
    await local.deliver(local.push("0.0.1-warm", plain("warm"), repository="prod/warm"))
    await local.deliver(local.push("1.0.0", plain("warm"), repository="prod/warm"))
    local.clear()


async def test_plain_release_is_locked_by_tag_and_manifest(local: World) -> None:
    image = plain("api")
    handled = await local.deliver(local.push("1.4.2", image))
    assert handled.outcome == "locked"
    assert local.tag_flags("1.4.2") == LOCKED_TAG
    assert local.flags(image) == UNDELETABLE


async def test_warm_plain_release_costs_two_requests(local: World) -> None:
    await warm(local)
    await local.deliver(local.push("1.4.2", plain("api")))
    assert local.requests() == {"PATCH tag": 1, "PATCH manifest": 1}


async def test_first_release_costs_one_exchange_and_one_token_more(local: World) -> None:
    await local.deliver(local.push("1.4.2", plain("api")))
    assert local.requests() == {"POST exchange": 1, "POST token": 1, "PATCH tag": 1, "PATCH manifest": 1}


async def test_warm_index_costs_its_children_and_three(local: World) -> None:
    await warm(local)
    children = [plain("amd64"), plain("arm64"), plain("attestation")]
    for child in children:
        local.push(None, child)
    root = index(*children)
    handled = await local.deliver(local.push("2.0.0", root))
    assert handled.outcome == "locked"
    assert local.requests() == {"PATCH tag": 1, "GET manifest attributes": 1, "PATCH manifest": 4}
    assert [local.flags(each) for each in (*children, root)] == [UNDELETABLE] * 4
    patched = [seen.reference for seen in local.emulator.traffic.remembered if seen.kind == "PATCH manifest"]
    assert patched[-1] == root.digest


async def test_what_each_index_names_is_kept_with_its_proof(local: World) -> None:
    leaf, other = plain("leaf"), plain("other")
    inner = index(leaf, name="inner")
    outer = index(inner, other, name="outer")
    for each in (leaf, other, inner):
        local.push(None, each)
    await local.deliver(local.push("3.0.0", outer))
    rows = await local.app.rows.scan(image_partition(local.login_server, Repository(REPOSITORY)), start="index/")
    kept = {row.key.key: restored(IndexChildren, row.body).children for row in rows if row.key.key < "index0"}
    assert kept == {
        f"index/{inner.digest}": (leaf.digest,),
        f"index/{outer.digest}": (inner.digest, other.digest),
    }


async def test_nested_index_is_locked_from_the_leaves_up(local: World) -> None:
    await warm(local)
    leaf, other = plain("leaf"), plain("other")
    inner = index(leaf, name="inner")
    for each in (leaf, other, inner):
        local.push(None, each)
    outer = index(inner, other, name="outer")
    handled = await local.deliver(local.push("3.0.0", outer))
    assert handled.outcome == "locked"
    assert {local.flags(each) for each in (leaf, other, inner, outer)} == {UNDELETABLE}
    patched = [seen.reference for seen in local.emulator.traffic.remembered if seen.kind == "PATCH manifest"]
    assert patched.index(leaf.digest) < patched.index(inner.digest) < patched.index(outer.digest)


async def test_an_index_that_the_event_calls_an_image_is_walked_all_the_same(local: World) -> None:
    children = [plain("amd64"), plain("arm64")]
    for child in children:
        local.push(None, child)
    root = index(*children)
    event = local.push("2.0.0", root).replace(root.media_type, plain("x").media_type)
    assert (await local.deliver(event)).outcome == "locked"
    assert {local.flags(each) for each in (*children, root)} == {UNDELETABLE}


async def test_an_image_that_the_event_calls_an_index_is_locked_all_the_same(local: World) -> None:
    image = plain("api")
    event = local.push("2.0.0", image).replace(image.media_type, index(image).media_type)
    assert (await local.deliver(event)).outcome == "locked"
    assert local.flags(image) == UNDELETABLE


async def test_an_event_without_digest_locks_what_the_tag_points_to(local: World) -> None:
    child = plain("child")
    local.push(None, child)
    root = index(child)
    event = local.push("2.0.0", root).replace(f'"digest": "{root.digest}", ', "")
    assert root.digest not in event
    assert (await local.deliver(event)).outcome == "locked"
    assert local.tag_flags("2.0.0") == LOCKED_TAG
    assert {local.flags(root), local.flags(child)} == {UNDELETABLE}


async def test_a_child_shared_by_two_branches_is_updated_once(local: World) -> None:
    leaf = plain("leaf")
    left, right = index(leaf, name="left"), index(leaf, name="right")
    for each in (leaf, left, right):
        local.push(None, each)
    root = index(left, right)
    event = local.push("2.0.0", root)
    local.clear()
    assert (await local.deliver(event)).outcome == "locked"
    assert local.requests()["PATCH manifest"] == 4


async def test_what_no_rule_matches_is_left_alone_without_any_request(local: World) -> None:
    image = plain("api")
    handled = await local.deliver(local.push("latest", image))
    assert handled.outcome == "ignored"
    assert handled.decision == "no rule matched"
    assert local.requests() == {}
    assert local.tag_flags("latest") == OPEN


async def test_latest_still_moves_off_a_locked_image(local: World) -> None:
    image = plain("api")
    await local.deliver(local.push("1.4.2", image))
    await local.deliver(local.push("latest", image))
    local.push("latest", plain("next"))
    assert local.tag_flags("latest") == OPEN


async def test_full_lock_turns_write_off_on_the_manifest_too(local: World) -> None:
    local.with_rules('version = 1\n[[rule]]\nname = "full"\ntags = { glob = ["v*"] }\nmanifest_profile = "immutable"\n')
    image = plain("api")
    await local.deliver(local.push("v1", image))
    assert local.flags(image) == IMMUTABLE


async def test_the_release_the_journal_and_the_event_tell_of_the_lock(local: World) -> None:
    image = plain("api")
    await local.deliver(local.push("1.4.2", image))
    release = (await local.releases())["1.4.2"]
    assert (release.digest, release.rule, release.manifests) == (image.digest, "releases", 1)
    assert [(entry.outcome, entry.applied) for entry in await local.journal()] == [("locked", 1)]
    (event,) = local.topic.events
    assert event.type == "Taglock.ImageLocked"
    assert event.body["digest"] == image.digest
    assert event.subject.endswith(f"/prod/api:1.4.2@{image.digest}")


REFERRERS = """
version = 1
[[rule]]
name = "signed"
repositories = ["prod/**"]
tags = { semver = ">=1.0.0" }
referrers = true
"""


async def test_a_signature_pushed_after_the_lock_is_locked_through_its_subject(local: World) -> None:
    local.with_rules(REFERRERS)
    image = plain("api")
    await local.deliver(local.push("1.4.2", image))
    signature = referrer("signature", subject=image)
    handled = await local.deliver(local.push(None, signature))
    assert (handled.outcome, handled.rule) == ("locked", "signed")
    assert local.flags(signature) == UNDELETABLE


async def test_a_signature_that_was_there_before_the_lock_is_found_and_locked(local: World) -> None:
    local.with_rules(REFERRERS)
    image = plain("api")
    event = local.push("1.4.2", image)
    signature = referrer("signature", subject=image)
    local.push(None, signature)
    await local.deliver(event)
    assert local.flags(signature) == UNDELETABLE


async def test_a_signature_whose_image_is_not_locked_yet_is_looked_at_again(local: World) -> None:
    local.with_rules(REFERRERS)
    image = plain("api")
    event = local.push("1.4.2", image)
    signature = referrer("signature", subject=image)
    early = local.push(None, signature)
    assert (await local.deliver(early)).outcome == "unfinished"
    local.emulator.store.manifest("prod/api", image.digest)
    await local.deliver(event)
    await local.settle()
    assert local.flags(signature) == UNDELETABLE


async def test_an_artifact_whose_subject_is_no_release_is_left_alone(local: World) -> None:
    local.with_rules(REFERRERS)
    image = plain("api")
    local.push("dev", image)
    stray = referrer("stray", subject=image)
    await local.deliver(local.push(None, stray))
    await local.settle()
    assert local.flags(stray) == OPEN
    assert await local.findings() == []


async def test_a_push_by_digest_without_subject_is_left_alone(local: World) -> None:
    image = plain("api")
    handled = await local.deliver(local.push(None, image))
    assert handled.outcome == "ignored"
    assert local.flags(image) == OPEN
    assert local.requests() == {}


async def test_a_cosign_tag_is_ignored_unless_a_rule_names_it(local: World) -> None:
    local.with_rules('version = 1\n[[rule]]\nname = "all"\ntags = { glob = ["*"] }\n')
    image = plain("api")
    cosign = f"sha256-{image.digest[7:]}.sig"
    assert (await local.deliver(local.push(cosign, plain("signature")))).outcome == "ignored"
    assert local.tag_flags(cosign) == OPEN
    local.with_rules('version = 1\n[[rule]]\nname = "cosign"\ntags = { glob = ["sha256-*"] }\n')
    assert (await local.deliver(local.push(cosign, plain("signature")))).outcome == "locked"


async def test_a_rule_about_artifact_types_reads_them_from_the_registry(local: World) -> None:
    local.with_rules(
        'version = 1\n[[rule]]\nname = "charts"\nartifact_types = ["application/vnd.cncf.helm.*"]\n'
        '[[rule]]\nname = "rest"\ntags = { glob = ["9.*"] }\n'
    )
    chart = plain("chart", config_type="application/vnd.cncf.helm.config.v1+json")
    assert (await local.deliver(local.push("9.1", chart))).rule == "charts"
    assert (await local.deliver(local.push("9.2", plain("image")))).rule == "rest"
    assert (await local.deliver(local.push("other", plain("image")))).outcome == "ignored"


async def test_a_repository_rule_locks_the_repository_once_and_never_its_write(local: World) -> None:
    local.with_rules('version = 1\n[[rule]]\nname = "keep"\nscope = "repository"\nprofile = "immutable"\n')
    await local.deliver(local.push("dev", plain("a")))
    await local.deliver(local.push("dev2", plain("b")))
    assert local.emulator.store.repository("prod/api").flags == UNDELETABLE
    assert local.requests()["PATCH repository"] == 1


async def test_a_signature_is_locked_although_another_rule_proved_the_image_since(local: World) -> None:
    local.with_rules(f'{REFERRERS}\n[[rule]]\nname = "nightly"\ntags = {{ glob = ["nightly-*"] }}\n')
    image = plain("api")
    await local.deliver(local.push("1.4.2", image))
    await local.deliver(local.push("nightly-7", image))
    signature = referrer("signature", subject=image)
    assert (await local.deliver(local.push(None, signature))).outcome == "locked"
    assert local.flags(signature) == UNDELETABLE
