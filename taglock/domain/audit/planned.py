"""The rows of a plan, read back: which of the two kinds a row is stands in its key."""

from taglock.domain.audit.rows import Planned, PlannedImage, PlannedRepository, plans_repository
from taglock.domain.ledger import restored
from taglock.domain.row import Row


def restored_planned(row: Row) -> Planned:
    """Return the planned action of a row; raise LedgerError when it is damaged or of a newer version."""
    if plans_repository(row.key):
        return restored(PlannedRepository, row.body)
    return restored(PlannedImage, row.body)
