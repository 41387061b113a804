"""What a registry's listings say, in a compact form: a million of these are looked at, one page at a time."""

from datetime import datetime

import msgspec

from taglock.domain.attributes import Attribute, Off
from taglock.domain.reference import Digest, Repository, Tag


class ListedTag(msgspec.Struct, frozen=True, gc=False):
    """A tag as a listing shows it."""

    name: Tag
    digest: Digest
    off: Off
    updated_at: datetime
    """When it last moved; attribute updates do not change it."""


class ListedManifest(msgspec.Struct, frozen=True, gc=False):
    """A manifest as a listing shows it: with the tags that name it, without its children."""

    digest: Digest
    media_type: str
    artifact_type: str
    off: Off
    created_at: datetime
    tags: tuple[Tag, ...]


class ListedRepository(msgspec.Struct, frozen=True):
    """A repository's own attributes and counts."""

    name: Repository
    off: Off
    manifests: int | None
    """None when the registry does not count."""
    tags: int | None


class Page[T](msgspec.Struct, frozen=True):
    """One page of a listing; `following` is where the next one starts, None when the registry names none."""

    items: tuple[T, ...]
    following: str | None


SETS: tuple[Off, ...] = tuple(
    frozenset(attribute for place, attribute in enumerate(Attribute) if number >> place & 1)
    for number in range(1 << len(Attribute))
)
"""Every set of attributes once: a million objects share sixteen sets. The number's bits follow Attribute's order."""

NUMBERS: dict[Off, int] = {off: number for number, off in enumerate(SETS)}
