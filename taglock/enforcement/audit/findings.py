"""Keep findings across audits: first seen stays, what is no longer true is closed, what an event found is kept."""

from collections.abc import AsyncIterator, Sequence
from copy import replace
from datetime import datetime
from itertools import batched

import msgspec

from taglock.domain.ledger import Finding, FindingKind, finding_key, restored, stored
from taglock.domain.reference import LoginServer
from taglock.domain.row import Change, Row, Upsert
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.errors import LedgerError

PAGE = 1000
READ_AT_ONCE = 100
KEPT = frozenset(
    {
        FindingKind.GRANT_OVERDUE,
        FindingKind.LOCK_FAILED,
        FindingKind.QUARANTINE_OVERDUE,
        FindingKind.TAG_MOVED,
        FindingKind.UNKNOWN_REGISTRY,
    }
)
"""Only a person, or the lock or act that succeeds in the end, closes these."""


async def record_findings(app: Enforcement, found: Sequence[Finding]) -> None:
    """Store findings; one that was open already keeps when it was first seen."""
    for part in batched(found, READ_AT_ONCE, strict=False):
        keys = [finding_key(each.kind, each.registry, each.subject) for each in part]
        rows = await app.rows.read(keys)
        changes: list[Change] = [
            Upsert(key, stored(merged(each, opened(row)))) for key, each, row in zip(keys, part, rows, strict=True)
        ]
        await write(app, changes)


def merged(found: Finding, known: Finding | None) -> Finding:
    """Return a finding as it is to be stored, over what is open already."""
    first_seen = known.first_seen if known is not None else found.first_seen
    observed = found.observed
    if found.kind is FindingKind.LOOSENED:
        observed = f"{observed}, seen unlocked {first_seen:%Y-%m-%dT%H:%M:%SZ}"
    return replace(found, first_seen=first_seen, observed=observed)


def opened(row: Row | None) -> Finding | None:
    """Return the open finding of a row; a row that cannot be read counts as none."""
    finding = _restored(row) if row is not None else None
    return finding if finding is not None and finding.closed_at is None else None


def was_open(finding: Finding, at: datetime) -> bool:
    """Tell whether a finding was open at a time, whatever has become of it."""
    return finding.first_seen <= at and (finding.closed_at is None or finding.closed_at > at)


async def open_findings(app: Enforcement, registry: LoginServer) -> AsyncIterator[Finding]:
    """Yield a registry's open findings, in the order of their keys."""
    async for finding in every_finding(app, registry):
        if finding.closed_at is None:
            yield finding


async def every_finding(app: Enforcement, registry: LoginServer) -> AsyncIterator[Finding]:
    """Yield a registry's findings, closed ones too, in the order of their keys; a row that cannot be read is none."""
    start = ""
    while True:
        rows = await app.rows.scan(f"finding/{registry}", start=start, limit=PAGE)
        for row in rows:
            if (finding := _restored(row)) is not None:
                yield finding
        if len(rows) < PAGE:
            return
        start = rows[-1].key.key + "\0"


def _restored(row: Row) -> Finding | None:
    try:
        return restored(Finding, row.body)
    except LedgerError:
        return None


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """Which findings an audit may close: those that it would have seen again."""

    started_at: datetime
    now: datetime
    unread: tuple[str, ...]
    """Subjects that could not be read; a finding about any of them stays."""
    everything_unread: bool = False

    def closes(self, finding: Finding) -> bool:
        """Tell whether a finding no longer holds."""
        if self.everything_unread or is_kept(finding) or finding.last_seen >= self.started_at:
            return False
        return not any(is_about(finding.subject, subject) for subject in self.unread)

    def change(self, finding: Finding) -> Change:
        """Return the change that closes it."""
        key = finding_key(finding.kind, finding.registry, finding.subject)
        return Upsert(key, stored(replace(finding, closed_at=self.now)))


def is_kept(finding: Finding) -> bool:
    """Tell whether somebody else closes a finding: what a quarantine says of itself goes when it is complete."""
    own = finding.kind is FindingKind.QUARANTINE_BROKEN and not finding.subject.endswith(f"({finding.rule})")
    return finding.kind in KEPT or own


def is_about(subject: str, unread: str) -> bool:
    """Tell whether a finding's subject is, or is part of, what could not be read."""
    return subject == unread or subject.startswith((f"{unread}:", f"{unread}@", f"{unread} "))
