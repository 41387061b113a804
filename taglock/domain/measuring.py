"""What each thing that happens is worth in measures: pure, so that every number can be tested by value."""

from collections.abc import Iterator

from taglock.domain import measure as m
from taglock.domain.audit_report import AuditReport, Count
from taglock.domain.backlog import Backlog
from taglock.domain.handled import Handled
from taglock.domain.ledger import FindingKind
from taglock.domain.measure import Measure, Measured
from taglock.domain.throttling import Throttling


def of_handled(handled: Handled) -> Iterator[Measured]:
    """Count what was handled and what it locked; what is locked in full also tells how long that took."""
    which = {m.TRIGGER: handled.trigger, m.MODE: handled.mode or "none"}
    yield _one(m.HANDLED, 1, which | {m.OUTCOME: handled.outcome})
    for result, count in (("applied", handled.applied), ("already", handled.already), ("failed", handled.failed)):
        if count:
            yield _one(m.LOCKS, count, which | {m.RESULT: result})
    if handled.seconds_to_lock is not None:
        yield _one(m.TIME_TO_LOCK, handled.seconds_to_lock, which)


def of_audit(report: AuditReport) -> Iterator[Measured]:
    """Tell the open findings of every kind, and how much was looked at; nothing of what nobody knows the number."""
    registry = {m.SERVER: str(report.registry)}
    for kind in FindingKind:
        yield _one(m.FINDINGS, report.by_kind.get(kind, 0), registry | {m.KIND: kind.value})
    coverage = report.coverage
    counts = {"repositories": coverage.repositories, "tags": coverage.tags, "manifests": coverage.manifests}
    for what, count in counts.items():
        if count.expected or not coverage.unread_total:
            yield _one(m.COVERAGE, _ratio(count), registry | {m.OF: what})
    yield _one(m.UNREAD, coverage.unread_total, registry)


def of_backlog(backlog: Backlog) -> Iterator[Measured]:
    """Tell how much work is unfinished, and for how long the oldest has been."""
    which = {m.QUEUE: backlog.of}
    yield _one(m.DUE_WORK, backlog.items, which)
    yield _one(m.DUE_WORK_AGE, backlog.oldest_seconds, which)


def of_throttling(throttling: Throttling) -> Iterator[Measured]:
    """Count a call that was throttled."""
    which = {m.SERVER: throttling.server, m.CATEGORY: throttling.category, m.CAUSE: throttling.cause.value}
    yield _one(m.THROTTLED, 1, which)


def _ratio(count: Count) -> float:
    """Return the seen part; everything when there is nothing, and never more than everything."""
    return min(1.0, count.seen / count.expected) if count.expected else 1.0


def _one(measure: Measure, value: float, attributes: dict[str, str]) -> Measured:
    return Measured(measure=measure, value=value, attributes=attributes)
