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


async def both_ended[A, B](first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Wait until both have ended, then return their results, or raise the first error."""
    one, other = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(other, BaseException):
        raise other
    return one, other
