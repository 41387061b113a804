"""When to go on with an act: pauses that double up to an hour, and no end; a person is told, nobody gives up."""

from copy import replace
from datetime import datetime, timedelta

from taglock.domain.acts.act import Act
from taglock.domain.due import FIRST_PAUSE, LONGEST_PAUSE, Setback
from taglock.domain.ledger import ActDue, DueWork, Purpose

LEASE = timedelta(seconds=30)
"""How long the timer leaves an act to the call that began it; longer than any call takes."""


def leased(act: Act, known: DueWork | None = None, *, now: datetime) -> DueWork:
    """Return the due work that goes on if the work that begins now does not come to its end."""
    return DueWork(
        subject=ActDue(act=act.id, registry=act.registry),
        created_at=known.created_at if known is not None else now,
        due_at=now + LEASE,
        attempts=known.attempts if known is not None else 0,
        reason="under way",
    )


def act_again(act: Act, known: DueWork | None, setback: Setback, *, now: datetime) -> DueWork:
    """Return when to go on after a setback."""
    attempts = 0 if setback.progress or known is None else known.attempts + 1
    pause = min(FIRST_PAUSE * 2 ** min(attempts, 10), LONGEST_PAUSE)
    asked = min(timedelta(seconds=setback.retry_after), LONGEST_PAUSE)
    under_way = leased(act, known, now=now)
    return replace(under_way, due_at=now + max(pause, asked), attempts=attempts, reason=setback.reason)


def look_again(act: Act, at: datetime, *, now: datetime) -> DueWork:
    """Return when to look at an act whose time comes at `at`: at least hourly, as no pause is longer."""
    return DueWork(
        subject=ActDue(act=act.id, registry=act.registry, purpose=Purpose.LOOK),
        created_at=now,
        due_at=max(now, min(at, now + LONGEST_PAUSE)),
        attempts=0,
        reason="its time comes",
    )
