"""When to go on with what could not be finished: pauses that double, for at most a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from taglock.domain.attempt import Attempt, problems
from taglock.domain.deployment import ResourceChanged
from taglock.domain.envelope import CLOCK_TOLERANCE
from taglock.domain.ledger import DueWork, due_key, stored
from taglock.domain.row import Change, Delete, Upsert
from taglock.domain.subject import Subject

GIVE_UP_AFTER = timedelta(hours=24)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)

Work = Subject | ResourceChanged


class Setback(msgspec.Struct, frozen=True, kw_only=True):
    """Why something could not be finished."""

    reason: str
    retry_after: float = 0.0
    """Seconds that were asked for."""
    progress: bool = False
    """Whether the next attempt has less to do, or only has to wait."""


def next_due(attempt: Attempt) -> DueWork | None:
    """Return when to go on with an attempt, None when it is given up."""
    setback = Setback(
        reason=next(iter(problems(attempt.locking)), "more manifests than one invocation takes"),
        retry_after=max((failure.retry_after or 0.0 for failure in attempt.locking.failures), default=0.0),
        # What is unlocked for a time is no failure: it is not given up while that lasts.
        progress=attempt.locking.progress or bool(attempt.locking.suspended),
    )
    return again(attempt.subject, attempt.known.due, setback, attempt.now)


def again(subject: Work, known: DueWork | None, setback: Setback, now: datetime) -> DueWork | None:
    """Return when to go on: the pause doubles unless work went on; None when 24 hours have passed without success."""
    progress = setback.progress
    created_at = known.created_at if known else now
    if now - created_at >= GIVE_UP_AFTER and not progress:
        return None
    attempts = 0 if progress or known is None else known.attempts + 1
    pause = timedelta(0) if progress else min(FIRST_PAUSE * 2 ** min(attempts, 10), LONGEST_PAUSE)
    due_at = now + max(pause, min(timedelta(seconds=setback.retry_after), LONGEST_PAUSE))
    return DueWork(subject=subject, created_at=created_at, due_at=due_at, attempts=attempts, reason=setback.reason)


def is_due(due: DueWork, now: datetime) -> bool:
    """Tell whether to go on now: also with what is due later than any pause, which only a wrong clock can have said."""
    return not now < due.due_at <= now + LONGEST_PAUSE + CLOCK_TOLERANCE


def due_rows(due: DueWork) -> Sequence[Change]:
    """Return the row of due work."""
    return [Upsert(due_key(due.subject), stored(due))]


def due_ended(subject: Work, known: DueWork | None) -> Sequence[Change]:
    """Return the change that ends due work, if there was any."""
    return [Delete(due_key(subject))] if known else []
