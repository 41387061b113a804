"""Several things at once, of which none goes on behind the answer."""

import asyncio
from collections.abc import Awaitable, Iterable


async def all_ended[T](works: Iterable[Awaitable[T]]) -> list[T]:
    """Wait until all have ended, then return their results in order, or raise the first error."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
