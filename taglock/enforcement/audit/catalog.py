"""The repositories of a registry in order: those that its catalog lists, and those that the ledger knows besides."""

from collections.abc import AsyncIterator

import msgspec

from taglock.domain.audit.rows import repositories_partition
from taglock.domain.reference import LoginServer, Repository
from taglock.enforcement.audit.asking import Asker
from taglock.enforcement.audit.context import Auditing
from taglock.errors import UntrustedAnswer

PAGE = 1000


class Named(msgspec.Struct, frozen=True):
    """A repository and whether the catalog lists it."""

    name: Repository
    listed: bool
    in_order: bool = True
    """False when it does not come behind the one before, so that it may have come already."""


async def repositories(auditing: Auditing, registry: LoginServer, asker: Asker, *, after: str) -> AsyncIterator[Named]:
    """Yield the repositories behind a name; a catalog that goes round in circles raises UntrustedAnswer."""
    known = _Known(auditing, registry, after)
    previous = after
    async for name in _listed(auditing, registry, asker, after):
        in_order = name > previous
        if in_order:
            for unlisted in await known.until(name):
                yield Named(unlisted, listed=False)
            previous = name
        yield Named(name, listed=True, in_order=in_order)
    for unlisted in await known.until("\U0010ffff"):
        yield Named(unlisted, listed=False)


async def _listed(auditing: Auditing, registry: LoginServer, asker: Asker, after: str) -> AsyncIterator[Repository]:
    listing, passed = auditing.listings(registry), set[str]()
    while True:
        at = after
        page = await asker.ask(lambda: listing.repositories(at))  # noqa: B023  # awaited before `at` changes
        for name in page.items:
            yield name
        if page.following is None:
            return
        if page.following in passed:
            reason = f"the catalog goes round in circles at {page.following!r}, expected a last page"
            raise UntrustedAnswer(reason, operation="list catalog", target=registry)
        passed.add(page.following)
        after = page.following


class _Known:
    """Repositories of the ledger that the catalog has not listed yet."""

    def __init__(self, auditing: Auditing, registry: LoginServer, after: str) -> None:
        self._rows = auditing.app.rows
        self._partition = repositories_partition(registry)
        self._start = after + "\0" if after else ""
        self._waiting: list[Repository] = []
        self._ended = False

    async def until(self, name: str) -> list[Repository]:
        """Return the known ones before a name that is listed; the name itself is forgotten."""
        passed: list[Repository] = []
        while True:
            while self._waiting and self._waiting[-1] < name:
                passed.append(self._waiting.pop())
            if self._waiting or self._ended:
                break
            await self._read_on()
        if self._waiting and self._waiting[-1] == name:
            self._waiting.pop()
        return passed

    async def _read_on(self) -> None:
        rows = await self._rows.scan(self._partition, start=self._start, limit=PAGE)
        self._waiting = [Repository(row.key.key) for row in reversed(rows)]
        self._ended = len(rows) < PAGE
        if rows:
            self._start = rows[-1].key.key + "\0"
