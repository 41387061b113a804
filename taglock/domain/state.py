"""What a registry answered about a tag, a manifest or a repository, and the update that can be asked of it."""

from dataclasses import dataclass
from datetime import datetime

from taglock.domain.attributes import Off
from taglock.domain.reference import Digest, Tag, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class TagState:
    """A tag as the registry answered it: where it points and which attributes are off."""

    target: Target
    digest: Digest
    off: Off
    updated_at: datetime
    """When the tag last moved; attribute updates do not change it (recorded by the Azure SDK for .NET)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One child of an index as the registry or the manifest itself names it."""

    digest: Digest
    media_type: str | None = None
    """None when the source does not tell (the attribute API names only digest, architecture and os)."""
    has_platform: bool = False
    """A child with an operating system is an image, never an index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestState:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryState:
    """A repository's own attributes."""

    target: Target
    off: Off


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestContent:
    """The parts of a manifest's content that locking needs; the content was verified against its digest."""

    digest: Digest
    media_type: str
    artifact_type: str
    references: tuple[Reference, ...]
    subject: Digest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeUpdate:
    """One partial update of changeable attributes; an automatic trigger only ever fills `off`."""

    target: Target
    off: Off = frozenset()
    on: Off = frozenset()
