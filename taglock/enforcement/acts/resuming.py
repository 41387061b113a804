"""Go on with an act whose begin or end is unfinished, or whose time has come."""

from collections.abc import Sequence

from taglock.domain.acts.act import ActKind
from taglock.domain.handled import Handled
from taglock.domain.ledger import ActDue, due_key
from taglock.domain.row import Delete
from taglock.enforcement.acts.storing import read_act
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.enforcement.subject import Work
from taglock.errors import UnknownAct

TIGHTENING = (ActKind.QUARANTINE, ActKind.HOLD)


async def resume_act(app: Enforcement, due: ActDue, work: Work) -> Sequence[Handled]:
    """Go on with the act that is due; due work without an act was stored by a call that came no further."""
    try:
        kept = await read_act(app, due.act)
    except UnknownAct:
        await write(app, [Delete(due_key(due))])
        return []
    if kept.act.kind in TIGHTENING:
        from taglock.enforcement.acts.again import resume

        return await resume(app, kept, due, work)
    from taglock.enforcement.acts import loosening

    return await loosening.resume(app, kept, work)
