"""Find what a person names: a registry of the allow-list, the image or repository as it is, and the marks on it."""

import asyncio
from collections.abc import Awaitable, Sequence
from copy import replace

import msgspec

from taglock.domain.acts.act import Place
from taglock.domain.acts.marks import Marks
from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.reference import Digest, Target
from taglock.domain.row import Change
from taglock.enforcement.acts.storing import Held, held_marks
from taglock.enforcement.acts.survey import Root, expect_within, survey_root
from taglock.enforcement.acts.tightening import Tightening
from taglock.enforcement.context import Enforcement
from taglock.errors import InvalidRequest, Unavailable


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was named, as the registry and the ledger showed it; the marks were read first."""

    place: Place
    """Pinned to the digest."""
    held: Held
    root: Root | None = None
    """None for a whole repository."""
    off: Off = NOTHING_OFF
    """Of a whole repository."""

    @property
    def children(self) -> Sequence[Digest]:
        """What the root names."""
        return self.root.manifest.children or () if self.root is not None else ()

    def marks_of(self, target: Target) -> Marks | None:
        """Return the marks of a target, None when there are none."""
        found = self.held.get(target)
        return found.marks if found is not None else None

    async def begin(self, passed: Tightening, first: tuple[Change, ...]) -> None:
        """Store the intent of a pass over it."""
        if self.root is None:
            await passed.begin_repository(self.place, self.off, self.held, first)
        else:
            await passed.begin(self.root, self.held, first)


async def find(app: Enforcement, place: Place) -> Found:
    """Read what was named; raises InvalidRequest for a registry that is not on the allow-list, ActRefused for a closure
    beyond the limit or a tag that points elsewhere than was said, RegistryError and LedgerError."""
    expect_allowed(app, place)
    registry = app.registries(place.registry)
    held = await held_marks(app.rows, place.registry, place.repository)
    if place.whole_repository:
        return Found(place=place, held=held, off=(await registry.repository(place.repository)).off)
    root = await survey_root(registry, place)
    expect_within(app.limits.closure, 1 + len(root.manifest.children or ()), place.repository)
    return Found(place=replace(place, digest=root.manifest.digest), held=held, root=root)


def expect_allowed(app: Enforcement, place: Place) -> None:
    """Raise InvalidRequest unless the registry is one of the allow-list."""
    if place.registry not in app.known_registries.values():
        raise InvalidRequest.at("registry", place.registry, "a registry of TAGLOCK_REGISTRIES")


async def within[T](deadline: float, work: Awaitable[T]) -> T:
    """Return what work returns; raise Unavailable when the time is used up, nothing having been changed."""
    try:
        async with asyncio.timeout_at(deadline):
            return await work
    except TimeoutError:
        raise Unavailable("the time was used up", operation="read", target="what was named") from None
