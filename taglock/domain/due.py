"""When to go on with what could not be finished: pauses that double, for at most a day."""

from collections.abc import Sequence
from datetime import timedelta

from taglock.domain.attempt import Attempt, problems
from taglock.domain.ledger import DueWork, due_key, stored
from taglock.domain.row import Change, Delete, Upsert
from taglock.domain.subject import Subject

GIVE_UP_AFTER = timedelta(hours=24)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)


def next_due(attempt: Attempt) -> DueWork | None:
    """Return when to go on: the pause doubles unless work went on; None when 24 hours have passed without success."""
    known, progress, now = attempt.known.due, attempt.locking.progress, attempt.now
    created_at = known.created_at if known else now
    if now - created_at >= GIVE_UP_AFTER and not progress:
        return None
    attempts = 0 if progress or known is None else known.attempts + 1
    pause = timedelta(0) if progress else min(FIRST_PAUSE * 2 ** min(attempts, 10), LONGEST_PAUSE)
    asked = max((failure.retry_after or 0 for failure in attempt.locking.failures), default=0)
    due_at = now + max(pause, min(timedelta(seconds=asked), LONGEST_PAUSE))
    reason = next(iter(problems(attempt.locking)), "more manifests than one invocation takes")
    return DueWork(subject=attempt.subject, created_at=created_at, due_at=due_at, attempts=attempts, reason=reason)


def due_rows(due: DueWork) -> Sequence[Change]:
    """Return the row of due work."""
    return [Upsert(due_key(due.subject), stored(due))]


def due_ended(subject: Subject, known: DueWork | None) -> Sequence[Change]:
    """Return the change that ends due work, if there was any."""
    return [Delete(due_key(subject))] if known else []
