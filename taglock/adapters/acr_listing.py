"""List one registry's repositories, tags and manifests with their attributes, on pages as large as it can bear."""

from collections.abc import Callable
from urllib.parse import parse_qs, quote, urlencode

from taglock.adapters.acr_answer import next_path, untrusted
from taglock.adapters.acr_call import Action, Call, Category, Need, Priority
from taglock.adapters.acr_claims import CATALOG
from taglock.adapters.acr_listing_wire import (
    listed_manifests,
    listed_repositories,
    listed_repository,
    listed_tags,
)
from taglock.adapters.acr_pipeline import Channel
from taglock.adapters.http_answer import Answer
from taglock.domain.listing import ListedManifest, ListedRepository, ListedTag, Page
from taglock.domain.reference import LoginServer, Repository
from taglock.errors import RegistryError, Unavailable, UntrustedAnswer

LARGEST_PAGE = 1000
"""Larger ones are cut by the registry (https://github.com/Azure/acr/issues/749)."""
SMALLEST_PAGE = 10
HALVINGS = 3
"""How often one page is asked for again, each time half as large, before its error counts."""


class PageSize:
    """How many entries to ask for: half as many after an answer that did not come, slowly more again after others."""

    def __init__(self) -> None:
        self.size = LARGEST_PAGE
        self._largest = LARGEST_PAGE

    def shrink(self, error: RegistryError) -> bool:
        """Ask for half as much; False when the error is of another kind or there is nothing to halve."""
        refused = error.status == 400
        if self.size <= SMALLEST_PAGE or not (refused or isinstance(error, Unavailable | UntrustedAnswer)):
            return False
        self.size = max(SMALLEST_PAGE, self.size // 2)
        if refused:
            self._largest = self.size
        return True

    def grow(self) -> None:
        """Ask for twice as much next time, up to the largest that was never refused."""
        self.size = min(self._largest, self.size * 2)


class AcrListing:
    """Implements ports.Listing over the attribute API; every call has background priority."""

    def __init__(self, login_server: LoginServer, *, channel: Channel) -> None:
        self.login_server = login_server
        self._channel = channel
        self._sizes = {"_catalog": PageSize(), "_tags": PageSize(), "_manifests": PageSize()}

    async def repositories(self, after: str) -> Page[Repository]:
        """List the names of repositories behind one, in order; needs the permission to list the catalog."""
        return await self._page(
            "_catalog", None, after, lambda call, answer: [(name, name) for name in listed_repositories(call, answer)]
        )

    async def repository(self, repository: Repository) -> ListedRepository:
        """Read a repository's own attributes and counts."""
        call = self._call("read repository", repository, f"/acr/v1/{quote(repository, safe='')}")
        return listed_repository(call, await self._channel.send(call), self.login_server, repository)

    async def tags(self, repository: Repository, after: str) -> Page[ListedTag]:
        """List the tags of a repository behind one, by name."""
        return await self._page(
            "_tags",
            repository,
            after,
            lambda call, answer: [(tag.name, tag) for tag in listed_tags(call, answer, repository)],
        )

    async def manifests(self, repository: Repository, after: str) -> Page[ListedManifest]:
        """List the manifests of a repository behind one, by digest."""
        return await self._page(
            "_manifests",
            repository,
            after,
            lambda call, answer: [(each.digest, each) for each in listed_manifests(call, answer, repository)],
        )

    async def _page[T](
        self,
        noun: str,
        repository: Repository | None,
        after: str,
        read: Callable[[Call, Answer], list[tuple[str, T]]],
    ) -> Page[T]:
        size = self._sizes[noun]
        for attempt in range(HALVINGS + 1):
            call = self._call(f"list {noun[1:]}", repository, _path(noun, repository, size.size, after))
            try:
                answer = await self._channel.send(call)
                named = read(call, answer)
                following = _following(call, answer, named[-1][0] if named else "", after)
            except RegistryError as error:
                if attempt == HALVINGS or not size.shrink(error):
                    raise
                continue
            size.grow()
            return Page(tuple(item for _, item in named), following)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _call(self, operation: str, repository: Repository | None, path: str) -> Call:
        return Call(
            method="GET",
            path=path,
            operation=operation,
            target=f"{self.login_server}/{repository}" if repository is not None else self.login_server,
            category=Category.READ,
            need=Need(repository=repository, action=Action.METADATA_READ)
            if repository is not None
            else Need(repository=Repository(CATALOG), action=Action.CATALOG),
            priority=Priority.BACKGROUND,
        )


def _path(noun: str, repository: Repository | None, size: int, after: str) -> str:
    parts = ["/acr/v1", *([quote(repository, safe="")] if repository is not None else []), noun]
    query = urlencode({"last": after, "n": size} if after else {"n": size})
    return f"{'/'.join(parts)}?{query}"


def _following(call: Call, answer: Answer, last: str, after: str) -> str | None:
    """Return where to go on: behind the last entry that was seen, so that a Link can neither skip nor go back.

    Only a page without any entry is believed where it points, and only to somewhere else than it was asked for.
    """
    path = next_path(call, answer)
    if path is None or last:
        return last if path is not None else None
    named = parse_qs(path.partition("?")[2]).get("last", [""])[0]
    if not named or named == after:
        raise untrusted(call, f"an empty page with a next one behind {named!r}, expected progress")
    return named
