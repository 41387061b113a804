"""Let due work make the updates of acts again, because an audit saw that somebody undid one."""

from collections.abc import Sequence
from contextlib import suppress
from copy import replace

from taglock.domain.acts.act import Act, ActKind, Phase
from taglock.domain.http.queries import ActsQuery
from taglock.domain.ledger import ActDue, DueWork, Purpose, due_key, restored, stored
from taglock.domain.reference import LoginServer
from taglock.domain.row import Change, Insert, Replace, Row
from taglock.enforcement.acts.listing import listed
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.recording import write
from taglock.errors import LedgerConflict, LedgerError


async def reassert(auditing: Auditing, acts: Sequence[Act]) -> None:
    """Make acts due now: quarantines always and in both modes, holds when audits may lock; raises LedgerError."""
    for act in acts:
        if act.kind is ActKind.QUARANTINE or auditing.repair:
            await _make_due(auditing, act)


async def reassert_quarantines(auditing: Auditing, registry: LoginServer) -> None:
    """Make every open quarantine of a registry due now; raises LedgerError.

    Where nothing can be judged, because the rules cannot be used, nobody can tell which of them was undone: all of
    their updates are made again, which changes nothing on a target that is as it should be.
    """
    query: ActsQuery | None = ActsQuery(phase=Phase.OPEN, registry=registry)
    while query is not None:
        page = await listed(auditing.app, ActKind.QUARANTINE, query)
        await reassert(auditing, page.acts)
        query = replace(query, after=page.following) if page.following is not None else None


async def _make_due(auditing: Auditing, act: Act) -> None:
    app, now = auditing.app, auditing.app.clock.now()
    subject = ActDue(act=act.id, registry=act.registry)
    due = DueWork(subject=subject, created_at=now, due_at=now, attempts=0, reason="undone from outside")
    key, body = due_key(subject), stored(due)
    (row,) = await app.rows.read([key])
    if row is not None and _goes_on(row):
        return
    change: Change = Insert(key, body) if row is None else Replace(key, body, row.version)
    with suppress(LedgerConflict):  # somebody works on it just now; the next audit sees what came of that
        await write(app, [change])


def _goes_on(row: Row) -> bool:
    """Tell whether the updates are due anyway; a row that cannot be read never becomes due."""
    try:
        subject = restored(DueWork, row.body).subject
    except LedgerError:
        return False
    return isinstance(subject, ActDue) and subject.purpose is Purpose.GO_ON
