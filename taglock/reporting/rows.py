"""The tables of a page: bounded, ordered by severity, every foreign text visible and cut to a length."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape

from taglock.domain.audit_report import AuditReport, FoundDifference, RepairAction, Unread
from taglock.reporting.wording import meaning, rank, shortened

MAXIMUM_ROWS = 5_000
"""More than that, nobody reads, and a phone cannot scroll."""

MAXIMUM_CHARACTERS = 2_500_000
"""Of the text in all rows, as escaped; bounds the page whatever the names are."""

NAME_LIMIT = 600
"""A login server, a repository, a tag and a digest at their longest fit in."""

TEXT_LIMIT = 400
ACTION_ROWS = 200
COUNT_ROWS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One finding as shown."""

    kind: str
    severity: str
    subject: str
    rule: str
    expected: str
    observed: str
    first_seen: datetime
    last_seen: datetime
    new: bool

    @property
    def characters(self) -> int:
        """How much text it adds to a page."""
        texts = (self.kind, self.kind, self.severity, self.subject, self.rule, self.expected, self.observed)
        return sum(len(escape(text)) for text in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """One image of a repair as shown."""

    image: str
    reason: str
    rule: str
    targets: int
    state: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """One name with its number; `meaning` says what the name stands for, '' when it speaks for itself."""

    name: str
    number: int
    percent: str
    """Of the largest number in its table."""
    meaning: str = ""


def finding_rows(report: AuditReport) -> tuple[FindingRow, ...]:
    """Return the findings that a page shows, the most severe first."""
    ordered = sorted(report.findings, key=lambda finding: rank(finding.severity))
    return tuple(_within_budget(_finding_row(finding) for finding in ordered[:MAXIMUM_ROWS]))


def action_rows(actions: Iterable[RepairAction]) -> tuple[ActionRow, ...]:
    """Return the first repair actions."""
    return tuple(_action_row(action) for action in tuple(actions)[:ACTION_ROWS])


def unread_rows(unread: Iterable[Unread]) -> tuple[tuple[str, str], ...]:
    """Return what was not looked at, each with the reason."""
    return tuple((_name(each.subject), _text(each.reason)) for each in unread)


def count_rows[Name: str](counts: Mapping[Name, int]) -> tuple[CountRow, ...]:
    """Return the largest numbers of a table, the largest first."""
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:COUNT_ROWS]
    largest = max((number for _, number in ordered), default=0) or 1
    return tuple(
        CountRow(name=_name(name) or "(none)", number=number, percent=f"{100 * number / largest:.1f}")
        for name, number in ordered
    )


def kind_rows(report: AuditReport) -> tuple[CountRow, ...]:
    """Return how many findings of each kind are open, with what the kind says."""
    return tuple(
        CountRow(name=row.name, number=row.number, percent=row.percent, meaning=_text(meaning(row.name)))
        for row in count_rows(report.by_kind)
    )


def _within_budget(rows: Iterable[FindingRow]) -> Iterator[FindingRow]:
    left = MAXIMUM_CHARACTERS
    for row in rows:
        left -= row.characters
        if left < 0:
            return
        yield row


def _finding_row(finding: FoundDifference) -> FindingRow:
    return FindingRow(
        kind=_text(finding.kind),
        severity=_text(finding.severity),
        subject=_name(finding.subject),
        rule=_text(finding.rule),
        expected=_text(finding.expected),
        observed=_text(finding.observed),
        first_seen=finding.first_seen,
        last_seen=finding.last_seen,
        new=finding.new,
    )


def _action_row(action: RepairAction) -> ActionRow:
    return ActionRow(
        image=_name(action.image),
        reason=_text(action.reason),
        rule=_text(action.rule),
        targets=action.targets,
        state=action.state,
        message=_text(action.message),
    )


def _name(text: str) -> str:
    return shortened(text, limit=NAME_LIMIT)


def _text(text: str) -> str:
    return shortened(text, limit=TEXT_LIMIT)
