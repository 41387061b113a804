"""What only the SQLite store promises: one file, several processes, crashes, full disks, groups of writes."""

import asyncio
import sqlite3
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from taglock.adapters.ledger_sqlite import SqliteRows, open_sqlite
from taglock.domain.row import Insert, RowKey, Upsert
from taglock.errors import InvalidConfiguration, LedgerConflict, LedgerError

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "folder" / "ledger.sqlite"


@pytest.fixture
async def rows(file: Path) -> AsyncIterator[SqliteRows]:
    store = open_sqlite(str(file))
    yield store
    await store.aclose()


def started(program: str, file: Path) -> subprocess.Popen[str]:
    """Start another process that imports taglock and gets the file as its argument."""
    command = [sys.executable, "-c", program, str(file)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def commits(file: Path) -> int:
    """Count the transactions in the write-ahead log: frames that carry a database size end one."""
    log = Path(f"{file}-wal").read_bytes()
    page_size = struct.unpack_from(">I", log, 8)[0]
    frames = range(32, len(log), 24 + page_size)
    return sum(struct.unpack_from(">I", log, frame + 4)[0] != 0 for frame in frames)


async def test_opening_touches_nothing_and_the_first_use_creates_everything(rows: SqliteRows, file: Path) -> None:
    assert not file.parent.exists()
    assert list(await rows.scan("p")) == []
    assert file.exists()


async def test_rows_outlive_the_store(rows: SqliteRows, file: Path) -> None:
    await rows.write([Insert(RowKey("p", "a"), b"1")])
    before = await rows.scan("p")
    await rows.aclose()
    assert not Path(f"{file}-wal").exists()
    again = open_sqlite(str(file))
    assert await again.scan("p") == before
    await again.aclose()


async def test_two_stores_on_one_file_see_each_other(rows: SqliteRows, file: Path) -> None:
    other = open_sqlite(str(file))
    await rows.write([Insert(RowKey("p", "a"), b"1")])
    assert [row.body for row in await other.scan("p")] == [b"1"]
    with pytest.raises(LedgerConflict):
        await other.write([Insert(RowKey("p", "a"), b"2")])
    await other.aclose()


async def test_writes_that_wait_together_are_committed_together(rows: SqliteRows, file: Path) -> None:
    await rows.write([Insert(RowKey("p", "first"), b"")])
    before = commits(file)
    await asyncio.gather(*(rows.write([Insert(RowKey("p", f"{index}"), b"")]) for index in range(200)))
    assert 1 <= commits(file) - before <= 20
    assert len(await rows.scan("p")) == 201


async def test_one_conflict_in_a_group_fails_no_other_write(rows: SqliteRows) -> None:
    await rows.write([Insert(RowKey("p", "taken"), b"")])
    writes = [[Insert(RowKey("p", f"{index:03}"), b"")] for index in range(100)]
    for index in range(0, 100, 10):
        writes[index].append(Insert(RowKey("p", "taken"), b""))
    outcomes = await asyncio.gather(*(rows.write(write) for write in writes), return_exceptions=True)
    refused = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, LedgerConflict)]
    assert refused == list(range(0, 100, 10))
    stored = {row.key.key for row in await rows.scan("p")}
    assert stored == {"taken"} | {f"{index:03}" for index in range(100) if index % 10}


async def test_cancelled_writes_happen_whole_or_not_at_all_and_wedge_nothing(rows: SqliteRows) -> None:
    def write(index: int) -> asyncio.Task[None]:
        both = [Insert(RowKey("p", f"{index}-{half}"), b"") for half in "ab"]
        return asyncio.create_task(rows.write(both))

    for round_number in range(10):
        tasks = [write(round_number * 100 + index) for index in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(outcome is None for outcome in outcomes[1::2])
    stored = {row.key.key for row in await rows.scan("p")}
    assert all(f"{key[:-1]}{half}" in stored for key in stored for half in "ab")
    assert len(stored) >= 10 * 10 * 2


def test_a_store_serves_one_event_loop_after_another(file: Path) -> None:
    store = open_sqlite(str(file))
    asyncio.run(store.write([Insert(RowKey("p", "a"), b"1")]))
    [row] = asyncio.run(store.read([RowKey("p", "a")]))
    assert row is not None
    asyncio.run(store.aclose())


def test_a_loop_that_is_gone_harms_no_later_caller(file: Path) -> None:
    store = open_sqlite(str(file))

    async def abandon() -> None:
        for index in range(50):
            task = asyncio.create_task(store.write([Upsert(RowKey("p", f"{index}"), b"")]))
            await asyncio.sleep(0)
            task.cancel()

    asyncio.run(abandon())
    asyncio.run(store.write([Insert(RowKey("p", "later"), b"")]))
    asyncio.run(store.aclose())


async def test_closing_finishes_what_is_queued_and_refuses_what_comes_later(rows: SqliteRows, file: Path) -> None:
    waiting = [asyncio.create_task(rows.write([Insert(RowKey("p", f"{index}"), b"")])) for index in range(50)]
    await asyncio.sleep(0)
    await rows.aclose()
    await asyncio.gather(*waiting)
    with pytest.raises(LedgerError, match="closed"):
        await rows.scan("p")
    await rows.aclose()
    again = open_sqlite(str(file))
    assert len(await again.scan("p")) == 50
    await again.aclose()


async def test_closing_a_store_that_was_never_used_creates_nothing(rows: SqliteRows, file: Path) -> None:
    await rows.aclose()
    assert not file.parent.exists()


async def test_a_file_locked_by_another_writer_is_a_ledger_error_and_heals(
    rows: SqliteRows, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taglock.adapters.ledger_sqlite_rows.BUSY_SECONDS", 0.1)
    await rows.write([Insert(RowKey("p", "a"), b"1")])
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite.*SQLITE_BUSY"):
        await rows.write([Insert(RowKey("p", "b"), b"2")])
    assert [row.body for row in await rows.scan("p")] == [b"1"]
    other.execute("COMMIT")
    other.close()
    await rows.write([Insert(RowKey("p", "b"), b"2")])


async def test_a_new_file_that_another_opens_at_the_same_moment_is_waited_for(
    rows: SqliteRows, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.parent.mkdir(parents=True)
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if other.in_transaction:
            other.execute("COMMIT")

    monkeypatch.setattr("taglock.adapters.ledger_sqlite_rows.time.sleep", pause)
    await rows.write([Insert(RowKey("p", "a"), b"1")])
    assert pauses
    other.close()


async def test_a_corrupt_file_is_a_ledger_error_that_names_it(rows: SqliteRows, file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(b"this is no database" * 1000)
    for attempt in (rows.scan("p"), rows.write([Insert(RowKey("p", "a"), b"")]), rows.read([RowKey("p", "a")])):
        with pytest.raises(LedgerError, match=r"ledger\.sqlite.*SQLITE_NOTADB"):
            await attempt


async def test_a_damaged_file_is_a_ledger_error_until_it_is_restored(rows: SqliteRows, file: Path) -> None:
    await rows.write([Insert(RowKey("p", f"{index:03}"), b"x" * 5000) for index in range(90)])
    await rows.aclose()
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    again = open_sqlite(str(file))
    with pytest.raises(LedgerError, match="SQLITE_CORRUPT"):
        await again.scan("p")
    file.unlink()
    file.write_bytes(whole)
    assert len(await again.scan("p")) == 90
    await again.aclose()


async def test_a_folder_that_cannot_be_made_is_a_ledger_error_and_heals(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file in the way")
    store = open_sqlite(str(tmp_path / "folder" / "ledger.sqlite"))
    with pytest.raises(LedgerError, match="folder"):
        await store.scan("p")
    (tmp_path / "folder").unlink()
    assert list(await store.scan("p")) == []
    await store.aclose()


async def test_a_folder_in_place_of_the_file_is_a_ledger_error(tmp_path: Path) -> None:
    store = open_sqlite(str(tmp_path))
    with pytest.raises(LedgerError, match="SQLITE_CANTOPEN"):
        await store.scan("p")
    await store.aclose()


async def test_the_file_of_another_format_is_refused(rows: SqliteRows, file: Path) -> None:
    await rows.scan("p")
    await rows.aclose()
    other = sqlite3.connect(file)
    other.execute("PRAGMA user_version = 99")
    other.close()
    again = open_sqlite(str(file))
    with pytest.raises(LedgerError, match="format 99, expected 1"):
        await again.scan("p")
    await again.aclose()


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_a_path_that_names_no_file_is_refused(path: str) -> None:
    with pytest.raises(InvalidConfiguration):
        open_sqlite(path)


ACKNOWLEDGE = """
import asyncio, sys
from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.row import Insert, RowKey

async def store(rows, index):
    await rows.write([Insert(RowKey("p", f"{index:06}-{half}"), b"x" * 500) for half in "ab"])
    print(index, flush=True)

async def main():
    rows = open_sqlite(sys.argv[1])
    for base in range(0, 100_000, 10):
        await asyncio.gather(*(store(rows, base + index) for index in range(10)))

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_that_was_acknowledged(rows: SqliteRows, file: Path) -> None:
    child = started(ACKNOWLEDGE, file)
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(95)]
    child.kill()
    rest = child.stdout.read()
    child.communicate()
    acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    stored = {row.key.key for row in await rows.scan("p", limit=1_000_000)}
    assert {f"{index:06}-{half}" for index in acknowledged for half in "ab"} <= stored
    assert all(f"{key[:-1]}{half}" in stored for key in stored for half in "ab")


COUNT_TO_THIRTY = """
import asyncio, sys
from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.row import Insert, Replace, RowKey
from taglock.errors import LedgerConflict

async def main():
    rows, key, counted = open_sqlite(sys.argv[1]), RowKey("p", "counter"), 0
    while counted < 30:
        [row] = await rows.read([key])
        try:
            change = Insert(key, b"1") if row is None else Replace(key, str(int(row.body) + 1).encode(), row.version)
            await rows.write([change])
            counted += 1
        except LedgerConflict:
            continue
    await rows.aclose()

asyncio.run(main())
"""


async def test_processes_that_open_a_new_file_at_once_lose_no_update(rows: SqliteRows, file: Path) -> None:
    children = [started(COUNT_TO_THIRTY, file) for _ in range(4)]
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
    [row] = await rows.read([RowKey("p", "counter")])
    assert row is not None
    assert row.body == b"120"


FILL_THE_DISK = """
import asyncio, resource, sys
from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.row import Insert, RowKey
from taglock.errors import LedgerError

async def main():
    rows = open_sqlite(sys.argv[1])
    await rows.write([Insert(RowKey("p", "before"), b"")])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        await rows.write([Insert(RowKey("p", "large"), b"x" * 700_000)])
    except LedgerError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await rows.write([Insert(RowKey("p", "with room again"), b"")])
    print([row.key.key for row in await rows.scan("p")])
    await rows.aclose()

asyncio.run(main())
"""


def test_a_full_disk_is_a_ledger_error_and_heals(file: Path) -> None:
    child = started(FILL_THE_DISK, file)
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    error, stored = output.splitlines()
    assert error.startswith(f"ledger {str(file)!r}: SQLITE_")
    assert stored == "['before', 'with room again']"


def test_a_store_that_is_dropped_without_closing_ends_its_thread(file: Path) -> None:
    program = f"{ACKNOWLEDGE.split('async def main')[0]}\nimport gc, threading, time\n" + (
        "async def main():\n"
        "    rows = open_sqlite(sys.argv[1])\n"
        "    await store(rows, 1)\n"
        "    del rows\n"
        "    gc.collect()\n"
        "    for thread in threading.enumerate():\n"
        "        if thread.name == 'taglock-ledger':\n"
        "            thread.join(30)\n"
        "    print([thread.name for thread in threading.enumerate()])\n"
        "asyncio.run(main())\n"
    )
    child = started(program, file)
    output, errors = child.communicate(timeout=60)
    assert output.splitlines()[-1] == "['MainThread']", errors
