"""The ledger's rows of one kind, read alongside a listing in the same order, so that few are held at once."""

from collections.abc import Mapping, Sequence

from taglock.domain.acts.marks import MARK_PREFIX, Marks, RepositoryMarks
from taglock.domain.audit.rows import INDEX_PREFIX, MANIFEST_PREFIX, RELEASE_PREFIX, REPOSITORY_PREFIX
from taglock.domain.audit_report import Unread
from taglock.domain.ledger import ProvenManifest, ProvenRepository, Release, Stored, restored
from taglock.domain.reference import Digest, Tag
from taglock.domain.row import Row
from taglock.errors import LedgerError
from taglock.ports import RowStore

PAGE = 1000


class Alongside:
    """Rows of a partition whose keys have one prefix, by the name behind it.

    Whatever the listing's order is, every row is taken at most once and none is lost: what was passed stays here.
    """

    def __init__(self, rows: RowStore, partition: str, prefix: str, loaded: Sequence[Row] | None = None) -> None:
        self._rows = rows
        self._partition = partition
        self._prefix = prefix
        self._end = f"{prefix[:-1]}{chr(ord(prefix[-1]) + 1)}"
        self._passed: dict[str, Row] = {}
        self._start = prefix
        self._ended = loaded is not None
        self._keep([row for row in loaded or () if row.key.key.startswith(prefix)])

    async def advance(self, name: str) -> None:
        """Read on until everything up to this name can be taken."""
        wanted = self._prefix + name
        while not self._ended and self._start <= wanted:
            await self._read_on()

    def take(self, name: str) -> Row | None:
        """Return the row of this name and forget it; None when there is none."""
        return self._passed.pop(name, None)

    async def rest(self) -> Mapping[str, Row]:
        """Read to the end and return what was not taken."""
        while not self._ended:
            await self._read_on()
        return self._passed

    async def _read_on(self) -> None:
        page = await self._rows.scan(self._partition, start=self._start, end=self._end, limit=PAGE)
        self._keep(page)
        if len(page) < PAGE:
            self._ended = True
        else:
            self._start = page[-1].key.key + "\0"

    def _keep(self, page: Sequence[Row]) -> None:
        for row in page:
            self._passed[row.key.key[len(self._prefix) :]] = row


class Sides:
    """Everything that the ledger holds about one repository; a row that cannot be read leaves the audit incomplete."""

    def __init__(self, rows: RowStore, partition: str, loaded: Sequence[Row] | None, unread: list[Unread]) -> None:
        self.releases = Alongside(rows, partition, RELEASE_PREFIX, loaded)
        self.proofs = Alongside(rows, partition, MANIFEST_PREFIX, loaded)
        self.indexes = Alongside(rows, partition, INDEX_PREFIX, loaded)
        self._marks = Alongside(rows, partition, MARK_PREFIX, loaded)
        self._own = Alongside(rows, partition, REPOSITORY_PREFIX, loaded)
        self._unread = unread

    async def marks(self) -> RepositoryMarks | str:
        """Return the marks of people's acts, or why one cannot be read: nothing is assumed then."""
        rows = await self._marks.rest()
        try:
            marks = [restored(Marks, row.body) for row in rows.values()]
        except LedgerError as error:
            return str(error)
        return RepositoryMarks({each.target: each for each in marks})

    def release(self, name: Tag) -> Release | None:
        """Take a tag's release."""
        return self._restored(Release, self.releases.take(name))

    def proof(self, digest: Digest) -> ProvenManifest | None:
        """Take a manifest's proof."""
        return self._restored(ProvenManifest, self.proofs.take(digest))

    async def repository(self) -> ProvenRepository | None:
        """Take the proof of the repository's own attributes."""
        await self._own.advance("")
        return self._restored(ProvenRepository, self._own.take(""))

    def _restored[T: Stored](self, kind: type[T], row: Row | None) -> T | None:
        if row is None:
            return None
        try:
            return restored(kind, row.body)
        except LedgerError as error:
            self._unread.append(Unread(subject=f"ledger {row.key.key}", reason=str(error)))
            return None


async def open_sides(rows: RowStore, partition: str, unread: list[Unread]) -> Sides:
    """Return the ledger's side of a repository: one read when it fits a page."""
    first = await rows.scan(partition, limit=PAGE)
    return Sides(rows, partition, first if len(first) < PAGE else None, unread)
