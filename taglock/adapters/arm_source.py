"""Bodies and lists of Azure Resource Manager, before anyone asks what they mean."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from taglock.adapters.arm_answer import has_no_such_type, is_gone, items_of, next_path
from taglock.adapters.arm_call import ArmCall
from taglock.adapters.arm_channel import ArmChannel
from taglock.adapters.arm_paths import list_path, resource_path
from taglock.domain.arm_resource import ResourceId, ResourceKind
from taglock.errors import ArmError

type Body = Mapping[str, Any]


class ArmSource:
    """Read resources, their children, and lists of both."""

    def __init__(self, channel: ArmChannel, *, maximum_pages: int) -> None:
        self._channel = channel
        self._maximum_pages = maximum_pages

    async def body(self, resource: ResourceId, child: str = "") -> Body | None:
        """Return the body of a resource or of its child (`/config/web`), None when it is gone."""
        try:
            return await self._channel.get(_call("read", resource, child))
        except ArmError as error:
            if is_gone(error):
                return None
            raise

    async def children(self, resource: ResourceId, child: str) -> list[Body]:
        """Return the bodies of a list of children (`/slots`), none when the resource is gone."""
        pages = self.pages(_call("list", resource, child), nothing=is_gone)
        return [item async for page in pages for item in page]

    def listed(self, subscription: str, kind: ResourceKind) -> AsyncIterator[list[Body]]:
        """Yield the pages of all resources of a type; none where its provider is not registered."""
        call = ArmCall(
            path=list_path(subscription, kind),
            operation=f"list {kind} in",
            target=f"/subscriptions/{subscription}",
            subscription=subscription,
        )
        return self.pages(call, nothing=has_no_such_type)

    async def pages(self, first: ArmCall, *, nothing: Callable[[ArmError], bool]) -> AsyncIterator[list[Body]]:
        """Yield the pages of a list; an error that means `nothing` is an empty one."""
        seen: set[str] = set()
        following: str | None = first.path
        while following is not None:
            if following in seen or len(seen) >= self._maximum_pages:
                raise first.untrusted(f"endless paging after {len(seen)} pages, expected a last page", 200)
            seen.add(following)
            call = ArmCall(
                path=following, operation=first.operation, target=first.target, subscription=first.subscription
            )
            try:
                page = await self._channel.get(call)
            except ArmError as error:
                if nothing(error):
                    return
                raise
            yield items_of(call, page)
            following = next_path(call, page, self._channel.host)


async def gathered[T, R](read: Callable[[T], Awaitable[R]], each: Sequence[T], *, at_once: int) -> list[R]:
    """Return what `read` answers for each, in order, so many at once; the first error ends all and is raised."""
    places = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with places:
            return await read(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in each]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _call(verb: str, resource: ResourceId, child: str) -> ArmCall:
    return ArmCall(
        path=resource_path(resource, child),
        operation=f"{verb}{child and f' {child[1:]} of'}",
        target=str(resource),
        subscription=resource.subscription,
    )
