"""What the app needs from outside, as narrow protocols; adapters implement them, handlers see only these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from taglock.domain.attributes import Off
from taglock.domain.reference import Digest, LoginServer, Repository, Tag, Target


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


class Registry(Protocol):
    """One registry (login server). Every method raises RegistryError (taglock.errors) when it has no usable answer."""

    async def tag(self, repository: Repository, tag: Tag) -> TagState:
        """Read a tag's attributes."""

    async def manifest(self, repository: Repository, digest: Digest) -> ManifestState:
        """Read a manifest's attributes."""

    async def repository(self, repository: Repository) -> RepositoryState:
        """Read a repository's own attributes."""

    async def update_tag(self, update: AttributeUpdate) -> TagState:
        """Update a tag's attributes; the answer is the full object and so the proof."""

    async def update_manifest(self, update: AttributeUpdate) -> ManifestState:
        """Update a manifest's attributes; the answer is the full object and so the proof."""

    async def update_repository(self, update: AttributeUpdate) -> RepositoryState:
        """Update a repository's own attributes; the answer is the full object and so the proof."""

    async def content(self, repository: Repository, digest: Digest) -> ManifestContent:
        """Read a manifest's content; needs the permission to pull."""


class Registries(Protocol):
    """The registries of the allow-list, each opened once per process."""

    def __call__(self, login_server: LoginServer) -> Registry:
        """Return the registry; the login server must be one of the allow-list."""


@dataclass(frozen=True, slots=True)
class RowKey:
    """Where a row lives: rows of one partition are stored together and ordered by key."""

    partition: str
    key: str


@dataclass(frozen=True, slots=True)
class Row:
    """A stored row; `version` is opaque and changes with every write."""

    key: RowKey
    version: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Insert:
    """Store a row unless one is there already."""

    key: RowKey
    body: bytes


@dataclass(frozen=True, slots=True)
class Upsert:
    """Store a row whatever was there."""

    key: RowKey
    body: bytes


@dataclass(frozen=True, slots=True)
class Replace:
    """Store a row only over the version that was read; LedgerConflict otherwise."""

    key: RowKey
    body: bytes
    version: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row if it is there; with a version, only that version (LedgerConflict otherwise)."""

    key: RowKey
    version: str | None = None


Change = Insert | Upsert | Replace | Delete


class RowStore(Protocol):
    """Versioned rows in ordered partitions: the storage under the ledger. Raises LedgerError when it cannot answer."""

    async def read(self, keys: Sequence[RowKey]) -> Sequence[Row | None]:
        """Read rows by key, in the order asked, None where there is none."""

    async def scan(
        self, partition: str, *, start: str = "", end: str = "\U0010ffff", limit: int = 1000
    ) -> Sequence[Row]:
        """Read rows of one partition with start <= key < end, in key order."""

    async def write(self, changes: Sequence[Change]) -> None:
        """Make the changes in the order given; all or nothing within a partition.

        After a crash a later partition may be missing, so callers order their changes such that repeating the work
        completes them.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundEvent:
    """A CloudEvents 1.0 event to publish; `id` is derived, so publishing twice is recognisable."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    body: Mapping[str, object]


class Publisher(Protocol):
    """The outbound topic."""

    async def publish(self, events: Sequence[OutboundEvent]) -> None:
        """Publish all events or raise PublishFailed."""


class Clock(Protocol):
    """The present, so that tests can set it."""

    def now(self) -> datetime:
        """Return the present as an aware UTC time."""
