"""What a page says first: the verdict, and how much it rests on."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from enum import StrEnum

from taglock.domain.audit_report import AuditReport, AuditVerdict, Count, Coverage
from taglock.domain.ledger import Severity
from taglock.domain.rule import Mode
from taglock.reporting.wording import counted, lasting


class Tone(StrEnum):
    """How a verdict looks; only GOOD is green."""

    GOOD = "good"
    ATTENTION = "attention"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The verdict with its sentences."""

    verdict: str
    tone: Tone
    sentence: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denominator:
    """How many of one kind were looked at, out of how many."""

    noun: str
    seen: int
    expected: int
    remark: str

    @property
    def whole(self) -> bool:
        """Nothing of it is missing."""
        return self.seen >= self.expected

    @property
    def percent(self) -> str:
        """The share that was looked at; below 100 as long as anything is missing."""
        if self.whole:
            return "100"
        return f"{min(99.9, 100 * self.seen / self.expected):.1f}"


def tone(report: AuditReport) -> Tone:
    """Return how the verdict looks; green only when everything was read and nothing differs."""
    return tone_of(report.verdict, report.coverage, {finding.severity for finding in report.findings})


def tone_of(verdict: AuditVerdict, coverage: Coverage, severities: Set[str]) -> Tone:
    """Return how a verdict looks beside these open findings, by their severities."""
    unsure = verdict in (AuditVerdict.INCOMPLETE, AuditVerdict.BASELINE_MISSING)
    if unsure or coverage.unread or coverage.unread_total:
        return Tone.UNKNOWN
    if Severity.CRITICAL in severities:
        return Tone.BAD
    differs = verdict is not AuditVerdict.CLEAN or severities - {Severity.INFORMATION}
    return Tone.ATTENTION if differs else Tone.GOOD


def headline(report: AuditReport) -> Headline:
    """Return the verdict of a report in sentences."""
    return Headline(
        verdict=report.verdict.replace("_", " "),
        tone=tone(report),
        sentence=_sentence(report),
        notes=tuple(_notes(report)),
    )


def denominators(coverage: Coverage) -> tuple[Denominator, ...]:
    """Return how much was looked at, by kind."""
    kinds = (("Repositories", coverage.repositories), ("Tags", coverage.tags), ("Manifests", coverage.manifests))
    return tuple(
        Denominator(noun=noun, seen=count.seen, expected=count.expected, remark=_remark(count)) for noun, count in kinds
    )


def facts(report: AuditReport) -> tuple[tuple[str, str], ...]:
    """Return the smaller numbers of an audit, each with its name."""
    coverage = report.coverage
    return (
        ("Tags that a rule protects", f"{coverage.protected:,}"),
        ("Releases in the ledger", f"{coverage.releases:,}"),
        ("Indexes read", f"{coverage.indexes_read:,}"),
        ("Indexes remembered", f"{coverage.indexes_remembered:,}"),
        ("Requests to the registry", f"{report.requests:,}"),
        ("Duration", lasting(report.duration.total_seconds())),
    )


def _sentence(report: AuditReport) -> str:
    are = _open_findings(report.findings_total)
    match report.verdict:
        case AuditVerdict.CLEAN:
            clean = "Everything was looked at, and nothing differs from what is wanted."
            return f"{clean} For information, {are}." if report.findings_total else clean
        case AuditVerdict.DRIFT:
            return f"Everything was looked at. {are[0].upper()}{are[1:]}."
        case AuditVerdict.INCOMPLETE:
            unread = f"{counted(report.coverage.unread_total, 'thing')} could not be looked at"
            return f"{unread}, and nothing is said about that. In what was looked at, {are}."
        case AuditVerdict.BASELINE_MISSING:
            return (
                "There are locked releases here, and the ledger knows of none: "
                f"what was loosened, moved or deleted before cannot be told. {are[0].upper()}{are[1:]}."
            )


def _open_findings(number: int) -> str:
    return f"{counted(number, 'finding is', 'findings are')} open" if number else "no finding is open"


def _notes(report: AuditReport) -> Iterator[str]:
    if report.new_total or report.closed_total:
        yield f"Since the last audit: {report.new_total:,} new, {report.closed_total:,} ended."
    if report.coverage.pending:
        younger = counted(report.coverage.pending, "difference is", "differences are")
        yield f"{younger} too young to be a finding and will be judged next time."
    if report.mode is Mode.REPORT:
        yield "Report mode: nothing was changed."


def _remark(count: Count) -> str:
    missing = count.expected - count.seen
    parts = [f"{missing:,} not looked at"] if missing > 0 else []
    if count.looked_up:
        parts.append(f"{count.looked_up:,} hidden, looked up by name")
    return "; ".join(parts) or "all of them"
