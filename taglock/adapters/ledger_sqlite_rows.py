"""The statements of the SQLite ledger, on one connection and one thread; the text of the file's format.

Keys are stored as UTF-8 bytes: SQLite compares them as memory, and UTF-8 sorts in code point order.
"""

import secrets
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from taglock.domain.row import Change, Delete, Insert, Replace, Row, RowKey, Upsert
from taglock.errors import LedgerConflict, LedgerError, shortened

if TYPE_CHECKING:
    import sqlite3

FORMAT = 1
BUSY_SECONDS = 5.0
"""How long a write waits for another process that writes."""

OPEN_PAUSE_SECONDS = 0.05
CREATE = (
    "CREATE TABLE row (partition BLOB, key BLOB, version TEXT, body BLOB, PRIMARY KEY (partition, key)) WITHOUT ROWID"
)
READ = "SELECT version, body FROM row WHERE partition = ? AND key = ?"
SCAN = "SELECT key, version, body FROM row WHERE partition = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
INSERT = "INSERT INTO row VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
UPSERT = "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?)"
REPLACE = "UPDATE row SET version = ?, body = ? WHERE partition = ? AND key = ? AND version = ?"
DELETE = "DELETE FROM row WHERE partition = ? AND key = ?"
DELETE_VERSION = "DELETE FROM row WHERE partition = ? AND key = ? AND version = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One range of one partition: start <= key < end, in key order, at most `limit` rows."""

    partition: str
    start: str
    end: str
    limit: int


class Connection:
    """An open ledger file. Methods raise sqlite3.Error; LedgerConflict when a change does not fit."""

    def __init__(self, connection: "sqlite3.Connection") -> None:
        self._connection = connection
        self._lineage = secrets.token_hex(12)  # with the counter: a version that no process ever gives twice
        self._counter = count()

    def close(self) -> None:
        """Close the file; an open transaction is rolled back."""
        self._connection.close()

    def execute(self, statement: str) -> None:
        """Run a statement without parameters, such as BEGIN."""
        self._connection.execute(statement)

    def setting(self, pragma: str) -> object:
        """Return how the connection is set, for example `synchronous`."""
        return self._connection.execute(f"PRAGMA {pragma}").fetchone()[0]

    def roll_back(self) -> None:
        """End the transaction if there is one; SQLite may have ended it itself (full disk)."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def read(self, key: RowKey) -> Row | None:
        """Return one row, None when there is none."""
        found = self._connection.execute(READ, _location(key)).fetchone()
        return None if found is None else Row(key=key, version=found[0], body=found[1])

    def scan(self, scan: Scan) -> list[Row]:
        """Return the rows of a range in key order."""
        bounds = (scan.partition.encode(), scan.start.encode(), scan.end.encode(), max(scan.limit, 0))
        found = self._connection.execute(SCAN, bounds)
        return [
            Row(key=RowKey(scan.partition, key.decode()), version=version, body=body) for key, version, body in found
        ]

    def apply(self, change: Change) -> None:
        """Make one change; LedgerConflict when the row is not as the change expects it."""
        statement, values, must_match = self._statement(change)
        if self._connection.execute(statement, values).rowcount == 0 and must_match:
            raise LedgerConflict(
                f"{type(change).__name__} {shortened(change.key.key)} of {shortened(change.key.partition)}: "
                f"the row changed, expected {_expectation(change)}"
            )

    def _statement(self, change: Change) -> tuple[str, tuple[object, ...], bool]:
        location = _location(change.key)
        match change:
            case Insert(body=body):
                return INSERT, (*location, self._next_version(), body), True
            case Upsert(body=body):
                return UPSERT, (*location, self._next_version(), body), True
            case Replace(body=body, version=version):
                return REPLACE, (self._next_version(), body, *location, version), True
            case Delete(version=None):
                return DELETE, location, False
            case Delete(version=version):
                return DELETE_VERSION, (*location, version), True

    def _next_version(self) -> str:
        return f"{self._lineage}-{next(self._counter):x}"


def opened(path: str) -> Connection:
    """Open the file, with its folder, tables and write-ahead log; sqlite3.Error, OSError or LedgerError if it cannot.

    synchronous=FULL: an accepted row survives the loss of power, not only of the process. A group of writes shares
    the one flush to disk that this costs.
    """
    import sqlite3

    if path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return Connection(connection)


def _prepare(connection: "sqlite3.Connection", path: str) -> None:
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == 0:
        connection.execute(CREATE)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    elif found != FORMAT:
        raise LedgerError(f"ledger {path!r}: format {found!r}, expected {FORMAT} (written by another taglock version?)")
    connection.execute("COMMIT")


def _use_write_ahead_log(connection: "sqlite3.Connection") -> None:
    """Switch the log on; two processes doing this to a new file at once are told `locked` without any waiting."""
    import sqlite3

    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(OPEN_PAUSE_SECONDS)


def is_busy(error: Exception) -> bool:
    """Tell whether another connection holds the lock (SQLITE_BUSY, SQLITE_LOCKED)."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (5, 6)


def _location(key: RowKey) -> tuple[bytes, bytes]:
    return key.partition.encode(), key.key.encode()


def _expectation(change: Change) -> str:
    if isinstance(change, Insert):
        return "no row"
    return f"version {shortened(change.version)}" if isinstance(change, Replace | Delete) else "any"
