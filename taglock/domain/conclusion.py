"""What follows from an attempt: which rows to write, in which order, and which events to publish."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from taglock.domain.announcement import finding_event, locked_event, outbox_rows
from taglock.domain.attempt import Attempt, Known
from taglock.domain.audit.rows import AuditedRepository, known_repository_key
from taglock.domain.due import due_ended, due_rows, next_due
from taglock.domain.ledger import Finding, Release, stored
from taglock.domain.outbound import OutboundEvent
from taglock.domain.outcome import Relation, Verdict, judge
from taglock.domain.record import children_rows, closed, finding_rows, findings, journal_row, proofs, release_row
from taglock.domain.row import Change, Upsert
from taglock.domain.rule import Mode
from taglock.domain.subject import Subject


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """The changes to the ledger in their order, the events that go out with them, and the outcome in one word."""

    outcome: str
    changes: Sequence[Change]
    events: Sequence[OutboundEvent] = ()
    seconds_to_lock: float | None = None
    """From the push or deployment to the proof; None when the lock is not complete."""


def conclude(attempt: Attempt, *, publishing: bool) -> Conclusion:
    """Return what follows from an attempt; nothing is published in report mode or without a topic.

    The release row comes after all that is told of the lock and before all that it ends: a store may stop between two
    partitions. After a crash before it, the event is handled again from the start and every earlier row is written
    again under the same key; after a crash behind it, `already_done` ends what is left.
    """
    if attempt.relation is Relation.SUPERSEDED:
        changes = [journal_row(attempt, Relation.SUPERSEDED), *due_ended(attempt.subject, attempt.known.due)]
        return Conclusion(outcome=Relation.SUPERSEDED, changes=changes)
    verdict = judge(attempt.locking, pushed_at=attempt.subject.occurred_at, now=attempt.now)
    due = next_due(attempt) if verdict is Verdict.UNFINISHED else None
    if verdict is Verdict.UNFINISHED and due is None:
        verdict = Verdict.FAILED
    found = findings(attempt, failed=verdict is Verdict.FAILED)
    events = _events(attempt, verdict, found) if publishing and attempt.mode is Mode.ENFORCE else []
    changes = [journal_row(attempt, verdict), *finding_rows(found), *outbox_rows(events)]
    changes += [*(_known_repository(attempt) if verdict is Verdict.LOCKED else ()), *children_rows(attempt)]
    changes += proofs(attempt)
    if verdict is Verdict.LOCKED:
        changes += [*release_row(attempt), *finding_rows(closed(attempt.known.open_findings, now=attempt.now))]
    changes += due_rows(due) if due is not None else due_ended(attempt.subject, attempt.known.due)
    seconds = _seconds_to_lock(attempt) if verdict is Verdict.LOCKED else None
    return Conclusion(outcome=verdict, changes=changes, events=events, seconds_to_lock=seconds)


def _seconds_to_lock(attempt: Attempt) -> float:
    """Return the time since the push or deployment; the clock that told of it may be ahead of ours."""
    return max(0.0, (attempt.now - attempt.subject.occurred_at).total_seconds())


def already_done(subject: Subject, known: Known, *, now: datetime) -> Sequence[Change]:
    """Return what is left to end for an image that the ledger holds proved: its due work, and what failed before."""
    held = known.release or known.proof
    proved_at = held.locked_at if isinstance(held, Release) else held.proven_at if held is not None else None
    before = [each for each in known.open_findings if proved_at is not None and each.last_seen <= proved_at]
    return [*finding_rows(closed(before, now=now)), *due_ended(subject, known.due)]


def _known_repository(attempt: Attempt) -> Sequence[Change]:
    """Return the row by which an audit knows the repository even when no catalog lists it, once for each release."""
    if attempt.known.release_version is not None:
        return []
    key = known_repository_key(attempt.subject.registry, attempt.subject.repository)
    return [Upsert(key, stored(AuditedRepository(seen_at=attempt.now)))]


def _events(attempt: Attempt, verdict: Verdict, found: Sequence[Finding]) -> list[OutboundEvent]:
    locked = [locked_event(attempt)] if verdict is Verdict.LOCKED else []
    return [*locked, *_new_events(attempt, found)]


def _new_events(attempt: Attempt, found: Sequence[Finding]) -> list[OutboundEvent]:
    known = {(finding.kind, finding.subject) for finding in attempt.known.open_findings}
    fresh = [finding for finding in found if (finding.kind, finding.subject) not in known]
    return [event for finding in fresh if (event := finding_event(finding, attempt.subject)) is not None]
