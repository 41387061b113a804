"""Read and write what the ledger holds of a workload."""

from datetime import datetime

import msgspec

from taglock.domain.deployment import Workload, WorkloadDeployed
from taglock.domain.deployment_ledger import workload_changes, workload_row_key
from taglock.domain.ledger import JournalEntry, journal_key, restored, stored
from taglock.domain.row import Change, Upsert
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.errors import LedgerError

DEPLOYMENTS_JOURNAL = "-"
"""The journal of what concerns a workload and no single registry."""


class Held(msgspec.Struct, frozen=True):
    """A workload as the ledger holds it, with the version that a change replaces."""

    workload: Workload | None
    version: str | None


async def held_workload(app: Enforcement, key: str) -> Held:
    """Return what is held of a workload; a row that cannot be read counts as none and is written anew."""
    (row,) = await app.rows.read([workload_row_key(key)])
    if row is None:
        return Held(None, None)
    try:
        return Held(restored(Workload, row.body), row.version)
    except LedgerError:
        return Held(None, row.version)


async def replace_workload(app: Enforcement, held: Held, workload: Workload) -> None:
    """Record what a workload runs now; LedgerConflict when somebody recorded something else meanwhile."""
    await write(app, workload_changes(held.workload, held.version, workload))


def workload_journal(deployed: WorkloadDeployed, *, trigger: str, outcome: str, now: datetime) -> Change:
    """Return the journal entry of a deployment that locks nothing."""
    entry = JournalEntry(
        at=now,
        trigger=trigger,
        event_id=deployed.event_id,
        image=deployed.workload,
        decision="deployment",
        outcome=outcome,
    )
    return Upsert(journal_key(entry, registry=DEPLOYMENTS_JOURNAL), stored(entry))
