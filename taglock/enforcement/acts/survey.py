"""Read what an act is about from the registry: an image's root with its tags, then what it reaches, level by level."""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from taglock.domain.acts.act import Place
from taglock.domain.closure import is_index
from taglock.domain.reference import Digest, Repository, Tag
from taglock.domain.state import ManifestState, TagState
from taglock.enforcement.side_by_side import all_ended, both_ended
from taglock.errors import ActRefused, NotFound, Refusal, RegistryError
from taglock.ports import Registry

PARALLEL = 32
"""Requests under way at once for one level."""


class Surveyed(msgspec.Struct, frozen=True, kw_only=True):
    """One manifest as it was read."""

    state: ManifestState
    children: tuple[Digest, ...] | None
    """What an index names; None when nobody tells. A manifest that is no index has none."""
    read_from_content: bool = False
    """The attributes did not name them; once read is off, nobody can read the content again."""
    error: RegistryError | None = None
    """Why nobody tells."""

    @property
    def digest(self) -> Digest:
        """The manifest."""
        return self.state.digest


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """One manifest that had no usable answer."""

    digest: Digest
    error: RegistryError


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for: a manifest and the tags that point at it."""

    place: Place
    """Pinned to the digest."""
    manifest: Surveyed
    tags: tuple[TagState, ...]
    """Every tag that points at it, a hidden one too when it was asked for or the manifest names it."""


async def survey_root(registry: Registry, place: Place) -> Root:
    """Read an image: one request for its tag, if it is named by tag, then the manifest and its tags side by side.

    Raises RegistryError, and ActRefused when the tag does not point at the digest that was named with it.
    """
    asked = await _asked_tag(registry, place)
    digest = asked.digest if asked is not None else place.digest
    assert digest is not None  # a whole repository has no root
    manifest, listed = await both_ended(
        survey_manifest(registry, place.repository, digest), registry.tags_of(place.repository, digest)
    )
    tags = {state.target.name: state for state in (*listed, *([asked] if asked is not None else []))}
    hidden = [name for name in manifest.state.tags if name not in tags]
    tags |= {state.target.name: state for state in await tags_named(registry, manifest.state, hidden)}
    pinned = msgspec.structs.replace(place, digest=digest)
    return Root(place=pinned, manifest=manifest, tags=tuple(tags[name] for name in sorted(tags)))


async def _asked_tag(registry: Registry, place: Place) -> TagState | None:
    if place.tag is None:
        return None
    state = await registry.tag(place.repository, place.tag)
    if place.digest not in (None, state.digest):
        reason = f"{place.repository}:{place.tag} points at {state.digest}, expected {place.digest}"
        raise ActRefused(Refusal.DIGEST_DIFFERS, reason, digest=state.digest)
    return state


async def tags_named(registry: Registry, manifest: ManifestState, names: Sequence[Tag]) -> list[TagState]:
    """Read tags that a manifest names by itself; those that are gone or point elsewhere by now are left out."""
    states = await all_ended(_tag_or_gone(registry, manifest, name) for name in names)
    return [state for state in states if state is not None and state.digest == manifest.digest]


async def _tag_or_gone(registry: Registry, manifest: ManifestState, name: Tag) -> TagState | None:
    try:
        return await registry.tag(manifest.target.repository, name)
    except NotFound:
        return None


async def survey_manifest(registry: Registry, repository: Repository, digest: Digest) -> Surveyed:
    """Read a manifest's attributes, and its content when it is an index whose attributes name no children."""
    state = await registry.manifest(repository, digest)
    if not is_index(state.media_type):
        return Surveyed(state=state, children=())
    if state.references is not None:
        return Surveyed(state=state, children=tuple(dict.fromkeys(each.digest for each in state.references)))
    try:
        content = await registry.content(repository, digest)
    except RegistryError as error:
        return Surveyed(state=state, children=None, error=error)
    children = tuple(dict.fromkeys(each.digest for each in content.references))
    return Surveyed(state=state, children=children, read_from_content=True)


async def survey_level(
    registry: Registry, repository: Repository, digests: Iterable[Digest]
) -> list[Surveyed | Unread]:
    """Read manifests side by side; one that cannot be read is told of and keeps no other waiting."""
    places = asyncio.Semaphore(PARALLEL)

    async def one(digest: Digest) -> Surveyed | Unread:
        async with places:
            try:
                return await survey_manifest(registry, repository, digest)
            except RegistryError as error:
                return Unread(digest=digest, error=error)

    return await all_ended(one(digest) for digest in digests)


async def survey_below(
    registry: Registry, repository: Repository, manifests: Sequence[Surveyed], *, seen: set[Digest], limit: int
) -> list[Surveyed | Unread]:
    """Read all that manifests reach, level by level and each once; raises ActRefused beyond the limit.

    `seen` holds what was read before, the manifests themselves included; what is read is added. Nothing was changed
    yet when the limit is exceeded.
    """
    found: list[Surveyed | Unread] = []
    level = list(manifests)
    while following := children_of(level, seen):
        expect_within(limit, len(seen) + len(following), repository)
        seen.update(following)
        read = await survey_level(registry, repository, following)
        found += read
        level = [each for each in read if isinstance(each, Surveyed)]
    return found


def children_of(level: Iterable[Surveyed], seen: set[Digest]) -> list[Digest]:
    """Return what a level names and nobody has seen, each once and in order."""
    named = dict.fromkeys(child for each in level for child in each.children or ())
    return [child for child in named if child not in seen]


def expect_within(limit: int, manifests: int, repository: Repository) -> None:
    """Refuse an act on more manifests than one closure may have."""
    if manifests > limit:
        reason = f"the closure in {repository} has at least {manifests} manifests, expected at most {limit}"
        raise ActRefused(Refusal.LIMIT_EXCEEDED, f"{reason} (TAGLOCK_MAX_CLOSURE)", limit=limit)
