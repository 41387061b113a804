"""Time for unfinished work: go on with what is due, then publish what the outbox still holds."""

from collections.abc import Sequence

from taglock.domain.handled import Handled
from taglock.enforcement.context import Enforcement
from taglock.enforcement.due import TRIGGER, resume_due_work
from taglock.enforcement.outbox import drain_outbox
from taglock.telemetry import invocation


async def due_work(app: Enforcement) -> Sequence[Handled]:
    """Resume due work of all registries and drain the outbox; the next tick goes on where this one ends."""
    with invocation(app.signals, TRIGGER) as line:
        handled = [line.tells(one) for one in await resume_due_work(app)]
        handled += [line.tells(one) for one in await drain_outbox(app, TRIGGER)]
    return handled
