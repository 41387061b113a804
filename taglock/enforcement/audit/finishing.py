"""The end of an audit: close what no longer holds, say what was found, tell the outside, remember it in numbers."""

from collections import deque
from collections.abc import Sequence
from copy import replace
from datetime import datetime

from taglock.domain.announcement import outbox_rows
from taglock.domain.audit.reporting import Ending, OpenFindings, events_of, past_of, report_of
from taglock.domain.audit.rows import (
    AuditRun,
    Phase,
    past_key,
    plan_partition,
)
from taglock.domain.audit_report import AuditReport, AuditVerdict, PastAudit
from taglock.domain.ledger import Finding, FindingKind, Severity, stored
from taglock.domain.reference import LoginServer
from taglock.domain.row import Change, Delete, Upsert
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.findings import Closing, every_finding, open_findings, record_findings, was_open
from taglock.enforcement.audit.kept import Kept
from taglock.enforcement.audit.past import past_audits
from taglock.enforcement.audit.plans import planned_actions
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import publish, write

HISTORY = 30
"""Earlier audits that a report shows."""
PAGE = 1000


async def finish(auditing: Auditing, registry: LoginServer, kept: Kept) -> AuditReport:
    """End an audit whose phases are complete and return its report; repeating it ends in the same."""
    app, run = auditing.app, kept.run
    now = run.finished_at or app.clock.now()
    await record_findings(app, _own_findings(registry, run))
    found, closed = await _sorted_out(app, registry, run, now)
    report = report_of(await _ending(app, registry, run, closed=closed, now=now), found)
    events = events_of(report, found) if app.publisher is not None else []
    past = past_of(report)
    await write(app, [*outbox_rows(events), Upsert(past_key(registry, past.audit_id, past.started_at), stored(past))])
    await publish(app, events)
    await _forget_plans(app, registry, report.history)
    await kept.change(phase=Phase.FINISHED, finished_at=report.finished_at, verdict=report.verdict)
    return report


async def report_again(app: Enforcement, registry: LoginServer, run: AuditRun) -> AuditReport:
    """Return the report of an audit that is finished, as it was then; nothing is written and nobody is told again.

    What an event has found or closed since is not in it.
    """
    finished = run.finished_at or run.updated_at
    found, closed = OpenFindings(run), 0
    async for finding in every_finding(app, registry):
        if was_open(finding, finished):
            found.take(finding)
        closed += finding.closed_at == finished
    report = report_of(await _ending(app, registry, run, closed=closed, now=finished), found)
    return replace(report, verdict=AuditVerdict(run.verdict))


async def _ending(app: Enforcement, registry: LoginServer, run: AuditRun, *, closed: int, now: datetime) -> Ending:
    return Ending(
        registry=registry,
        run=run,
        planned=[each async for each in planned_actions(app, plan_partition(registry, run.audit_id))],
        history=await _history(app, registry, run),
        closed=closed,
        now=now,
    )


def _own_findings(registry: LoginServer, run: AuditRun) -> Sequence[Finding]:
    """Return the findings about the audit itself."""
    found = [
        _finding(registry, run, FindingKind.COVERAGE_GAP, unread.subject, ("read", unread.reason))
        for unread in run.coverage.unread
    ]
    if run.locked_unwitnessed and not run.coverage.releases:
        texts = ("a ledger that knows the releases", f"{run.locked_unwitnessed} locked releases and none in the ledger")
        found.append(_finding(registry, run, FindingKind.BASELINE_MISSING, registry, texts))
    if run.refused:
        texts = ("a repair within TAGLOCK_MAX_ACTIONS", run.refused)
        found.append(_finding(registry, run, FindingKind.REPAIR_REFUSED, registry, texts))
    return found


def _finding(registry: LoginServer, run: AuditRun, kind: FindingKind, subject: str, texts: tuple[str, str]) -> Finding:
    return Finding(
        kind=kind,
        severity=Severity.WARNING if kind is FindingKind.COVERAGE_GAP else Severity.CRITICAL,
        registry=registry,
        subject=subject,
        expected=texts[0],
        observed=texts[1],
        first_seen=run.started_at,
        last_seen=run.started_at,
    )


async def _sorted_out(
    app: Enforcement, registry: LoginServer, run: AuditRun, now: datetime
) -> tuple[OpenFindings, int]:
    """Close what no longer holds; return what stays open and how many were closed."""
    unread = tuple(each.subject for each in run.coverage.unread)
    closing = Closing(
        started_at=run.started_at,
        now=now,
        unread=unread,
        everything_unread=registry in unread or run.coverage.unread_total > len(unread),
    )
    found, changes = OpenFindings(run), list[Change]()
    async for finding in open_findings(app, registry):
        if closing.closes(finding):
            changes.append(closing.change(finding))
        else:
            found.take(finding)
    await write(app, changes)
    return found, len(changes)


async def _history(app: Enforcement, registry: LoginServer, run: AuditRun) -> tuple[PastAudit, ...]:
    past = deque[PastAudit](maxlen=HISTORY)
    async for each in past_audits(app, registry):
        if each.audit_id != run.audit_id:
            past.append(each)
    return tuple(past)


async def _forget_plans(app: Enforcement, registry: LoginServer, history: Sequence[PastAudit]) -> None:
    """Delete the plan of the audit before: the journal tells what was done."""
    for past in history[-1:]:
        rows = await app.rows.scan(plan_partition(registry, past.audit_id), limit=PAGE)
        while rows:
            await write(app, [Delete(row.key) for row in rows])
            rows = await app.rows.scan(plan_partition(registry, past.audit_id), limit=PAGE)
