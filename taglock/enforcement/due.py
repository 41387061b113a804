"""Go on with unfinished work: every registry and Azure for itself, so that one that fails never delays another."""

import asyncio
from collections.abc import Sequence

from taglock.domain.backlog import Backlog
from taglock.domain.deployment import ResourceChanged
from taglock.domain.due import is_due
from taglock.domain.event import ImagePushed
from taglock.domain.handled import Handled
from taglock.domain.ledger import DUE_RESOURCES, ActDue, DueWork, due_partition, restored
from taglock.domain.row import Row
from taglock.domain.subject import ImageRuns
from taglock.enforcement.context import Enforcement
from taglock.enforcement.locking import Budget
from taglock.enforcement.resources import read_resource
from taglock.enforcement.running import lock_running
from taglock.enforcement.subject import Work, lock_subject
from taglock.errors import LedgerError

PAGE = 1000
TRIGGER = "due_work"


async def resume_due_work(app: Enforcement) -> Sequence[Handled]:
    """Resume what is due now, for all registries side by side, until done or the tick's time is used up."""
    deadline = asyncio.get_running_loop().time() + app.limits.due_seconds
    partitions = [due_partition(registry) for registry in sorted(set(app.known_registries.values()))]
    partitions.append(DUE_RESOURCES)
    handled = await asyncio.gather(*(_Resumption(app, partition, deadline).run() for partition in partitions))
    return [one for of_partition in handled for one in of_partition]


class _Resumption:
    """One tick's work for one registry, or for the resources that are still to be read."""

    def __init__(self, app: Enforcement, partition: str, deadline: float) -> None:
        self._app = app
        self._partition = partition
        self._deadline = deadline
        self._places = asyncio.Semaphore(app.limits.due_parallel)
        self._handled: list[Handled] = []

    async def run(self) -> Sequence[Handled]:
        start, backlog = "", Backlog(of=self._partition.partition("/")[2])
        try:
            while not self._over:
                rows = await self._app.rows.scan(self._partition, start=start, limit=PAGE)
                work = [due for row in rows if (due := self._restored(row)) is not None]
                backlog = backlog.with_more(work, self._app.clock.now())
                await asyncio.gather(*(self._resume(due) for due in self._due_now(work)))
                if len(rows) < PAGE:
                    break
                start = rows[-1].key.key + "\0"
            self._app.signals.waiting(backlog)
        except LedgerError as error:
            self._tell("unfinished", str(error))
        return self._handled

    @property
    def _over(self) -> bool:
        return asyncio.get_running_loop().time() >= self._deadline

    def _due_now(self, work: Sequence[DueWork]) -> Sequence[DueWork]:
        now = self._app.clock.now()
        return sorted((due for due in work if is_due(due, now)), key=lambda due: due.due_at)

    def _restored(self, row: Row) -> DueWork | None:
        try:
            return restored(DueWork, row.body)
        except LedgerError as error:  # told at every tick; the row stays until somebody looks
            self._tell("failed", f"{row.key.partition} {row.key.key}: {error}")
            return None

    async def _resume(self, due: DueWork) -> None:
        async with self._places:
            if self._over:
                return  # it stays due
            try:
                self._handled += await self._go_on(due)
            except Exception as error:  # one piece of work that cannot be handled must not keep the others waiting
                self._tell("unfinished", f"{_name(due)}: {type(error).__name__}: {error}")

    async def _go_on(self, due: DueWork) -> Sequence[Handled]:
        work = Work(trigger=TRIGGER, budget=self._budget(), due=due)
        match due.subject:
            case ImagePushed() as push:
                return [await lock_subject(self._app, push, work)]
            case ImageRuns() as runs:
                return [await lock_running(self._app, runs, work)]
            case ResourceChanged() as changed:
                return await read_resource(self._app, changed, work)
            case ActDue() as act:
                return await _resume_act(self._app, act, work)

    def _budget(self) -> Budget:
        limits = self._app.limits
        return Budget(
            deadline=self._deadline,
            manifests=limits.closure * 2,  # each is read and locked at most; the time is what limits a tick
            parallel=limits.parallel_requests,
            closure=limits.closure,
        )

    def _tell(self, outcome: str, problem: str) -> None:
        self._handled.append(Handled(trigger=TRIGGER, outcome=outcome, image=self._partition, problems=(problem,)))


async def _resume_act(app: Enforcement, due: ActDue, work: Work) -> Sequence[Handled]:
    """Go on with an act; what only acts need is loaded now."""
    from taglock.enforcement.acts.resuming import resume_act

    return await resume_act(app, due, work)


def _name(due: DueWork) -> str:
    match due.subject:
        case ResourceChanged(resource=resource):
            return str(resource)
        case ActDue(act=act):
            return f"act {act}"
        case subject:
            return subject.image
