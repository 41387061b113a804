"""Ending in order: what runs may finish for a while, what does not finish then is cancelled."""

import asyncio
from collections.abc import Collection
from typing import Any

GRACE_SECONDS = 5.0


async def drained(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Return when every task has ended, after GRACE_SECONDS by being cancelled."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
