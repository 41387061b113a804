"""What a registry answered about a tag, a manifest or a repository, and the update that can be asked of it."""

from datetime import datetime

import msgspec

from taglock.domain.attributes import Off
from taglock.domain.reference import Digest, Tag, Target


class TagState(msgspec.Struct, frozen=True, kw_only=True):
    """A tag as the registry answered it: where it points and which attributes are off."""

    target: Target
    digest: Digest
    off: Off
    updated_at: datetime
    """When the tag last moved; attribute updates do not change it (recorded by the Azure SDK for .NET)."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """One child of an index as the registry or the manifest itself names it."""

    digest: Digest
    media_type: str | None = None
    """None when the source does not tell (the attribute API names only digest, architecture and os)."""
    has_platform: bool = False
    """A child with an operating system is an image, never an index."""


class ManifestState(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest as the registry answered it."""

    target: Target
    digest: Digest
    media_type: str
    off: Off
    created_at: datetime
    artifact_type: str | None = None
    """The media type of its configuration (`configMediaType`), '' when the registry names none."""
    references: tuple[Reference, ...] | None = None
    """Children; None when the answer had no `references` at all, which never means childless."""
    tags: tuple[Tag, ...] = ()


class RepositoryState(msgspec.Struct, frozen=True, kw_only=True):
    """A repository's own attributes."""

    target: Target
    off: Off


class ManifestContent(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a manifest's content that locking needs; the content was verified against its digest."""

    digest: Digest
    media_type: str
    artifact_type: str
    references: tuple[Reference, ...]
    subject: Digest | None


class AttributeUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One partial update of changeable attributes; an automatic trigger only ever fills `off`."""

    target: Target
    off: Off = frozenset()
    on: Off = frozenset()
