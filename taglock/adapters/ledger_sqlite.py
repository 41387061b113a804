"""The ledger's rows in an embedded SQLite file: for one machine, when no storage account is configured."""

import asyncio
import weakref
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from taglock.adapters.ledger_limits import checked_changes, checked_key, checked_text
from taglock.adapters.ledger_sqlite_rows import Connection, Scan
from taglock.adapters.ledger_sqlite_thread import Job, LedgerThread, ReadJob, WriteJob
from taglock.domain.row import Change, Row, RowKey
from taglock.errors import InvalidConfiguration


class SqliteRows:
    """ports.RowStore on one file; other processes may use the same file. A write is all or nothing as a whole.

    A cancelled caller's write has happened whole or not at all, as after a lost answer.
    """

    def __init__(self, path: str) -> None:
        self._thread = LedgerThread(path)
        weakref.finalize(self, self._thread.stop)

    async def read(self, keys: Sequence[RowKey]) -> Sequence[Row | None]:
        """Read rows by key, in the order asked, None where there is none; all of one moment."""
        wanted = [checked_key(key) for key in keys]
        rows: list[Row | None] = await self._answer(ReadJob, lambda opened: [opened.read(key) for key in wanted])
        return rows

    async def scan(
        self, partition: str, *, start: str = "", end: str = "\U0010ffff", limit: int = 1000
    ) -> Sequence[Row]:
        """Read rows of one partition with start <= key < end, in key order, at most `limit`."""
        checked_key(RowKey(partition, ""))
        wanted = Scan(
            partition=partition, start=checked_text("start", start), end=checked_text("end", end), limit=limit
        )
        rows: list[Row] = await self._answer(ReadJob, lambda opened: opened.scan(wanted))
        return rows

    async def write(self, changes: Sequence[Change]) -> None:
        """Make the changes in the order given, all or nothing; returns when they are on disk.

        LedgerConflict, LimitExceeded and InvalidInput leave everything as it was.
        LedgerError when it cannot be stored now.
        """
        wanted = list(chain.from_iterable(checked_changes(changes).values()))
        if wanted:
            await self._answer(WriteJob, lambda opened: _apply(opened, wanted))

    async def aclose(self) -> None:
        """Finish what is queued and close the file; later calls raise LedgerError."""
        self._thread.stop()
        await asyncio.to_thread(self._thread.join)

    async def _answer(self, kind: type[Job], work: Callable[[Connection], object]) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._thread.submit(kind(work, future))
        return await future


def open_sqlite(path: str) -> SqliteRows:
    """Return the rows of a file, or of memory for ':memory:'; folder, file and tables are created by the first use."""
    if not path or "\0" in path:
        raise InvalidConfiguration.at("ledger", path, "the path of a file or ':memory:'")
    return SqliteRows(path)


def _apply(connection: Connection, changes: Sequence[Change]) -> None:
    for change in changes:
        connection.apply(change)
