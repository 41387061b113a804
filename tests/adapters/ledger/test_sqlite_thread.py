"""The thread under the SQLite store, held still at the moments that matter."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from taglock.adapters.ledger_sqlite_rows import Connection, opened
from taglock.adapters.ledger_sqlite_thread import LedgerThread, ReadJob, WriteJob
from taglock.domain.row import Insert, RowKey


class Gate:
    """Work that stops the thread until it is let through."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def work(self, _: Connection) -> None:
        self.reached.set()
        assert self.open.wait(30)


@pytest.fixture
async def thread(tmp_path: Path) -> AsyncIterator[LedgerThread]:
    started = LedgerThread(str(tmp_path / "ledger.sqlite"))
    yield started
    started.stop()
    await asyncio.to_thread(started.join)


def insertion(key: str) -> WriteJob:
    return WriteJob(lambda opened: opened.apply(Insert(RowKey("p", key), b"")), new_future())


def new_future() -> asyncio.Future[object]:
    return asyncio.get_running_loop().create_future()


async def row_is_there(thread: LedgerThread, key: str) -> bool:
    job = ReadJob(lambda opened: opened.read(RowKey("p", key)), new_future())
    thread.submit(job)
    return await job.future is not None


async def test_a_caller_that_gives_up_before_its_turn_changes_nothing(thread: LedgerThread) -> None:
    gate = Gate()
    thread.submit(ReadJob(gate.work, new_future()))
    given_up, waiting = insertion("a"), insertion("b")
    thread.submit(given_up)
    thread.submit(waiting)
    given_up.future.cancel()
    gate.open.set()
    await waiting.future
    assert not await row_is_there(thread, "a")
    assert await row_is_there(thread, "b")


async def test_a_caller_that_gives_up_during_its_turn_harms_no_other_of_the_group(thread: LedgerThread) -> None:
    before, during = Gate(), Gate()
    thread.submit(ReadJob(before.work, new_future()))
    given_up, waiting = insertion("a"), insertion("b")
    for job in (WriteJob(during.work, new_future()), given_up, waiting):
        thread.submit(job)
    before.open.set()
    assert await asyncio.to_thread(during.reached.wait, 30)
    given_up.future.cancel()
    during.open.set()
    await waiting.future
    assert await row_is_there(thread, "a")
    assert await row_is_there(thread, "b")


async def test_a_job_that_breaks_tells_its_group_and_the_thread_lives_on(thread: LedgerThread) -> None:
    gate = Gate()
    thread.submit(ReadJob(gate.work, new_future()))
    broken, beside = WriteJob(lambda _: 1 // 0, new_future()), insertion("a")
    thread.submit(beside)
    thread.submit(broken)
    gate.open.set()
    for job in (broken, beside):
        with pytest.raises(ZeroDivisionError):
            await job.future
    assert not await row_is_there(thread, "a")


async def test_the_event_loop_runs_while_the_thread_waits(thread: LedgerThread) -> None:
    gate = Gate()
    job = ReadJob(gate.work, new_future())
    thread.submit(job)
    assert await asyncio.to_thread(gate.reached.wait, 30)
    assert not job.future.done()
    gate.open.set()
    await job.future


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    connection = opened(str(tmp_path / "ledger.sqlite"))
    assert connection.setting("journal_mode") == "wal"
    assert connection.setting("synchronous") == 2  # FULL
    connection.close()
