"""Reports to render: one that shows everything a page can show, and the plain ones."""

from collections import Counter
from collections.abc import Sequence
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from taglock.domain.audit.overview import KnownRegistry, Overview, UnderWay
from taglock.domain.audit.rows import Phase
from taglock.domain.audit_report import (
    ActionState,
    AuditReport,
    AuditVerdict,
    Count,
    Coverage,
    FoundDifference,
    PastAudit,
    Repair,
    RepairAction,
    Unread,
)
from taglock.domain.reference import LoginServer, Repository
from taglock.domain.rule import Mode

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
REGISTRY = LoginServer("contoso.azurecr.io")
DIGEST = "sha256:" + "9f86d081884c7d65" * 4
OTHER = "sha256:" + "2c26b46b68ffc68f" * 4


def finding(number: int = 0, **changes: Any) -> FoundDifference:
    base = FoundDifference(
        kind="UNLOCKED",
        severity="critical",
        subject=f"contoso.azurecr.io/prod/api:1.{number}.0",
        rule="semver-releases",
        expected="delete off, write off",
        observed="delete on, write on",
        first_seen=NOW - timedelta(days=number % 9),
        last_seen=NOW,
        new=number % 9 == 0,
    )
    return replace(base, **changes)


FINDINGS = (
    *(finding(number) for number in range(7)),
    finding(kind="TAG_MOVED", subject="contoso.azurecr.io/prod/web:2.0.1", expected=DIGEST, observed=OTHER),
    finding(
        kind="QUARANTINE_BROKEN",
        subject=f"contoso.azurecr.io/prod/billing/worker@{DIGEST}",
        rule="",
        expected="read off",
        observed="read on",
        new=False,
    ),
    finding(
        kind="CLOSURE_INCOMPLETE",
        severity="warning",
        subject="contoso.azurecr.io/prod/gateway:5.1.0-alpine",
        expected="every child locked",
        observed=f"2 of 5 children can be deleted: {DIGEST}, {OTHER}",
        new=False,
    ),
    *(
        finding(
            number,
            kind="EVENT_MISSED",
            severity="warning",
            subject=f"contoso.azurecr.io/team/tools:0.{number}.0",
            expected="an event",
            observed="none",
        )
        for number in range(1, 5)
    ),
    finding(
        kind="ORPHAN_LOCK",
        severity="information",
        subject="contoso.azurecr.io/legacy/app:0.9.0",
        rule="old-releases",
        expected="a rule that wants it",
        observed="none since 1 Nov 2026",
        new=False,
    ),
)


def past(number: int, findings: int, **changes: Any) -> PastAudit:
    finished = NOW - timedelta(days=30 - number)
    base = PastAudit(
        audit_id=f"audit-{number}",
        started_at=finished - timedelta(minutes=2),
        finished_at=finished,
        verdict=AuditVerdict.DRIFT if findings else AuditVerdict.CLEAN,
        findings=findings,
        new=findings // 3,
        tags=11_000 + 40 * number,
        manifests=15_000 + 60 * number,
    )
    return replace(base, **changes)


HISTORY = (
    past(0, 0, verdict=AuditVerdict.BASELINE_MISSING),
    *(past(1 + number, count) for number, count in enumerate((31, 27, 22, 18, 18, 12, 9, 4, 0, 0, 0, 2, 5))),
    past(14, 3, verdict=AuditVerdict.INCOMPLETE),
    *(past(15 + number, count) for number, count in enumerate((6, 7, 7, 9, 12, 11, 8, 8, 10, 12))),
)
SECONDS = (
    *(0.4 + number / 90 for number in range(140)),
    *(2.1 + number / 30 for number in range(60)),
    *(11.0, 14.5, 22.0, 41.0, 58.0, 75.0, 240.0, 912.0, 5_400.0),
)
WHOLE = Coverage(
    repositories=Count(listed=42, expected=42),
    tags=Count(listed=12_306, looked_up=2, expected=12_308),
    manifests=Count(listed=17_911, looked_up=4, expected=17_915),
    indexes_read=18,
    indexes_remembered=2_140,
    protected=3_211,
    releases=3_204,
)


def report(findings: Sequence[FoundDifference] = FINDINGS, **changes: Any) -> AuditReport:
    """A whole audit with these findings."""
    base = AuditReport(
        registry=REGISTRY,
        audit_id="20261124T062751Z-7c1f",
        started_at=NOW - timedelta(minutes=2, seconds=9),
        finished_at=NOW,
        mode=Mode.ENFORCE,
        verdict=AuditVerdict.DRIFT if findings else AuditVerdict.CLEAN,
        coverage=WHOLE,
        findings=tuple(findings),
        findings_total=len(findings),
        new_total=sum(each.new for each in findings),
        closed_total=0,
        by_kind=Counter(each.kind for each in findings),
        by_rule=Counter(each.rule for each in findings),
        by_repository=Counter(
            Repository(each.subject.partition("/")[2].partition("@")[0].partition(":")[0]) for each in findings
        ),
        requests=103,
    )
    return replace(base, **changes)


def rich() -> AuditReport:
    """Drift with everything that a page can show beside it."""
    actions = tuple(
        RepairAction(
            image=each.subject,
            rule=each.rule,
            reason=each.kind,
            severity=each.severity,
            targets=2,
            state=ActionState.FAILED if number == 4 else ActionState.APPLIED,
            message="403 from the registry: the role lacks the permission" if number == 4 else "",
        )
        for number, each in enumerate(FINDINGS[:7])
    )
    return report(
        closed_total=3,
        coverage=replace(WHOLE, pending=2, remarks=("a page of tags of prod/web repeated its last tag",)),
        repair=Repair(enabled=True, actions=actions, images=7, planned=14, applied=12, failed=2),
        history=HISTORY,
        seconds_to_lock=SECONDS,
    )


def clean() -> AuditReport:
    return report((), history=HISTORY[9:12], seconds_to_lock=SECONDS[:20])


def incomplete(findings: Sequence[FoundDifference] = ()) -> AuditReport:
    """Nothing was found in what was read, and three things were not read."""
    coverage = replace(
        WHOLE,
        tags=Count(listed=12_307, expected=12_308),
        manifests=Count(listed=16_000, expected=17_915),
        unread=(
            Unread(subject="contoso.azurecr.io/prod/secret", reason="401: the role lacks metadata/read"),
            Unread(subject="contoso.azurecr.io/prod/web:2.0.1", reason="listed, then gone for 3 tries"),
        ),
        unread_total=3,
    )
    return report(findings, verdict=AuditVerdict.INCOMPLETE, coverage=coverage, mode=Mode.REPORT)


def baseline_missing() -> AuditReport:
    return report(FINDINGS[:2], verdict=AuditVerdict.BASELINE_MISSING, coverage=replace(WHOLE, releases=0))


EVERY = {"rich": rich, "clean": clean, "incomplete": incomplete, "baseline_missing": baseline_missing}


def ended(**changes: Any) -> PastAudit:
    """The last audit of a registry, with its coverage."""
    whole = replace(past(30, 0), coverage=WHOLE, tags=12_308, manifests=17_915, finished_at=NOW - timedelta(hours=3))
    return replace(whole, **changes)


def registry(name: str, **changes: Any) -> KnownRegistry:
    """A registry whose last audit was clean."""
    return replace(KnownRegistry(registry=LoginServer(f"{name}.azurecr.io"), last=ended()), **changes)


UNDER_WAY = UnderWay(
    audit_id="20261124T062751Z-7c1f",
    phase=Phase.LISTING,
    started_at=NOW - timedelta(minutes=2),
    updated_at=NOW - timedelta(seconds=4),
    tags=4_120,
)
REGISTRIES = (
    registry("contoso", last=ended(verdict=AuditVerdict.DRIFT), open_findings={"warning": 1_204, "critical": 3}),
    registry("fabrikam", last=ended(verdict=AuditVerdict.DRIFT), open_findings={"warning": 12, "information": 1}),
    registry("northwind"),
    registry("tailwind", last=None, under_way=UNDER_WAY),
    registry("unreadable", last=None, problem="a run row has format 2, expected at most 1: newer version?"),
    registry(
        "wingtip",
        last=replace(ended(verdict=AuditVerdict.INCOMPLETE), coverage=incomplete().coverage),
        under_way=UNDER_WAY,
    ),
)


def overview(*registries: KnownRegistry, **changes: Any) -> Overview:
    return replace(Overview(at=NOW, mode=Mode.ENFORCE, registries=registries or REGISTRIES), **changes)
