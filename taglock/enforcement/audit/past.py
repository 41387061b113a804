"""The finished audits of a registry, as the ledger keeps them in numbers."""

from collections.abc import AsyncIterator

from taglock.domain.audit.rows import PAST, AuditRun, audit_partition, past_key
from taglock.domain.audit_report import PastAudit
from taglock.domain.ledger import restored
from taglock.domain.reference import LoginServer
from taglock.domain.row import Row
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerError

PAGE = 1000


async def past_audits(app: Enforcement, registry: LoginServer) -> AsyncIterator[PastAudit]:
    """Yield every finished audit, oldest first; one that a newer version wrote is a gap."""
    async for row in _rows(app, registry):
        if (past := _restored(row)) is not None:
            yield past


async def past_audit(app: Enforcement, registry: LoginServer, audit_id: str) -> PastAudit | None:
    """Return one finished audit, None when there is none of this name. It reads the whole history of the registry."""
    async for row in _rows(app, registry):
        if row.key.key.rpartition("/")[2] == audit_id:
            return _restored(row)
    return None


async def numbers_of(app: Enforcement, registry: LoginServer, run: AuditRun) -> PastAudit | None:
    """Return a finished run in numbers, None when a newer version wrote them."""
    (row,) = await app.rows.read([past_key(registry, run.audit_id, run.started_at)])
    return _restored(row) if row is not None else None


async def _rows(app: Enforcement, registry: LoginServer) -> AsyncIterator[Row]:
    start, end = PAST
    while True:
        rows = await app.rows.scan(audit_partition(registry), start=start, end=end, limit=PAGE)
        for row in rows:
            yield row
        if len(rows) < PAGE:
            return
        start = rows[-1].key.key + "\0"


def _restored(row: Row) -> PastAudit | None:
    try:
        return restored(PastAudit, row.body)
    except LedgerError:
        return None
