"""One thread that owns the SQLite connection: what waits in its queue is read at once and committed at once."""

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from taglock.adapters.ledger_sqlite_rows import Connection, is_busy, opened
from taglock.errors import LedgerConflict, LedgerError

MAX_GROUP = 256
"""Jobs served at once; beyond it the first callers would wait for work that came much later."""


@dataclass(slots=True, eq=False)
class Job:
    """What one caller waits for. A caller that gave up before its turn is skipped, afterwards it is only not told."""

    work: Callable[[Connection], object]
    future: asyncio.Future[Any]


class ReadJob(Job):
    """A job that changes nothing."""


class WriteJob(Job):
    """A job that happens whole or not at all; LedgerConflict undoes it and no other."""


Outcome = tuple[Job, object]
"""A job with its result, or with the exception to raise."""

Serve = Callable[[Connection, Sequence[Job]], Sequence[Outcome]]


class LedgerThread:
    """Serves jobs in groups on a thread of its own, started by the first job."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._connection: Connection | None = None

    def submit(self, job: Job) -> None:
        """Queue a job; LedgerError after stop()."""
        with self._lock:
            if self._stopped:
                raise LedgerError(f"ledger {self._path!r}: used after it was closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="taglock-ledger", daemon=True)
                self._thread.start()
            self._jobs.put(job)

    def stop(self) -> None:
        """Accept no more jobs; the thread ends after those that are queued."""
        with self._lock:
            self._stopped = True
            self._jobs.put(None)

    def join(self) -> None:
        """Wait until the thread has ended and the file is closed."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        more = True
        while more:
            group, more = self._next_group()
            live = [job for job in group if not job.future.cancelled()]
            _settle(self._reads([job for job in live if isinstance(job, ReadJob)]))
            _settle(self._writes([job for job in live if isinstance(job, WriteJob)]))
        self._drop_connection()

    def _next_group(self) -> tuple[list[Job], bool]:
        """Return the jobs that wait, at least one, and whether there may be more; None ends the queue."""
        group: list[Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == MAX_GROUP or self._jobs.empty():
                return group, True
            job = self._jobs.get()
        return group, False

    def _reads(self, jobs: Sequence[ReadJob]) -> Sequence[Outcome]:
        return self._served(jobs, _read_together) if jobs else ()

    def _writes(self, jobs: Sequence[WriteJob]) -> Sequence[Outcome]:
        return self._served(jobs, _commit_together) if jobs else ()

    def _served(self, jobs: Sequence[Job], serve: Serve) -> Sequence[Outcome]:
        try:
            if self._connection is None:
                self._connection = opened(self._path)
            return serve(self._connection, jobs)
        except Exception as error:  # the thread must live on: every caller is told
            self._recover(error)
            return [(job, self._failure(error)) for job in jobs]

    def _recover(self, error: Exception) -> None:
        """Leave no transaction open. A file is opened anew after any error but a held lock; memory would be lost."""
        if self._connection is None:
            return
        try:
            self._connection.roll_back()
            if self._path == ":memory:" or is_busy(error):
                return
        except Exception:  # a connection that cannot roll back is closed, which rolls back
            if self._path == ":memory:":
                return
        self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _failure(self, error: Exception) -> Exception:
        import sqlite3

        if not isinstance(error, sqlite3.Error | OSError):
            return error
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        failure = LedgerError(f"ledger {self._path!r}: {code}: {error}, expected a writable ledger file")
        failure.__cause__ = error
        return failure


def _read_together(connection: Connection, jobs: Sequence[Job]) -> list[Outcome]:
    connection.execute("BEGIN")
    outcomes: list[Outcome] = [(job, job.work(connection)) for job in jobs]
    connection.execute("COMMIT")
    return outcomes


def _commit_together(connection: Connection, jobs: Sequence[Job]) -> list[Outcome]:
    connection.execute("BEGIN IMMEDIATE")
    outcomes = [(job, _attempted(connection, job)) for job in jobs]
    connection.execute("COMMIT")
    return outcomes


def _attempted(connection: Connection, job: Job) -> object:
    connection.execute("SAVEPOINT job")
    try:
        return job.work(connection)
    except LedgerConflict as conflict:
        connection.execute("ROLLBACK TO job")
        return conflict
    finally:
        connection.execute("RELEASE job")


def _settle(outcomes: Iterable[Outcome]) -> None:
    """Tell the callers: one wake-up for each event loop, however many of its callers wait."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_loop[outcome[0].future.get_loop()].append(outcome)
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_tell, settled)
        except RuntimeError:  # the loop was closed: nobody waits any more
            continue


def _tell(outcomes: Sequence[Outcome]) -> None:
    for job, result in outcomes:
        if job.future.done():
            continue
        if isinstance(result, Exception):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
