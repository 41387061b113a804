"""How much was looked at, out of how much the registry says there is."""

from collections.abc import Iterator
from copy import replace

from taglock.domain.audit_report import Count, Unread


def gap(count: Count, total: int | None) -> int:
    """Return how many there are that nobody saw; 0 when the registry does not count."""
    return max(0, total - count.seen) if total is not None else 0


def unseen(subject: str, noun: str, count: Count, total: int | None) -> Iterator[Unread]:
    """Yield what is to be told about those that nobody saw."""
    if missing := gap(count, total):
        yield Unread(subject=subject, reason=f"{missing} {noun} that no listing shows and nobody knows by name")


def out_of(count: Count, total: int | None) -> Count:
    """Return a count with its denominator: what the registry counts, at least what was seen."""
    return replace(count, expected=max(total or 0, count.seen))
