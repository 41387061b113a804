"""Waiting for something that happens in the background, without an opinion on how long it may take."""

import asyncio
from collections.abc import Awaitable, Callable


async def until[T](look: Callable[[], T]) -> T:
    """Return the first true answer; the test's own time limit ends a wait for something that never happens."""
    while not (found := look()):  # noqa: ASYNC110 - what is waited for raises no event
        await asyncio.sleep(0.01)
    return found


async def eventually[T](ask: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """Return the first answer that is wanted; as with `until`, only the test's own time limit ends it."""
    while not wanted(found := await ask()):  # noqa: ASYNC110 - what is waited for raises no event
        await asyncio.sleep(0.01)
    return found
