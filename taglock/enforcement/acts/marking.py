"""Read the marks of a repository."""

from taglock.domain.acts.marks import Marks, RepositoryMarks, marks_range
from taglock.domain.ledger import restored
from taglock.domain.reference import LoginServer, Repository
from taglock.ports import RowStore

PAGE = 1000


async def marks_of(rows: RowStore, registry: LoginServer, repository: Repository) -> RepositoryMarks:
    """Return all marks of a repository: one read of the ledger while there are few, as nearly always.

    Raises LedgerError when the ledger does not answer or holds a mark that cannot be read: nothing is assumed then.
    """
    partition, start, end = marks_range(registry, repository)
    found: list[Marks] = []
    while True:
        page = await rows.scan(partition, start=start, end=end, limit=PAGE)
        found += [restored(Marks, row.body) for row in page]
        if len(page) < PAGE:
            return RepositoryMarks({marks.target: marks for marks in found})
        start = page[-1].key.key + "\0"
