"""The message that finished an audit comes back when a report could not be stored: the report is made again, alike."""

from copy import replace

from taglock.domain.audit.rows import AuditMessage
from taglock.domain.audit_report import AuditReport
from taglock.domain.ledger import Finding, FindingKind, Severity, finding_key, restored, stored
from taglock.domain.row import Upsert
from taglock.enforcement.audit.going_on import begin_audit
from tests.auditing.audit_world import HOUR, Audits


async def finished(made: Audits) -> tuple[AuditMessage, AuditReport]:
    """Audit twice, so that findings are closed and there is a history; return the last message and its report."""
    await made.released("1.0.0", "1.0.1", "1.0.2")
    made.unlock("1.0.0")
    made.unlock("1.0.1")
    await made.audit()
    made.local.emulator.store.tag("prod/api", "1.0.0").flags = made.local.tag_flags("1.0.2")
    made.local.clock.advance(HOUR)
    begun = await begin_audit(made.auditing, made.local.login_server)
    assert begun.message is not None
    went = await made.one_invocation(begun.message)
    assert went.report is not None
    assert (went.report.closed_total, went.report.findings_total, len(went.report.history)) == (1, 1, 1)
    return begun.message, went.report


async def test_the_report_is_the_same_and_nothing_is_asked_written_or_told(made: Audits) -> None:
    message, report = await finished(made)
    made.local.clock.advance(HOUR)
    told, ledger = list(made.local.topic.events), await everything(made)
    made.local.clear()
    went = await made.one_invocation(message)
    assert (went.outcome, went.report, went.message) == ("repeated", report, None)
    assert made.local.requests() == {}
    assert made.local.topic.events == told
    assert await everything(made) == ledger


async def test_what_an_event_found_or_closed_since_is_not_in_it(made: Audits) -> None:
    message, report = await finished(made)
    made.local.clock.advance(HOUR)
    registry, now = made.local.login_server, made.local.clock.now()
    moved = Finding(
        kind=FindingKind.TAG_MOVED,
        severity=Severity.CRITICAL,
        registry=registry,
        subject=f"{registry}/prod/api:1.0.2",
        expected="one digest",
        observed="another",
        first_seen=now,
        last_seen=now,
    )
    loosened = finding_key(FindingKind.LOOSENED, registry, f"{registry}/prod/api:1.0.1")
    (row,) = await made.local.app.rows.read([loosened])
    assert row is not None
    closed = replace(restored(Finding, row.body), closed_at=now)
    found = finding_key(moved.kind, registry, moved.subject)
    await made.local.app.rows.write([Upsert(found, stored(moved)), Upsert(loosened, stored(closed))])
    assert (await made.one_invocation(message)).report == report


async def test_once_another_audit_has_begun_the_message_is_dropped(made: Audits) -> None:
    message, _ = await finished(made)
    made.local.clock.advance(HOUR)
    await begin_audit(made.auditing, made.local.login_server)
    assert (await made.one_invocation(message)).outcome == "dropped"


async def test_a_message_that_names_another_time_would_be_stored_elsewhere_and_is_dropped(made: Audits) -> None:
    message, _ = await finished(made)
    assert message.started == "2026-03-01T14-00-00Z"
    assert (await made.one_invocation(replace(message, started="latest"))).outcome == "dropped"


async def everything(made: Audits) -> list[object]:
    rows, registry = made.local.app.rows, made.local.login_server
    partitions = [f"{name}/{registry}" for name in ("audit", "finding", "repositories")]
    return [row for each in (*partitions, f"image/{registry}/prod/api", "outbox") for row in await rows.scan(each)]
