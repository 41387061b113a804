"""Large, hostile and many: everything has a bound and an answer, and nothing is lost."""

import asyncio
from contextlib import AsyncExitStack
from copy import replace
from datetime import timedelta

import pytest

from localcloud.faults import Answer, Fault, Silence
from localcloud.registry.records import Reference
from localcloud.tls import Authority
from taglock.domain.ledger import due_key, due_partition, stored
from taglock.domain.row import RowKey, Upsert
from taglock.enforcement.context import Limits
from taglock.errors import InvalidConfiguration
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, REPOSITORY, UNDELETABLE, World, opened_registry, world


@pytest.mark.slow
async def test_an_index_with_5000_children_is_finished_by_due_work_without_repeating_any(authority: Authority) -> None:
    async with world(authority, limits=Limits(due_seconds=2.0), share=1000.0) as local:
        children = [plain(f"child {number}") for number in range(5000)]
        for child in children:
            local.push(None, child)
        root = index(*children)
        local.clear()
        assert (await local.deliver(local.push("2.0.0", root))).outcome == "unfinished"
        assert local.requests()["PATCH manifest"] < 64
        assert local.flags(root) == OPEN
        ticks = 0
        while await local.due():
            ticks += 1
            await local.tick(after=timedelta(seconds=30))
        assert ticks > 1, "the test must resume at least once"
        assert {local.flags(child) for child in children} == {UNDELETABLE} == {local.flags(root)}
        assert local.requests()["PATCH manifest"] <= 5001 + ticks * Limits().parallel_requests
        assert (await local.releases())["2.0.0"].manifests == 5001


async def test_a_closure_beyond_the_limit_is_reported_and_not_locked_in_part(authority: Authority) -> None:
    async with world(authority, limits=Limits(closure=3)) as local:
        children = [plain(f"child {number}") for number in range(3)]
        for child in children:
            local.push(None, child)
        root = index(*children)
        assert (await local.deliver(local.push("2.0.0", root))).outcome == "failed"
        assert {local.flags(each) for each in (*children, root)} == {OPEN}
        (finding,) = await local.findings()
        assert "TAGLOCK_MAX_CLOSURE" in finding.observed
        assert local.topic.types == ["Taglock.LockFailed"]
        assert await local.due() == []


async def test_a_cycle_of_indexes_is_walked_once_and_locked(local: World) -> None:
    leaf = plain("leaf")
    inner = index(leaf, name="inner")
    for each in (leaf, inner):
        local.push(None, each)
    outer = index(inner, name="outer")
    event = local.push("2.0.0", outer)
    # No content can reach itself; only an answer of the registry can claim it.
    record = local.emulator.store.manifest(REPOSITORY, inner.digest)
    record.references = (Reference(digest=leaf.digest), Reference(digest=outer.digest), Reference(digest=inner.digest))
    assert (await local.deliver(event)).outcome == "locked"
    assert {local.flags(each) for each in (leaf, inner, outer)} == {UNDELETABLE}


async def test_200_concurrent_releases_cost_two_requests_each_and_one_token(local: World) -> None:
    images = [plain(f"image {number}") for number in range(200)]
    events = [local.push(f"1.0.{number}", image) for number, image in enumerate(images)]
    local.clear()
    handled = await asyncio.gather(*(local.deliver(event) for event in events))
    assert {one.outcome for one in handled} == {"locked"}
    assert local.requests() == {"POST exchange": 1, "POST token": 1, "PATCH tag": 200, "PATCH manifest": 200}
    assert len(await local.releases()) == 200


async def test_200_concurrent_deliveries_of_one_event_end_as_one(local: World) -> None:
    image = plain("api")
    event = local.push("1.4.2", image)
    await asyncio.gather(*(local.deliver(event) for _ in range(200)))
    assert local.tag_flags("1.4.2") == LOCKED_TAG
    assert len({one.id for one in local.topic.events}) == 1
    assert len(await local.releases()) == 1
    assert await local.due() == []


async def test_a_registry_that_always_fails_does_not_delay_another(authority: Authority) -> None:
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(world(authority, limits=Limits(event_seconds=2.0, due_seconds=2.0)))
        bad = await stack.enter_async_context(world(authority))
        registries = {
            server: await stack.enter_async_context(opened_registry(server))
            for server in (good.login_server, bad.login_server)
        }
        known = {"local": good.login_server, "bad": bad.login_server}
        good.app = replace(good.app, known_registries=known, registries=lambda server: registries[server])
        bad.emulator.faults.add(Fault(action=Silence(when="before"), times=None))
        stuck = [
            bad.push(f"1.0.{n}", plain(f"bad {n}")).replace("registries/local", "registries/bad") for n in range(30)
        ]
        await asyncio.gather(*(good.deliver(event) for event in stuck))
        waiting = asyncio.create_task(good.tick(after=timedelta(minutes=1)))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        image = plain("good")
        event = good.push("1.4.2", image)
        assert (await good.deliver(event)).outcome == "locked"
        assert not waiting.done()  # the failing registry is still being waited for
        late = index(plain("late"))
        assert (await good.deliver(good.push("2.0.0", late))).outcome == "unfinished"
        await waiting


async def test_while_the_rules_cannot_be_used_work_waits_and_then_goes_on(local: World) -> None:
    def broken() -> None:
        raise InvalidConfiguration.at("$.rule[0].tags", {}, "semver, glob or regex")

    image = plain("api")
    good = local.app
    local.app = replace(good, rules=broken)  # type: ignore[arg-type]
    handled = await local.deliver(local.push("1.4.2", image))
    assert handled.outcome == "unfinished"
    assert "$.rule[0].tags" in handled.problems[0]
    local.app = good
    await local.settle()
    assert local.flags(image) == UNDELETABLE


async def test_work_that_turns_out_to_be_no_release_ends_quietly(local: World) -> None:
    local.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="tag", times=1))
    await local.deliver(local.push("1.4.2", plain("api")))
    assert len(await local.due()) == 1
    local.with_rules('version = 1\n[[rule]]\nname = "nothing"\ntags = { glob = ["never"] }\n')
    await local.settle()
    assert await local.due() == []
    assert await local.findings() == []


async def test_a_due_row_that_cannot_be_read_does_not_stop_the_others(local: World) -> None:
    key = RowKey(due_partition(local.login_server), "a row of a newer version")
    await local.app.rows.write([Upsert(key, b'{"format":99,"row":{}}')])
    image = plain("api")
    local.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="tag", times=1))
    await local.deliver(local.push("1.4.2", image))
    handled = await local.tick(after=timedelta(minutes=1))
    assert sorted(one.outcome for one in handled) == ["failed", "locked"]
    assert "newer version" in next(one for one in handled if one.outcome == "failed").problems[0]


async def test_an_event_of_an_unknown_registry_raises_one_warning_and_no_request(local: World) -> None:
    event = local.push("1.4.2", plain("api")).replace("registries/local", "registries/stranger")
    for _ in range(3):
        assert (await local.deliver(event)).outcome == "ignored"
    assert local.requests() == {}
    rows = await local.app.rows.scan("finding/-")
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "$"),
        ("[]", "$"),
        ("[" * 100_000, "$"),
        ('{"id": "1", "eventType": 7}', "$.eventType"),
        ('{"padding": "' + "x" * 300_000 + '"}', "$.id"),
    ],
)
async def test_an_event_that_cannot_be_understood_is_journalled_and_published(
    local: World, text: str, path: str
) -> None:
    handled = await local.deliver(text)
    assert handled.outcome == "rejected"
    assert handled.problems[0].startswith(f"{path}: expected")
    (event,) = local.topic.events
    assert event.type == "Taglock.EventRejected"
    assert len(await local.app.rows.scan(f"journal/-/{local.clock.now():%Y-%m-%d}")) == 1
    await local.deliver(text)
    assert len({one.id for one in local.topic.events}) == 1


async def test_the_request_host_must_agree_with_the_topic(local: World) -> None:
    event = local.push("1.4.2", plain("api")).replace(f'"host": "{local.login_server}"', '"host": "evil.example"')
    handled = await local.deliver(event)
    assert handled.outcome == "rejected"
    assert handled.problems[0].startswith(f"$.data.request.host: expected {local.login_server!r}")
    assert local.requests() == {}


async def test_what_breaks_unexpectedly_becomes_due_work_and_is_reported_in_the_end(local: World) -> None:
    def broken(_login_server: str) -> None:
        raise RuntimeError("nobody thought of this")

    image = plain("api")
    working = local.app
    local.app = replace(working, registries=broken)  # type: ignore[arg-type]
    handled = await local.deliver(local.push("1.4.2", image))
    assert handled.outcome == "unfinished"
    assert "RuntimeError: 'nobody thought of this'" in handled.problems[0]
    for _ in range(30):
        await local.tick(after=timedelta(hours=1))
    assert await local.due() == []
    assert [finding.kind for finding in await local.findings()] == ["LOCK_FAILED"]
    local.app = working
    assert (await local.deliver(local.pushed[-1])).outcome == "locked"
    assert await local.findings() == []


async def test_the_longest_names_are_locked_and_can_become_due_work(local: World) -> None:
    repository = "/".join(["prod", *["a" * 49] * 5])
    tag = f"1.0.0-{'b' * 122}"
    local.with_rules('version = 1\n[[rule]]\nname = "all"\ntags = { glob = ["*"] }\n')
    event = local.push(tag, plain("api"), repository=repository)
    local.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="tag", times=1))
    long = event.replace(f'"digest": "{plain("api").digest}"', f'"digest": "sha512:{"0" * 128}"')
    assert (await local.deliver(long)).outcome == "unfinished"
    assert len(await local.due()) == 1
    assert (await local.deliver(event)).outcome == "locked"
    assert local.tag_flags(tag, repository=repository) == LOCKED_TAG


@pytest.mark.parametrize(("due_in", "resumed"), [(timedelta(days=2), True), (timedelta(hours=1), False)])
async def test_work_that_a_wrong_clock_postponed_for_days_does_not_wait_for_it(
    local: World, due_in: timedelta, resumed: bool
) -> None:
    local.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="tag", times=1))
    await local.deliver(local.push("1.4.2", plain("api")))
    (due,) = await local.due()
    late = replace(due, due_at=local.clock.now() + due_in)
    await local.app.rows.write([Upsert(due_key(late.subject), stored(late))])
    await local.tick()
    assert (await local.due() == []) is resumed
    assert (local.tag_flags("1.4.2") == LOCKED_TAG) is resumed
