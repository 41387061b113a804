"""Go on with an act whose begin or end is unfinished, or whose time has come."""

from collections.abc import Sequence

from taglock.domain.handled import Handled
from taglock.domain.ledger import ActDue
from taglock.enforcement.context import Enforcement
from taglock.enforcement.subject import Work


async def resume_act(app: Enforcement, due: ActDue, work: Work) -> Sequence[Handled]:
    """Go on with the act that is due."""
    raise NotImplementedError(due.act)
