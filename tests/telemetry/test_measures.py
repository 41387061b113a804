"""Metrics: what each thing that happens is worth, and how long a value is told."""

import json
from copy import replace
from datetime import timedelta

from handlers.audit_registry import audit_registry, put_back
from handlers.drift_audit import drift_audit, messages
from localcloud.faults import Answer, Fault, Throttled
from localcloud.registry.flags import OPEN
from localcloud.tls import Authority
from taglock.adapters.otel_gauges import FRESH_SECONDS
from taglock.domain.backlog import Backlog
from taglock.domain.ledger import ActDue, DueWork, FindingKind
from taglock.domain.reference import LoginServer
from taglock.domain.rule import Mode
from tests.pushing.images import index, plain
from tests.pushing.world import START
from tests.telemetry.listening import Told, listening


async def audited(told: Told) -> None:
    """Audit through the handlers, an hour later."""
    told.local.clock.advance(timedelta(hours=1))
    again: list[str] = messages(await drift_audit(told.auditing()))
    while again:
        following = put_back(await audit_registry(told.auditing(), again.pop()))
        again += [following] if following is not None else []


async def test_a_locked_push_counts_its_manifests_and_the_time_since_it_was_pushed(told: Told) -> None:
    children = [plain("amd64"), plain("arm64")]
    for child in children:
        told.local.push(None, child)
    event = told.local.push("2.0.0", index(*children))
    told.local.clock.advance(timedelta(seconds=7))
    await told.local.deliver(event)
    metrics = told.ear.metrics()
    (point,) = metrics["taglock.time_to_lock"].data.data_points
    assert (point.count, point.sum) == (1, 7)  # type: ignore[union-attr]
    assert dict(point.attributes or {}) == {"taglock.trigger": "image_pushed", "taglock.mode": "enforce"}
    assert told.ear.values("taglock.locks") == {("enforce", "applied", "image_pushed"): 3}
    assert told.ear.values("taglock.handled") == {("enforce", "locked", "image_pushed"): 1}


async def test_the_same_event_again_is_handled_and_locks_nothing(told: Told) -> None:
    event = told.local.push("1.4.2", plain("api"))
    await told.local.deliver(event)
    await told.local.deliver(event)
    outcomes = {outcome: count for (_mode, outcome, _trigger), count in told.ear.values("taglock.handled").items()}
    assert outcomes == {"locked": 1, "already": 1}
    assert told.ear.values("taglock.locks") == {("enforce", "applied", "image_pushed"): 1}


async def test_report_mode_is_told_apart(told: Told) -> None:
    told.local.app = replace(told.local.app, mode=Mode.REPORT)
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    assert {mode for mode, _result, _trigger in told.ear.values("taglock.locks")} == {"report"}


async def test_what_could_not_be_locked_is_counted_as_failed_and_has_no_time(told: Told) -> None:
    told.local.emulator.faults.add(Fault(action=Answer(status=503), method="PATCH", kind="tag", times=None))
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    results = {result: count for (_mode, result, _trigger), count in told.ear.values("taglock.locks").items()}
    assert results == {"applied": 1, "failed": 1}
    assert "taglock.time_to_lock" not in told.ear.metrics()


async def test_unfinished_work_is_told_with_the_age_of_the_oldest_at_every_tick(told: Told) -> None:
    server, age = told.local.login_server, "taglock.due_work.age"
    told.local.emulator.faults.add(Fault(action=Answer(status=503), method="PATCH", kind="tag", times=None))
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    await told.local.tick(after=timedelta(minutes=10))
    assert told.ear.values("taglock.due_work") == {(server,): 1, ("-",): 0}
    assert told.ear.values(age) == {(server,): 600, ("-",): 0}
    await told.local.tick(after=timedelta(hours=2))
    assert told.ear.values(age)[(server,)] == 7800
    told.local.emulator.faults.clear()
    await told.local.settle()
    await told.local.tick()
    assert told.ear.values(age) == {(server,): 0, ("-",): 0}


async def test_the_time_to_lock_of_due_work_counts_from_the_push(told: Told) -> None:
    told.local.emulator.faults.add(Fault(action=Answer(status=503), method="PATCH", kind="tag", times=2))
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    await told.local.tick(after=timedelta(minutes=3))
    assert told.ear.values("taglock.time_to_lock") == {("enforce", "due_work"): 180}


def test_an_act_that_ends_later_is_not_unfinished_yet() -> None:
    registry = LoginServer("contoso.azurecr.io")
    due_at = START + timedelta(hours=8)
    act = DueWork(
        subject=ActDue(act="1", registry=registry), created_at=START, due_at=due_at, attempts=0, reason="it ends later"
    )
    early = Backlog(of=registry).with_more([act], START + timedelta(hours=1))
    late = Backlog(of=registry).with_more([act], due_at + timedelta(seconds=5))
    assert [(each.items, each.oldest_seconds) for each in (early, late)] == [(0, 0), (1, 5)]


async def test_an_audit_tells_the_findings_of_every_kind_and_what_it_saw(told: Told) -> None:
    server = told.local.login_server
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    told.local.emulator.store.tag("prod/api", "1.4.2").flags = OPEN
    await audited(told)
    findings = told.ear.values("taglock.findings")
    assert findings == {(server, kind.value): int(kind is FindingKind.LOOSENED) for kind in FindingKind}
    assert told.ear.values("taglock.coverage") == {(server, what): 1 for what in ("repositories", "tags", "manifests")}
    assert told.ear.values("taglock.unread") == {(server,): 0}


async def test_an_audit_that_cannot_read_says_how_much_it_missed(told: Told) -> None:
    server = told.local.login_server
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    told.local.emulator.faults.add(Fault(action=Answer(status=403), method="GET", kind="tags", times=None))
    await audited(told)
    assert told.ear.values("taglock.unread")[(server,)] > 0
    assert told.ear.values("taglock.coverage") == {(server, "repositories"): 0}  # nobody knows how many tags there are
    assert told.ear.values("taglock.findings")[(server, "COVERAGE_GAP")] > 0


async def test_a_call_that_the_registry_throttles_is_counted(told: Told) -> None:
    server = told.local.login_server
    told.local.emulator.faults.add(Fault(action=Throttled(retry_after_seconds=60), method="PATCH", kind="tag", times=1))
    await told.local.deliver(told.local.push("1.4.2", plain("api")))
    assert told.ear.values("taglock.throttled")[(server, "write", "registry")] == 1


async def test_a_call_that_the_app_holds_back_is_counted_and_is_no_request(authority: Authority) -> None:
    async with listening(authority) as told:
        server = told.local.login_server
        fault = Fault(action=Throttled(retry_after_seconds=600), method="PATCH", kind="tag", times=1)
        told.local.emulator.faults.add(fault)
        await told.local.deliver(told.local.push("1.4.2", plain("api")))
        sent = len(told.ear.requests)
        await told.local.deliver(told.local.push("1.4.3", plain("another")))
        assert told.ear.values("taglock.throttled") == {(server, "write", "registry"): 1, (server, "write", "held"): 2}
        assert len(told.ear.requests) == sent


async def test_a_gauge_is_told_while_it_is_fresh_and_then_no_longer(told: Told) -> None:
    await told.local.tick()
    told.ear.seconds = FRESH_SECONDS
    assert set(told.ear.values("taglock.due_work")) == {(told.local.login_server,), ("-",)}
    told.ear.seconds += 1
    assert told.ear.values("taglock.due_work") == {}


async def test_a_registry_whose_clock_is_ahead_makes_no_negative_time(told: Told) -> None:
    event = json.loads(told.local.push("1.4.2", plain("api")))
    ahead = (told.local.clock.now() + timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
    event["eventTime"] = event["data"]["timestamp"] = ahead
    handled = await told.local.deliver(json.dumps(event))
    assert (handled.outcome, told.ear.values("taglock.time_to_lock")) == ("locked", {("enforce", "image_pushed"): 0})
