"""What the app needs from outside, as narrow protocols; adapters implement them, handlers see only these."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from taglock.domain.arm_resource import ArmWorkload, ResourceId
from taglock.domain.listing import ListedManifest, ListedRepository, ListedTag, Page
from taglock.domain.outbound import OutboundEvent
from taglock.domain.reference import Digest, LoginServer, Repository, Tag
from taglock.domain.row import Change, Row, RowKey
from taglock.domain.rule import RuleSet
from taglock.domain.state import AttributeUpdate, ManifestContent, ManifestState, RepositoryState, TagState


class Registry(Protocol):
    """One registry (login server). Every method raises RegistryError (taglock.errors) when it has no usable answer."""

    async def tag(self, repository: Repository, tag: Tag) -> TagState:
        """Read a tag's attributes."""

    async def manifest(self, repository: Repository, digest: Digest) -> ManifestState:
        """Read a manifest's attributes."""

    async def repository(self, repository: Repository) -> RepositoryState:
        """Read a repository's own attributes."""

    async def tags_of(self, repository: Repository, digest: Digest) -> Sequence[TagState]:
        """List the tags that point at a manifest, with their attributes (all pages); hidden tags are not listed."""

    async def update_tag(self, update: AttributeUpdate) -> TagState:
        """Update a tag's attributes; the answer is the full object and so the proof."""

    async def update_manifest(self, update: AttributeUpdate) -> ManifestState:
        """Update a manifest's attributes; the answer is the full object and so the proof."""

    async def update_repository(self, update: AttributeUpdate) -> RepositoryState:
        """Update a repository's own attributes; the answer is the full object and so the proof."""

    async def content(self, repository: Repository, digest: Digest) -> ManifestContent:
        """Read a manifest's content; needs the permission to pull."""

    async def referrers(self, repository: Repository, digest: Digest) -> Sequence[Digest]:
        """List the manifests whose subject is this one (all pages); needs the permission to pull."""


class Listing(Protocol):
    """One registry's listings, page by page; each call waits for those of events. Raises RegistryError."""

    async def repositories(self, after: str) -> Page[Repository]:
        """List the names of repositories behind one, in order; '' for the first page."""

    async def repository(self, repository: Repository) -> ListedRepository:
        """Read a repository's own attributes and counts."""

    async def tags(self, repository: Repository, after: str) -> Page[ListedTag]:
        """List the tags of a repository behind one, by name; '' for the first page."""

    async def manifests(self, repository: Repository, after: str) -> Page[ListedManifest]:
        """List the manifests of a repository behind one, by digest; '' for the first page."""


class Registries(Protocol):
    """The registries of the allow-list, each opened once per process."""

    def __call__(self, login_server: LoginServer) -> Registry:
        """Return the registry; the login server must be one of the allow-list."""


class Arm(Protocol):
    """Azure Resource Manager: what runs where. Every method raises ArmError when it has no usable answer."""

    async def workload(self, resource: ResourceId) -> ArmWorkload | None:
        """Read what a resource runs, None when it is gone."""

    def workloads(self, subscription: str) -> AsyncIterator[ArmWorkload]:
        """Read every resource of a subscription that may run images, page by page."""


class RuleSource(Protocol):
    """Where the rules come from."""

    def __call__(self) -> RuleSet:
        """Return the rules as they are now; raise InvalidConfiguration when they cannot be used."""


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


class Publisher(Protocol):
    """The outbound topic."""

    async def publish(self, events: Sequence[OutboundEvent]) -> None:
        """Publish all events or raise PublishFailed."""


class Clock(Protocol):
    """The present, so that tests can set it."""

    def now(self) -> datetime:
        """Return the present as an aware UTC time."""
