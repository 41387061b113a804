"""The geometry of the two charts: widths in percent of the chart, heights in pixels, so that text keeps its size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from taglock.domain.audit_report import AuditReport, AuditVerdict, PastAudit
from taglock.reporting.wording import compact, counted, day, lasting, moment

HEIGHT = 150
"""Of the bars, in pixels; the labels stand above and below."""

TOP = 24
LEFT = 13.0
"""Where the bars of the trend start: its vertical axis has labels on the left."""

SHOWN_AUDITS = 30
FEWEST_SLOTS = 10
"""A first audit is one bar, not a wall."""

BAR_SHARE = 0.72
STUB = 3
"""The height of a bar for nothing at all, so that the audit itself is seen."""

BIN_EDGES = (1, 2, 5, 10, 30, 60, 300, 3600)
BIN_LABELS = ("1s", "2s", "5s", "10s", "30s", "1m", "5m", "1h", ">1h")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where a bar stands from left to right, in percent of the chart."""

    left: str
    middle: str
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: where it stands, how high it is in pixels and what it says."""

    slot: Slot
    height: float
    tone: str
    title: str
    new_height: float = 0
    """The upper part of `height`, for what is new."""
    label: str = ""
    count: str = ""

    @property
    def top(self) -> float:
        """Its upper edge, in pixels from the top of the chart."""
        return round(TOP + HEIGHT - self.height, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A horizontal line with its number."""

    top: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Open findings of the last audits."""

    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    first: str
    last: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How long locks took; no bars when nothing was measured."""

    bars: tuple[Bar, ...]
    summary: str


def audits_of(report: AuditReport) -> tuple[PastAudit, ...]:
    """Return the last audits, this one at the end."""
    this = PastAudit(
        audit_id=report.audit_id,
        started_at=report.started_at,
        finished_at=report.finished_at,
        verdict=report.verdict,
        findings=report.findings_total,
        new=report.new_total,
        tags=report.coverage.tags.seen,
        manifests=report.coverage.manifests.seen,
    )
    earlier = tuple(audit for audit in report.history if audit.audit_id != report.audit_id)
    return (*earlier[1 - SHOWN_AUDITS :], this)


def trend(audits: Sequence[PastAudit]) -> Trend:
    """Return one bar per audit, oldest first; an audit that is not whole has its own look."""
    top = ceiling(max(audit.findings for audit in audits))
    slots = max(len(audits), FEWEST_SLOTS)
    empty = slots - len(audits)
    bars = tuple(
        _trend_bar(audit, slot=empty + position, slots=slots, top=top) for position, audit in enumerate(audits)
    )
    first, last = audits[0], audits[-1]
    return Trend(
        bars=bars,
        lines=tuple(Line(top=TOP + HEIGHT * (1 - share), label=compact(round(top * share))) for share in (0, 0.5, 1)),
        first=day(first.finished_at) if len(audits) > 1 else "",
        last=day(last.finished_at),
        summary=(
            f"{counted(len(audits), 'audit')}, from {counted(first.findings, 'open finding')} on "
            f"{day(first.finished_at)} to {last.findings:,} on {day(last.finished_at)}"
        ),
    )


def histogram(samples: Sequence[float]) -> Histogram:
    """Return how many locks took how many seconds; what is not a length of time is left out."""
    measured = sorted(each for each in samples if math.isfinite(each) and each >= 0)
    if not measured:
        return Histogram(bars=(), summary="")
    numbers = [0] * len(BIN_LABELS)
    for each in measured:
        numbers[sum(each > edge for edge in BIN_EDGES)] += 1
    half, most = quantile(measured, 0.5), quantile(measured, 0.95)
    return Histogram(
        bars=tuple(_bin_bar(slot, number, largest=max(numbers)) for slot, number in enumerate(numbers)),
        summary=(
            f"{counted(len(measured), 'release')}: half within {lasting(half)}, 95 of 100 within {lasting(most)}, "
            f"the slowest {lasting(measured[-1])}"
        ),
    )


def ceiling(largest: int) -> int:
    """Return the next round even number, so that half of it is whole: 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, ..."""
    step = 1
    while largest > 10 * step:
        step *= 10
    return next(each * step for each in (2, 4, 6, 8, 10) if each * step >= largest)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that is not exceeded by this share of the values (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _trend_bar(audit: PastAudit, *, slot: int, slots: int, top: int) -> Bar:
    height = max(STUB, HEIGHT * audit.findings / top)
    new = min(audit.new, audit.findings)
    findings = counted(audit.findings, "finding")
    return Bar(
        slot=_slot(slot, of=slots, start=LEFT),
        height=round(height, 1),
        new_height=round(height * new / audit.findings, 1) if audit.findings else 0,
        tone=_tone(audit),
        title=f"{moment(audit.finished_at)}: {audit.verdict.replace('_', ' ')}, {findings}, {new:,} new",
    )


def _bin_bar(slot: int, number: int, *, largest: int) -> Bar:
    span = f"at most {lasting(BIN_EDGES[slot])}" if slot < len(BIN_EDGES) else f"more than {lasting(BIN_EDGES[-1])}"
    return Bar(
        slot=_slot(slot, of=len(BIN_LABELS), start=0),
        height=round(max(STUB, HEIGHT * number / largest), 1) if number else 0,
        tone="plain",
        title=f"{span}: {counted(number, 'release')}",
        label=BIN_LABELS[slot],
        count=compact(number) if number else "",
    )


def _slot(position: int, *, of: int, start: float) -> Slot:
    width = (100 - start) / of
    left = start + position * width
    return Slot(
        left=f"{left + width * (1 - BAR_SHARE) / 2:.2f}",
        middle=f"{left + width / 2:.2f}",
        width=f"{width * BAR_SHARE:.2f}",
    )


def _tone(audit: PastAudit) -> str:
    if audit.verdict in (AuditVerdict.INCOMPLETE, AuditVerdict.BASELINE_MISSING):
        return "unknown"
    return "good" if audit.verdict is AuditVerdict.CLEAN else "drift"
