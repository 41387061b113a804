"""Deployments: which workload runs which digest, since when, in which environment, and who said so."""

from datetime import datetime
from enum import StrEnum

import msgspec

from taglock.domain.arm_resource import ResourceId
from taglock.domain.reference import Digest, ImageReference, LoginServer, Repository, Tag


class Source(StrEnum):
    """Who said what a workload runs."""

    ARM = "arm"  # Azure Resource Manager, asked or by an event that carries the resource
    EVENT = "event"  # anybody else's event


class WorkloadDeployed(msgspec.Struct, frozen=True, kw_only=True):
    """A workload now runs exactly these images; none means that it ended."""

    workload: str
    """Its stable key: the id of an Azure resource in lower case, or the text that the event gave."""
    environment: str
    images: tuple[ImageReference, ...]
    source: Source
    event_id: str
    occurred_at: datetime
    deployer: str = ""
    observed: bool = False
    """Whether the workload was only looked at: its tags stay resolved as they were."""


class ResourceChanged(msgspec.Struct, frozen=True, kw_only=True, tag="resource"):
    """Something about an Azure resource changed: what it runs now has to be read."""

    resource: ResourceId
    event_id: str
    occurred_at: datetime


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """One image of a workload."""

    image: ImageReference
    """As the deployment named it."""
    digest: Digest | None
    """Named, or what the tag pointed to when it was resolved; None while that could not be read."""
    since: datetime
    recorded_at: datetime
    """When the ledger recorded it for the event that it was last named by."""
    source: Source
    moved_at: datetime | None = None
    """When its tag last moved, if that was after the deployment: another digest may run."""

    @property
    def by_tag(self) -> bool:
        """Whether the digest is not the deployment's own word."""
        return self.image.digest is None


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What a workload runs as far as is known; kept when it ended, so that a late event cannot bring it back."""

    key: str
    environment: str
    source: Source
    changed_at: datetime
    """When the newest event that counted happened."""
    event_id: str
    recorded_at: datetime
    runs: tuple[Running, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """Images of registries that are not in the allow-list, as seen."""
    deployer: str = ""
    ended_at: datetime | None = None


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One workload running one digest for one span of time: the ledger's history, found by the digest."""

    workload: str
    environment: str
    registry: LoginServer
    repository: Repository
    tag: Tag | None
    digest: Digest | None
    since: datetime
    source: Source
    event_id: str
    ended_at: datetime | None = None


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription whose supported resources were all listed."""

    subscription: str
    listed_at: datetime
    workloads: int


class Answer(StrEnum):
    """Whether anybody runs a digest."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class WhoRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs a digest, and the coverage that the answer rests on. Unknown must be treated as yes."""

    answer: Answer
    reason: str
    deployments: tuple[Deployment, ...] = ()
    coverage: tuple[Coverage, ...] = ()
