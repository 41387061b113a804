"""The run of one audit as the ledger keeps it: every change of it proves that nobody else went on with it."""

from copy import replace
from datetime import datetime
from typing import Any

from taglock.domain.audit.rows import AuditRun, run_key
from taglock.domain.ledger import restored, stored
from taglock.domain.reference import LoginServer
from taglock.domain.row import Change, Insert, Replace, Upsert
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerConflict


class Kept:
    """A run and the version of its row; LedgerConflict from `change` means that another invocation has it now."""

    def __init__(self, app: Enforcement, registry: LoginServer, run: AuditRun, version: str) -> None:
        self._app = app
        self._registry = registry
        self._version = version
        self.run = run

    async def change(self, **changes: Any) -> None:
        """Store the run with changes, over the version that was read."""
        run = replace(self.run, **changes, updated_at=self._app.clock.now())
        await self._app.rows.write([Replace(run_key(self._registry), stored(run), self._version)])
        kept = await read_run(self._app, self._registry)
        if kept is None or kept.run != run:
            raise LedgerConflict(f"the audit of {self._registry} changed while it was stored")
        self.run, self._version = run, kept._version


async def read_run(app: Enforcement, registry: LoginServer) -> Kept | None:
    """Return the latest run of a registry; None when there is none. LedgerError when it cannot be read."""
    (row,) = await app.rows.read([run_key(registry)])
    return Kept(app, registry, restored(AuditRun, row.body), row.version) if row is not None else None


async def begin_run(app: Enforcement, registry: LoginServer, run: AuditRun, *, over: Kept | None) -> None:
    """Store a new run over the one that was read; LedgerConflict when somebody else began one meanwhile."""
    key, body = run_key(registry), stored(run)
    change: Change = Insert(key, body) if over is None else Replace(key, body, over._version)
    await app.rows.write([change])


async def begin_over_damage(app: Enforcement, registry: LoginServer, run: AuditRun) -> None:
    """Store a new run over a row that cannot be read: it could not be gone on with."""
    await app.rows.write([Upsert(run_key(registry), stored(run))])


def is_stale(run: AuditRun, *, now: datetime, seconds: float) -> bool:
    """Tell whether nobody went on with a run for so long that its message must be lost."""
    return (now - run.updated_at).total_seconds() >= seconds
