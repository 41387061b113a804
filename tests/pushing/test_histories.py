"""Events that come twice, late, out of order or for a tag that moved; and report mode."""

import json
from copy import replace
from datetime import timedelta

import pytest

from localcloud.registry.flags import Flags
from localcloud.tls import Authority
from taglock.domain.ledger import FindingKind
from taglock.domain.rule import Mode
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE, World, world


async def test_a_duplicate_event_costs_no_request_and_changes_nothing(local: World) -> None:
    event = local.push("1.4.2", plain("api"))
    await local.deliver(event)
    before = await local.releases()
    local.clear()
    handled = await local.deliver(event)
    assert handled.outcome == "already"
    assert local.requests() == {}
    assert await local.releases() == before
    assert local.topic.types == ["Taglock.ImageLocked"]


async def test_a_new_push_of_the_same_image_is_proved_anew_with_two_requests(local: World) -> None:
    local.emulator.options.same_digest_to_locked_tag = "allowed"
    image = plain("api")
    await local.deliver(local.push("1.4.2", image))
    local.emulator.store.tag("prod/api", "1.4.2").flags = OPEN  # somebody unlocked it
    local.clock.advance(timedelta(minutes=1))
    event = local.push("1.4.2", image)
    local.clear()
    assert (await local.deliver(event)).outcome == "locked"
    assert sum(local.requests().values()) == 2
    assert local.tag_flags("1.4.2") == LOCKED_TAG


async def test_moved_tag_locks_both_closures_and_is_reported(local: World) -> None:
    first, second = plain("first"), plain("second")
    event = local.push("1.4.2", first)
    local.clock.advance(timedelta(seconds=1))
    later = local.push("1.4.2", second)
    assert (await local.deliver(event)).outcome == "locked"
    assert local.flags(first) == local.flags(second) == UNDELETABLE
    (finding,) = await local.findings()
    assert (finding.kind, finding.expected, finding.observed) == (
        FindingKind.TAG_MOVED,
        first.digest,
        second.digest,
    )
    assert (await local.releases())["1.4.2"].digest == second.digest
    assert sorted(local.topic.types) == ["Taglock.ImageLocked", "Taglock.TagMoved"]
    await local.deliver(later)
    assert (await local.releases())["1.4.2"].digest == second.digest
    assert len(await local.findings()) == 1


async def test_superseded_event_is_journalled_and_changes_nothing(local: World) -> None:
    first, second = plain("first"), plain("second")
    early = local.push("1.4.2", first)
    local.clock.advance(timedelta(seconds=1))
    late = local.push("1.4.2", second)
    await local.deliver(late)
    local.clear()
    handled = await local.deliver(early)
    assert handled.outcome == "superseded"
    assert local.requests() == {}
    assert local.flags(first) == OPEN
    assert sorted(entry.outcome for entry in await local.journal()) == ["locked", "superseded"]


async def test_a_locked_tag_that_moved_all_the_same_keeps_its_release_and_is_reported(local: World) -> None:
    first, second = plain("first"), plain("second")
    await local.deliver(local.push("1.4.2", first))
    local.push("next", second)
    local.clock.advance(timedelta(seconds=1))
    local.emulator.store.import_image("prod/api", "1.4.2", source="prod/api:next", force=True)
    await local.deliver(local.pushed[-1])
    release = (await local.releases())["1.4.2"]
    assert release.digest == first.digest
    assert local.tag_flags("1.4.2") == LOCKED_TAG
    assert local.flags(second) == UNDELETABLE
    (finding,) = await local.findings()
    assert (finding.expected, finding.observed) == (first.digest, second.digest)
    await local.deliver(local.pushed[-1])
    assert local.topic.types.count("Taglock.TagMoved") == 1


async def test_a_tag_that_its_rule_lets_move_is_no_finding(local: World) -> None:
    local.with_rules('version = 1\n[[rule]]\nname = "r"\ntags = { glob = ["v*"] }\nprofile = "undeletable"\n')
    await local.deliver(local.push("v1", plain("first")))
    local.clock.advance(timedelta(seconds=1))
    second = plain("second")
    await local.deliver(local.push("v1", second))
    assert await local.findings() == []
    assert (await local.releases())["v1"].digest == second.digest


async def test_event_time_far_in_the_future_does_not_make_an_event_newest_for_ever(local: World) -> None:
    first, second = plain("first"), plain("second")
    event = json.loads(local.push("1.4.2", first))
    event["data"]["timestamp"] = "2099-01-01T00:00:00Z"
    await local.deliver(json.dumps(event))
    local.emulator.store.tag("prod/api", "1.4.2").flags = OPEN
    local.clock.advance(timedelta(minutes=6))
    assert (await local.deliver(local.push("1.4.2", second))).outcome == "locked"
    assert [finding.kind for finding in await local.findings()] == [FindingKind.TAG_MOVED]


async def test_report_mode_decides_and_records_the_same_and_changes_nothing(local: World) -> None:
    children = [plain("amd64"), plain("arm64")]
    for child in children:
        local.push(None, child)
    root = index(*children)
    event = local.push("2.0.0", root)
    local.app = replace(local.app, mode=Mode.REPORT)
    handled = await local.deliver(event)
    assert (handled.outcome, handled.mode, handled.applied) == ("locked", "report", 3)
    assert {local.flags(each) for each in (*children, root)} == {OPEN}
    assert local.tag_flags("2.0.0") == OPEN
    assert not [kind for kind in local.requests() if kind.startswith("PATCH")]
    assert (await local.releases())["2.0.0"].mode is Mode.REPORT
    assert local.topic.events == []


async def test_after_report_mode_the_same_event_locks_for_real(local: World) -> None:
    image = plain("api")
    event = local.push("1.4.2", image)
    enforcing = local.app
    local.app = replace(local.app, mode=Mode.REPORT)
    await local.deliver(event)
    local.app = enforcing
    assert (await local.deliver(event)).outcome == "locked"
    assert local.flags(image) == UNDELETABLE


async def test_a_rule_in_report_mode_changes_nothing_while_others_enforce(local: World) -> None:
    local.with_rules(
        'version = 1\n[[rule]]\nname = "trial"\nmode = "report"\ntags = { glob = ["trial-*"] }\n'
        '[[rule]]\nname = "real"\ntags = { glob = ["real-*"] }\n'
    )
    await local.deliver(local.push("trial-1", plain("a")))
    await local.deliver(local.push("real-1", plain("b")))
    assert local.tag_flags("trial-1") == OPEN
    assert local.tag_flags("real-1") == LOCKED_TAG


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 0, 1), (1, 0, 1, 0)])
async def test_two_tags_of_one_image_end_locked_in_any_order(authority: Authority, order: tuple[int, ...]) -> None:
    async with world(authority) as local:
        image = plain("api")
        events = [local.push("1.4.2", image), local.push("1.4.3", image)]
        for number in order:
            await local.deliver(events[number])
        assert local.tag_flags("1.4.2") == local.tag_flags("1.4.3") == LOCKED_TAG
        assert local.flags(image) == Flags(delete=False)


@pytest.mark.parametrize("named", ["no digest", "the digest of the release"])
async def test_a_locked_tag_that_moved_is_reported_whatever_the_event_says(local: World, named: str) -> None:
    first, second = plain("first"), plain("second")
    event = local.push("1.4.2", first)
    await local.deliver(event)
    local.push("next", second)
    local.emulator.store.import_image("prod/api", "1.4.2", source="prod/api:next", force=True)
    later = json.loads(event)
    later["id"], later["data"]["timestamp"] = "later", (local.clock.now() + timedelta(seconds=5)).isoformat()
    if named == "no digest":
        del later["data"]["target"]["digest"]
    await local.deliver(json.dumps(later))
    assert (await local.releases())["1.4.2"].digest == first.digest
    (finding,) = await local.findings()
    assert (finding.kind, finding.expected, finding.observed) == (
        FindingKind.TAG_MOVED,
        first.digest,
        second.digest,
    )
    assert local.topic.types.count("Taglock.TagMoved") == 1


async def test_report_mode_never_overwrites_a_release_that_was_proved(local: World) -> None:
    local.emulator.options.same_digest_to_locked_tag = "allowed"
    image = plain("api")
    await local.deliver(local.push("1.4.2", image))
    proved = await local.releases()
    local.app = replace(local.app, mode=Mode.REPORT)
    local.clock.advance(timedelta(minutes=1))
    await local.deliver(local.push("1.4.2", image))
    assert await local.releases() == proved
