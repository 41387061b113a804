"""Ask a registry with patience: wait as long as it asks for, but never beyond the invocation's time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from itertools import batched
from typing import Any

from taglock.errors import LimitExceeded, Throttled

PAUSE_SECONDS = 5.0
"""When the registry refuses without saying for how long."""
PARALLEL = 16


class Asker:
    """Counts and repeats the calls of one invocation."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        """On the event loop's clock, in seconds."""
        self.requests = 0
        self.kept = 0
        """Indexes whose children the ledger knows now: what a killed invocation does not have to read again."""

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return asyncio.get_running_loop().time() >= self.deadline

    async def ask[T](self, call: Callable[[], Awaitable[T]]) -> T:
        """Return the answer; raise LimitExceeded when the registry wants a longer pause than there is time."""
        while True:
            try:
                answer = await call()
            except Throttled as error:
                await self._pause(error)
            else:
                self.requests += 1
                return answer

    async def _pause(self, error: Throttled) -> None:
        seconds = PAUSE_SECONDS if error.retry_after is None else max(error.retry_after, 0.05)
        if asyncio.get_running_loop().time() + seconds > self.deadline:
            raise LimitExceeded(f"the registry asks to wait {seconds:.0f} seconds, longer than is left") from error
        await asyncio.sleep(seconds)


async def for_each[T](items: Iterable[T], work: Callable[[T], Awaitable[None]], *, parallel: int = PARALLEL) -> None:
    """Do the work for each item, a few at once; the first error ends it, and those beside it are cancelled."""
    for part in batched(items, parallel, strict=False):
        tasks = [asyncio.create_task(_worked(work, item)) for item in part]
        try:
            for task in tasks:
                await task
        finally:
            await cancelled(tasks)


async def cancelled(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel what is still under way and wait until it has ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _worked[T](work: Callable[[T], Awaitable[None]], item: T) -> None:
    await work(item)
