"""Time for unfinished work: go on with what is due, then publish what the outbox still holds."""

from collections.abc import Sequence

from taglock.domain.handled import Handled
from taglock.enforcement.context import Enforcement
from taglock.enforcement.due import resume_due_work
from taglock.enforcement.recording import drain_outbox
from taglock.telemetry import invocation


async def due_work(app: Enforcement) -> Sequence[Handled]:
    """Resume due work of all registries and drain the outbox; the next tick goes on where this one ends."""
    with invocation("due_work") as line:
        handled = await resume_due_work(app)
        for one in handled:
            line.tells(one)
        await drain_outbox(app)
    return handled
