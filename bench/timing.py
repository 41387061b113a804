"""Hand pushes to a contender and learn from the registry when each was locked and how many requests that took."""

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from time import monotonic, process_time

from bench.contenders.contender import Contender
from bench.emulator import BenchFailed, Emulator, Seen
from bench.pushes import Push


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a contender did with some pushes; times in seconds.

    `starts` is when each push could be handed over, on the machine's monotonic clock. `wall_seconds` ends when the
    contender was done, records included; `cpu_seconds` is what this interpreter used, all threads together.
    """

    pushes: Sequence[Push]
    starts: Sequence[float]
    wall_seconds: float
    cpu_seconds: float
    seen: Sequence[Seen]

    @property
    def requests_per_push(self) -> float:
        """How many requests the registry got for each push."""
        return len(self.seen) / len(self.pushes)

    @property
    def updates(self) -> int:
        """How many updates the registry made."""
        return sum(each.method == "PATCH" and each.status == 200 for each in self.seen)

    def seconds_to_lock(self) -> Sequence[float]:
        """Return for each push the time until the registry answered its last update; BenchFailed if one is missing."""
        updated = {
            (each.repository, each.reference): each.at
            for each in self.seen
            if each.method == "PATCH" and each.status == 200
        }
        missing = [target for push in self.pushes for target in push.targets if target not in updated]
        if missing:
            raise BenchFailed(f"{len(missing)} targets such as {missing[0]!r} were not updated, expected none")
        ends = (max(updated[target] for target in push.targets) for push in self.pushes)
        return [end - start for start, end in zip(self.starts, ends, strict=True)]


async def delivered(emulator: Emulator, contender: Contender, pushes: Sequence[Push], *, parallel: int = 1) -> Delivery:
    """Hand over pushes, at most so many at a time, each as soon as there is room for it."""
    emulator.forget_requests()
    gc.collect()  # what others left behind is not paid here
    starts: list[float] = []
    waiting = iter(pushes)

    async def take(free_at: float) -> None:
        for push in waiting:
            starts.append(free_at)
            await contender.lock(push)
            free_at = monotonic()

    began, cpu = monotonic(), process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(parallel, len(pushes))):
            group.create_task(take(began))
    wall, used = monotonic() - began, process_time() - cpu
    return Delivery(pushes=pushes, starts=starts, wall_seconds=wall, cpu_seconds=used, seen=emulator.seen())


def percentile(numbers: Sequence[float], percent: float) -> float:
    """Return the smallest of the numbers that at least so many percent of them do not exceed."""
    return sorted(numbers)[max(ceil(len(numbers) * percent / 100), 1) - 1]
