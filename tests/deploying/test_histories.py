"""Deployments that come twice, late or out of order, end, move, or contradict Azure Resource Manager."""

import json
from copy import replace
from datetime import timedelta

from handlers.deployments_listed import deployments_listed
from localcloud.faults import Answer, Fault
from taglock.domain.deployment import Answer as RunAnswer
from taglock.domain.deployment import Source
from taglock.domain.ledger import FindingKind
from taglock.enforcement.refreshing import refresh_deployments
from tests.deploying.world import APP, BATCH, SITE, SUBSCRIPTION, Deployed, container_app, container_group, moment
from tests.pushing.images import plain
from tests.pushing.world import OPEN, UNDELETABLE

KEY = APP.lower()


async def test_a_duplicate_event_costs_no_request_and_changes_nothing(local: Deployed) -> None:
    local.push("build-7", plain("api"))
    event = local.event(local.reference("build-7"))
    await local.deliver(event)
    before = await local.workload(), await local.history()
    local.clear()
    (handled,) = await local.deliver(event)
    assert handled.outcome == "already"
    assert local.requests() == {}
    assert (await local.workload(), await local.history()) == before
    assert local.pushing.topic.types == ["Taglock.ImageLocked"]


async def test_a_duplicate_event_of_a_resource_asks_nobody(local: Deployed) -> None:
    event = await local.put(APP, container_app(local.reference(digest=local.push(None, plain("api")))))
    await local.deliver(event)
    local.clear()
    (handled,) = await local.deliver(event)
    assert handled.outcome == "already"
    assert (local.requests(), local.asked()) == ({}, 0)


async def test_a_tag_is_resolved_once(local: Deployed) -> None:
    first = plain("first")
    local.push("latest", first)
    event = local.event(local.reference("latest"))
    await local.deliver(event)
    local.later()
    local.push("latest", plain("second"))
    await local.deliver(event)
    assert await local.running() == {"shop": [first.digest]}
    assert await local.findings() == []


async def test_a_tag_that_moved_after_the_deployment_is_a_finding_until_the_next_deployment(local: Deployed) -> None:
    event = local.event(local.reference("latest"))
    local.later()
    local.push("latest", plain("second"))
    await local.deliver(event)
    (finding,) = await local.findings()
    assert finding.kind is FindingKind.DEPLOYMENT_AMBIGUOUS
    assert plain("second").digest in finding.observed
    assert local.pushing.flags(plain("second")) == UNDELETABLE
    await local.deployed(local.reference("latest"))
    assert await local.findings() == []


async def test_a_later_event_of_a_workload_ends_the_earlier_row(local: Deployed) -> None:
    first, second = local.push("build-1", plain("first")), local.push("build-2", plain("second"))
    await local.deployed(local.reference("build-1"))
    started = local.now
    await local.deployed(local.reference("build-2"))
    ended, now = await local.history()
    assert (ended.digest, ended.since, ended.ended_at) == (first, started, local.now)
    assert (now.digest, now.ended_at) == (second, None)
    assert (await local.who_runs(first)).answer is not RunAnswer.YES
    assert (await local.who_runs(second)).answer is RunAnswer.YES
    assert local.pushing.flags(plain("first")) == UNDELETABLE  # nothing is ever loosened


async def test_an_image_that_goes_on_running_keeps_since_when(local: Deployed) -> None:
    first, second = local.push(None, plain("first")), local.push(None, plain("second"))
    await local.deployed(local.reference(digest=first))
    since = local.now
    await local.deployed(local.reference(digest=first), local.reference(digest=second))
    workload = await local.workload()
    assert [run.since for run in workload.runs] == [since, local.now]
    assert all(row.ended_at is None for row in await local.history())


async def test_an_older_event_that_arrives_late_changes_nothing(local: Deployed) -> None:
    local.push("build-1", plain("first"))
    second = local.push("build-2", plain("second"))
    early = local.event(local.reference("build-1"))
    await local.deployed(local.reference("build-2"))
    before = await local.history()
    local.clear()
    (handled,) = await local.deliver(early)
    assert handled.outcome == "superseded"
    assert local.requests() == {}
    assert local.pushing.flags(plain("first")) == OPEN
    assert (await local.running(), await local.history()) == ({"shop": [second]}, before)


async def test_an_ended_workload_is_not_brought_back_by_a_late_event(local: Deployed) -> None:
    local.push("build-1", plain("first"))
    early = local.event(local.reference("build-1"))
    (handled,) = await local.deployed()
    assert handled.outcome == "ended"
    await local.deliver(early)
    assert await local.running() == {}


async def test_a_time_far_in_the_future_does_not_make_an_event_newest_for_ever(local: Deployed) -> None:
    local.push("build-1", plain("first"))
    second = local.push("build-2", plain("second"))
    await local.deliver(local.event(local.reference("build-1"), time="2099-01-01T00:00:00Z"))
    assert (await local.workload()).changed_at == local.now + timedelta(minutes=5)
    local.later(minutes=6)
    await local.deployed(local.reference("build-2"))
    assert await local.running() == {"shop": [second]}


async def test_two_workloads_run_the_same_digest_each_for_itself(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    await local.deployed(local.reference(digest=digest), workload="one")
    await local.deployed(local.reference(digest=digest), workload="two")
    await local.deployed(workload="one")
    found = await local.who_runs(digest)
    assert [each.workload for each in found.deployments] == ["two"]


async def test_a_resource_that_is_gone_ends_its_row(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    await local.deliver(await local.put(APP, container_app(local.reference(digest=digest))))
    assert await local.running() == {KEY: [digest]}
    local.later()
    (handled,) = await local.deliver(await local.remove(APP))
    assert handled.outcome == "ended"
    assert await local.running() == {}
    assert [row.ended_at for row in await local.history()] == [local.now]


async def test_a_resource_that_is_still_provisioned_is_read_again(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    body = container_app(local.reference(digest=digest), provisioningState="InProgress")
    (handled,) = await local.deliver(await local.put(APP, body))
    assert handled.outcome == "unfinished"
    assert len(await local.unread()) == 1
    assert (await local.who_runs(digest)).answer is RunAnswer.UNKNOWN
    local.arm.place(
        [{"id": APP, **container_app(local.reference(digest=digest)), "tags": {"environment": "production"}}]
    )
    await local.settle()
    assert await local.running() == {KEY: [digest]}
    assert local.pushing.flags(plain("api")) == UNDELETABLE


async def test_a_resource_that_runs_no_image_is_ignored(local: Deployed) -> None:
    local.arm.place([{"id": SITE, "properties": {"state": "Running"}}])
    event = await local.put(f"{SITE}/config/web", {"properties": {"linuxFxVersion": "PYTHON|3.13"}})
    (handled,) = await local.deliver(event)
    assert handled.outcome == "ignored"
    assert await local.running() == {}


async def test_a_swap_reads_both_slots(local: Deployed) -> None:
    old, new = local.push("build-1", plain("old")), local.push("build-2", plain("new"))
    for place, tag in ((SITE, "build-2"), (f"{SITE}/slots/staging", "build-1")):
        local.arm.place([{"id": place, "properties": {"state": "Running"}, "tags": {"environment": "production"}}])
        version = {"linuxFxVersion": f"DOCKER|{local.reference(tag)}"}
        local.arm.place([{"id": f"{place}/config/web", "properties": version}])
    content = {"name": "portal", "sourceSlot": "staging", "targetSlot": "production"}
    await local.deliver(local.cloud_event("Microsoft.Web.SlotSwapCompleted", content, source=SITE))
    assert await local.running() == {SITE.lower(): [new], f"{SITE.lower()}/slots/staging": [old]}
    assert local.pushing.flags(plain("old")) == local.pushing.flags(plain("new")) == UNDELETABLE


# -- against Azure Resource Manager --------------------------------------------------------------------------------


async def test_an_event_from_elsewhere_does_not_end_what_resource_manager_confirms(local: Deployed) -> None:
    runs, said = local.push(None, plain("runs")), local.push(None, plain("said"))
    await local.deliver(await local.put(APP, container_app(local.reference(digest=runs))))
    local.clear()
    await local.deployed(local.reference(digest=said), workload=APP)
    assert local.asked() == 1
    workload = await local.workload(KEY)
    assert {(run.digest, run.source) for run in workload.runs} == {(runs, Source.ARM), (said, Source.EVENT)}
    await local.deployed(workload=APP)
    assert runs in (await local.running())[KEY]


async def test_an_event_from_elsewhere_ends_what_resource_manager_says_is_gone(local: Deployed) -> None:
    runs, said = local.push(None, plain("runs")), local.push(None, plain("said"))
    await local.deliver(await local.put(APP, container_app(local.reference(digest=runs))))
    await local.remove(APP)
    await local.deployed(local.reference(digest=said), workload=APP)
    assert await local.running() == {KEY: [said]}


async def test_without_resource_manager_s_answer_nothing_ends_and_it_is_asked_again(local: Deployed) -> None:
    runs, said = local.push(None, plain("runs")), local.push(None, plain("said"))
    await local.deliver(await local.put(APP, container_app(local.reference(digest=runs))))
    await local.remove(APP)
    local.arm.faults.add(Fault(action=Answer(status=403), method="GET", kind="", times=1))
    event = local.event(local.reference(digest=said), workload=APP, time=moment(local.now + timedelta(seconds=1)))
    await local.deliver(event)
    assert set((await local.running())[KEY]) == {runs, said}
    assert local.pushing.flags(plain("said")) == UNDELETABLE
    await local.settle()
    assert await local.running() == {}  # it was the resource's own id: Resource Manager has the last word


async def test_resource_manager_has_the_last_word_over_a_later_event_from_elsewhere(local: Deployed) -> None:
    runs, said = local.push(None, plain("runs")), local.push(None, plain("said"))
    event = await local.put(APP, container_app(local.reference(digest=runs)))
    await local.deployed(local.reference(digest=said), workload=APP)
    await local.deliver(event)
    assert await local.running() == {KEY: [runs]}


async def test_an_older_event_of_a_resource_asks_nobody(local: Deployed) -> None:
    first, second = local.push(None, plain("first")), local.push(None, plain("second"))
    early = await local.put(APP, container_app(local.reference(digest=first)))
    local.later()
    await local.deliver(await local.put(APP, container_app(local.reference(digest=second))))
    local.clear()
    (handled,) = await local.deliver(early)
    assert (handled.outcome, local.asked()) == ("superseded", 0)


async def test_an_event_that_says_what_is_known_already_leaves_resource_manager_s_word(local: Deployed) -> None:
    runs = local.push(None, plain("runs"))
    await local.deliver(await local.put(APP, container_app(local.reference(digest=runs))))
    event = local.event(local.reference(digest=runs), workload=APP, time=moment(local.now + timedelta(seconds=1)))
    for _ in range(2):
        await local.deliver(event)
        assert [run.source for run in (await local.workload(KEY)).runs] == [Source.ARM]


# -- who runs this, and listing ------------------------------------------------------------------------------------


async def test_nobody_is_said_to_run_a_digest_only_where_every_subscription_was_listed(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    assert (await local.who_runs(digest)).answer is RunAnswer.UNKNOWN
    await refresh_deployments(local.pushing.app, trigger="test")
    found = await local.who_runs(digest)
    assert found.answer is RunAnswer.NO
    assert [each.subscription for each in found.coverage] == [SUBSCRIPTION]
    local.later(hours=49)
    assert (await local.who_runs(digest)).answer is RunAnswer.UNKNOWN
    local.pushing.app = replace(local.pushing.app, subscriptions=())
    assert "TAGLOCK_SUBSCRIPTIONS" in (await local.who_runs(digest)).reason


async def test_a_tag_that_is_not_resolved_yet_makes_the_answer_unknown(local: Deployed) -> None:
    await refresh_deployments(local.pushing.app, trigger="test")
    local.push("build-1", plain("api"))
    other = local.push("build-2", plain("other"))
    local.pushing.emulator.faults.add(Fault(action=Answer(status=503), method="GET", kind="tag", times=3))
    (handled,) = await local.deployed(local.reference("build-1"))
    assert handled.outcome == "unfinished"
    assert (await local.who_runs(other)).answer is RunAnswer.UNKNOWN
    await local.settle()
    assert (await local.who_runs(other)).answer is RunAnswer.NO
    assert local.pushing.flags(plain("api")) == UNDELETABLE


async def test_a_listing_finds_and_locks_what_no_event_told_of(local: Deployed) -> None:
    app, batch = local.push(None, plain("app")), local.push("2.0.0", plain("batch"))
    tags = {"environment": "production"}
    local.arm.place(
        [
            {"id": APP, "tags": tags, **container_app(local.reference(digest=app))},
            {"id": BATCH, "tags": tags, **container_group(local.reference("2.0.0"))},
        ]
    )
    (refreshed,) = await refresh_deployments(local.pushing.app, trigger="test")
    assert sorted(one.outcome for one in refreshed.handled) == ["locked", "locked"]
    assert await local.running() == {KEY: [app], BATCH.lower(): [batch]}
    assert local.pushing.flags(plain("app")) == local.pushing.flags(plain("batch")) == UNDELETABLE


async def test_a_listing_leaves_resolved_tags_as_they_are_and_costs_the_registry_nothing(local: Deployed) -> None:
    first = local.push("latest", plain("first"))
    await local.deliver(await local.put(APP, container_app(local.reference("latest"))))
    local.later()
    local.push("latest", plain("second"))
    local.clear()
    await refresh_deployments(local.pushing.app, trigger="test")
    assert await local.running() == {KEY: [first]}
    assert local.requests() == {}


async def test_a_listing_ends_what_is_gone_and_asks_first(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    await local.deliver(await local.put(APP, container_app(local.reference(digest=digest))))
    await local.remove(APP)
    await refresh_deployments(local.pushing.app, trigger="test")
    assert await local.running() == {}
    assert (await local.who_runs(digest)).answer is RunAnswer.NO


async def test_a_listing_that_breaks_off_is_no_coverage_and_ends_nothing(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    await local.deliver(await local.put(APP, container_app(local.reference(digest=digest))))
    local.arm.faults.add(Fault(action=Answer(status=403), method="GET", kind="", times=1))
    (refreshed,) = await refresh_deployments(local.pushing.app, trigger="test")
    assert "403" in refreshed.problem
    assert await local.running() == {KEY: [digest]}
    assert (await local.who_runs("sha256:" + "0" * 64)).answer is RunAnswer.UNKNOWN


async def test_the_timer_lists_and_tells_of_what_it_could_not_list(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    body = container_app(local.reference(digest=digest))
    local.arm.place([{"id": APP, "tags": {"environment": "production"}, **body}])
    (refreshed,) = await deployments_listed(local.pushing.app)
    assert refreshed.problem == ""
    assert local.pushing.flags(plain("api")) == UNDELETABLE
    local.arm.faults.add(Fault(action=Answer(status=403), method="GET", kind="", times=1))
    (refreshed,) = await deployments_listed(local.pushing.app)
    assert "403" in refreshed.problem


async def test_the_ledger_s_json_tells_the_kinds_of_due_work_apart(local: Deployed) -> None:
    digest = local.push(None, plain("api"))
    local.pushing.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="manifest", times=1))
    await local.deployed(local.reference(digest=digest))
    local.arm.faults.add(Fault(action=Answer(status=503), method="GET", kind="", times=None))
    await local.deliver(await local.put(APP, container_app(local.reference(digest=digest))))
    rows = [*await local.pushing.app.rows.scan(f"due/{local.pushing.login_server}")]
    rows += await local.pushing.app.rows.scan("due/-")
    assert [json.loads(row.body)["row"]["subject"]["type"] for row in rows] == ["runs", "resource"]
