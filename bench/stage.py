"""What every section measures with: the registry, the three contenders, fresh images, and how much to measure."""

import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.contenders.bare import opened_bare
from bench.contenders.contender import Contender, Contenders
from bench.contenders.sdk import opened_sdk
from bench.contenders.taglock import opened_taglock
from bench.emulator import Emulator, running
from bench.pushes import Push, Shape, pushed
from bench.rows import Row, Samples

LATENCY_SECONDS = 0.02
REPOSITORY = "prod/bench-{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much to measure; the defaults take between two and three minutes."""

    repetitions: int = 5
    singles: int = 6
    """Pushes one after another, in each repetition."""
    burst: int = 200
    """Pushes at one moment, in each repetition."""
    warm: int = 50
    """Pushes before each measurement, so that connections and tokens are there."""
    sustained: int = 400
    """Pushes without a pause."""
    deployments: int = 500
    """Deployments without a pause."""
    duplicates: int = 5
    """Events that come again, in each repetition."""
    imports: int = 15
    """Fresh interpreters for each of two apps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything open and ready."""

    emulator: Emulator
    contenders: Contenders
    effort: Effort
    folder: Path
    cores: frozenset[int] = frozenset()
    """For registries; this interpreter and what it starts have the other one. Empty where that cannot be chosen."""
    _numbers: Iterator[int] = field(default_factory=count)

    def pushes(self, shape: Shape, number: int) -> Sequence[Push]:
        """Return the pushes of fresh images, in a repository of their own."""
        repository = REPOSITORY.format(next(self._numbers))
        return pushed(self.emulator, repository, shape=shape, count=number)

    async def by_turns[T](self, measure: Callable[[Contender], Awaitable[T]]) -> dict[str, list[T]]:
        """Measure all contenders in each repetition, and return by role what was found, in the order of repetitions."""
        found: defaultdict[str, list[T]] = defaultdict(list)
        for repetition in range(self.effort.repetitions):
            for role, contender in self.contenders.by_turns(repetition):
                found[role].append(await measure(contender))
        return found


type Section = Callable[[Stage], Awaitable[Sequence[Row]]]


def samples[T](found: dict[str, list[T]], number: Callable[[T], float]) -> Samples:
    """Return one number out of everything that was measured by turns."""
    return Samples(**{role: [number(each) for each in measured] for role, measured in found.items()})


@asynccontextmanager
async def opened_stage(effort: Effort) -> AsyncIterator[Stage]:
    """Start the registry, open the contenders, and end all of it."""
    async with AsyncExitStack() as stack:
        host = stack.enter_context(own_core())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="taglock-bench-")))
        emulator = stack.enter_context(running(folder, cores=host))
        stack.enter_context(environment(emulator.started.environment))
        emulator.set_latency(LATENCY_SECONDS)
        contenders = Contenders(
            own=await stack.enter_async_context(opened_taglock(emulator, ledger=folder / "own.sqlite")),
            floor=await stack.enter_async_context(opened_bare(emulator)),
            peer=await stack.enter_async_context(opened_sdk(emulator)),
        )
        yield Stage(emulator=emulator, contenders=contenders, effort=effort, folder=folder, cores=host)


@contextmanager
def own_core() -> Iterator[frozenset[int]]:
    """Keep this interpreter on one core and yield another for the registry; nothing where that is not possible."""
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    if len(cores) < 2:
        yield frozenset()
        return
    os.sched_setaffinity(0, cores[:1])
    try:
        yield frozenset(cores[1:2])
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables, as Azure does before the app starts, and set them back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
