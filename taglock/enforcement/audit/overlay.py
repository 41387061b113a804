"""A ledger that keeps what is written to itself: an audit that only asks "what if" leaves no trace."""

from collections.abc import Sequence
from itertools import count

from taglock.domain.row import Change, Delete, Insert, Replace, Row, RowKey
from taglock.errors import LedgerConflict
from taglock.ports import RowStore


class Overlay:
    """Implements ports.RowStore over another one, of which it only reads."""

    def __init__(self, below: RowStore, *, hidden: Sequence[RowKey] = ()) -> None:
        self._below = below
        self._own: dict[str, dict[str, Row | None]] = {}
        self._versions = count()
        for key in hidden:
            self._put(key, None)

    async def read(self, keys: Sequence[RowKey]) -> Sequence[Row | None]:
        """Read rows by key, in the order asked, None where there is none."""
        wanted = [key for key in keys if key.key not in self._own.get(key.partition, {})]
        below = dict(zip(wanted, await self._below.read(wanted), strict=True)) if wanted else {}
        return [below[key] if key in below else self._own[key.partition][key.key] for key in keys]

    async def scan(
        self, partition: str, *, start: str = "", end: str = "\U0010ffff", limit: int = 1000
    ) -> Sequence[Row]:
        """Read rows of one partition with start <= key < end, in key order."""
        own = self._own.get(partition, {})
        found: dict[str, Row] = {}
        while len(found) < limit:
            page = await self._below.scan(partition, start=start, end=end, limit=limit)
            full = len(page) == limit
            reached = page[-1].key.key + "\0" if full else end
            found |= {row.key.key: row for row in page if row.key.key not in own}
            found |= {key: row for key, row in own.items() if row is not None and start <= key < min(reached, end)}
            if not full:
                break
            start = reached
        return [found[key] for key in sorted(found)][:limit]

    async def write(self, changes: Sequence[Change]) -> None:
        """Make the changes here; LedgerConflict as below, but a part of them may have been made."""
        for change in changes:
            (row,) = await self.read([change.key])
            match change:
                case Insert() if row is not None:
                    raise LedgerConflict(f"{change.key.key!r} is there already")
                case Replace(version=version) | Delete(version=str(version)) if row is None or row.version != version:
                    raise LedgerConflict(f"{change.key.key!r} changed since it was read")
            body = None if isinstance(change, Delete) else change.body
            self._put(change.key, None if body is None else Row(change.key, f"own-{next(self._versions)}", body))

    def _put(self, key: RowKey, row: Row | None) -> None:
        self._own.setdefault(key.partition, {})[key.key] = row
