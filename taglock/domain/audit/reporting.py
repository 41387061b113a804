"""Make the report and the outbound events of a finished audit from what it left in the ledger."""

from collections import Counter
from collections.abc import Sequence
from copy import replace
from datetime import datetime
from heapq import nsmallest

import msgspec

from taglock.domain.audit.rows import RANKS, AuditRun, Planned
from taglock.domain.audit_report import (
    ActionState,
    AuditReport,
    AuditVerdict,
    FoundDifference,
    PastAudit,
    Repair,
    RepairAction,
)
from taglock.domain.ledger import Finding, FindingKind, Severity, derived_id
from taglock.domain.outbound import OutboundEvent
from taglock.domain.reference import LoginServer, Repository

MOST_EVENTS = 100
MOST_FINDINGS = 10_000
MOST_ACTIONS = 1_000


class OpenFindings:
    """Takes in a registry's open findings one by one; keeps the gravest in full and counts all."""

    def __init__(self, run: AuditRun) -> None:
        self._run = run
        self._kept: list[Finding] = []
        self.total = 0
        self.new_total = 0
        self.drifting = 0
        """Those that are more than information."""
        self.by_kind: Counter[str] = Counter()
        self.by_rule: Counter[str] = Counter()
        self.by_repository: Counter[Repository] = Counter()

    def take(self, finding: Finding) -> None:
        """Take in one open finding."""
        self.total += 1
        self.new_total += self.is_new(finding)
        self.drifting += finding.severity is not Severity.INFORMATION
        self.by_kind[finding.kind] += 1
        self.by_rule[finding.rule] += bool(finding.rule)
        if (repository := repository_of(finding)) is not None:
            self.by_repository[repository] += 1
        self._kept.append(finding)
        if len(self._kept) > 2 * MOST_FINDINGS:
            self._kept = nsmallest(MOST_FINDINGS, self._kept, key=_gravity)

    def is_new(self, finding: Finding) -> bool:
        """Tell whether this audit saw it first."""
        return finding.first_seen >= self._run.started_at

    def gravest(self) -> list[Finding]:
        """Return what goes into the report, by severity, newest first."""
        return nsmallest(MOST_FINDINGS, self._kept, key=_gravity)

    def new(self) -> list[Finding]:
        """Return the new ones among them."""
        return [finding for finding in self.gravest() if self.is_new(finding)]


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the report of an audit is made of."""

    registry: LoginServer
    run: AuditRun
    planned: Sequence[Planned]
    history: tuple[PastAudit, ...]
    closed: int
    now: datetime


def verdict_of(run: AuditRun, found: OpenFindings) -> AuditVerdict:
    """Return what is said about the registry; never CLEAN when anything is unread or nothing is known."""
    if run.coverage.unread_total:
        return AuditVerdict.INCOMPLETE
    if found.by_kind[FindingKind.BASELINE_MISSING]:
        return AuditVerdict.BASELINE_MISSING
    return AuditVerdict.DRIFT if found.drifting else AuditVerdict.CLEAN


def report_of(ending: Ending, found: OpenFindings) -> AuditReport:
    """Return the report."""
    run = ending.run
    return AuditReport(
        registry=ending.registry,
        audit_id=run.audit_id,
        started_at=run.started_at,
        finished_at=ending.now,
        mode=run.mode,
        verdict=verdict_of(run, found),
        coverage=run.coverage,
        findings=tuple(_shown(finding, new=found.is_new(finding)) for finding in found.gravest()),
        findings_total=found.total,
        new_total=found.new_total,
        closed_total=ending.closed,
        by_kind=dict(found.by_kind),
        by_rule={rule: count for rule, count in found.by_rule.items() if count},
        by_repository=dict(found.by_repository),
        repair=_repair(ending),
        requests=run.requests,
        history=ending.history,
        seconds_to_lock=run.seconds_to_lock,
    )


def past_of(report: AuditReport) -> PastAudit:
    """Return a report in a few numbers."""
    return PastAudit(
        audit_id=report.audit_id,
        started_at=report.started_at,
        finished_at=report.finished_at,
        verdict=report.verdict,
        findings=report.findings_total,
        new=report.new_total,
        tags=report.coverage.tags.seen,
        manifests=report.coverage.manifests.seen,
        by_kind=report.by_kind,
        coverage=replace(report.coverage, remarks=(), unread=()),
    )


def events_of(report: AuditReport, found: OpenFindings) -> list[OutboundEvent]:
    """Return `Taglock.DriftDetected` for new findings, the gravest hundred and a summary, and `AuditCompleted`."""
    new = found.new()
    events = [_drift(report, finding) for finding in new[:MOST_EVENTS]]
    if report.new_total > MOST_EVENTS:
        more: dict[str, object] = {"more": report.new_total - MOST_EVENTS, "byKind": dict(report.by_kind)}
        events.append(_event(report, "Taglock.DriftDetected", ("summary", report.registry), more))
    events.append(_event(report, "Taglock.AuditCompleted", ("", report.registry), _completed(report)))
    return events


def repository_of(finding: Finding) -> Repository | None:
    """Return the repository that a finding is about, None when it is about the registry."""
    rest = finding.subject.removeprefix(f"{finding.registry}/")
    if rest == finding.subject:
        return None
    return Repository(rest.partition(" ")[0].partition("@")[0].partition(":")[0])


def _gravity(finding: Finding) -> tuple[str, float, str, str]:
    return (RANKS[finding.severity], -finding.first_seen.timestamp(), finding.subject, finding.kind)


def _shown(finding: Finding, *, new: bool) -> FoundDifference:
    return FoundDifference(
        kind=finding.kind,
        severity=finding.severity,
        subject=finding.subject,
        rule=finding.rule,
        expected=finding.expected,
        observed=finding.observed,
        first_seen=finding.first_seen,
        last_seen=finding.last_seen,
        new=new,
    )


def _repair(ending: Ending) -> Repair:
    run = ending.run
    states = Counter(planned.state for planned in ending.planned)
    return Repair(
        enabled=run.repair,
        actions=tuple(
            RepairAction(
                image=f"{ending.registry}/{planned.shown}",
                rule=planned.rule,
                reason=planned.reason,
                severity=planned.severity,
                targets=planned.targets,
                state=planned.state,
                message=planned.message,
            )
            for planned in ending.planned[:MOST_ACTIONS]
        ),
        images=run.planned_images,
        planned=run.planned_targets,
        by_rule=run.planned_by_rule,
        applied=states[ActionState.APPLIED],
        failed=states[ActionState.FAILED],
        refused=run.refused,
    )


def _drift(report: AuditReport, finding: Finding) -> OutboundEvent:
    body: dict[str, object] = {
        "finding": finding.kind,
        "severity": finding.severity,
        "subject": finding.subject,
        "rule": finding.rule,
        "expected": finding.expected,
        "observed": finding.observed,
        "firstSeen": finding.first_seen.isoformat(),
    }
    return _event(report, "Taglock.DriftDetected", (finding.kind, finding.subject), body)


def _completed(report: AuditReport) -> dict[str, object]:
    coverage = report.coverage
    return {
        "verdict": report.verdict,
        "findings": report.findings_total,
        "new": report.new_total,
        "byKind": dict(report.by_kind),
        "repositories": coverage.repositories.seen,
        "tags": coverage.tags.seen,
        "manifests": coverage.manifests.seen,
        "unread": coverage.unread_total,
        "repairPlanned": report.repair.planned,
        "repairApplied": report.repair.applied,
        "repairRefused": report.repair.refused,
    }


def _event(report: AuditReport, event_type: str, about: tuple[str, str], body: dict[str, object]) -> OutboundEvent:
    return OutboundEvent(
        id=derived_id(event_type, report.audit_id, *about),
        type=event_type,
        source=f"/registries/{report.registry}",
        subject=about[1],
        time=report.finished_at,
        body={"registry": report.registry, "auditId": report.audit_id, "mode": report.mode, **body},
    )
