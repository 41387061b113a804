"""What the doctor asks, as narrow protocols, bundled once by the composition root."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from taglock.domain.doctor_app import HttpAuthorisation, TopicResource
from taglock.domain.doctor_permissions import Granted
from taglock.domain.doctor_surroundings import (
    RegistryResource,
    RegistryTask,
    Replication,
    ResourceLock,
    RoleAssignment,
)
from taglock.domain.reference import LoginServer, Repository
from taglock.enforcement.context import Enforcement
from taglock.ports import Listing


class GrantSource(Protocol):
    """A registry that tells what the app's identity may do. Raises RegistryError when it has no usable answer."""

    async def granted(self, repositories: Sequence[Repository]) -> Granted:
        """Return what fresh tokens grant; the repositories count where rights are granted one by one."""


class Surroundings(Protocol):
    """What Azure Resource Manager tells of registries and topics; it only reads. Raises ArmError."""

    async def registries(self, subscription: str) -> Sequence[RegistryResource]:
        """List the registries of a subscription."""

    async def topics(self, subscription: str) -> Sequence[TopicResource]:
        """List the custom topics of a subscription."""

    async def soft_delete_days(self, registry: RegistryResource) -> int | None:
        """Read for how many days deleted images are kept, None when soft delete is off."""

    async def tasks(self, registry: RegistryResource) -> Sequence[RegistryTask]:
        """List a registry's tasks."""

    async def replications(self, registry: RegistryResource) -> Sequence[Replication]:
        """List the regions of a registry."""

    async def role_assignments(self, registry: RegistryResource) -> Sequence[RoleAssignment]:
        """List the role assignments at a registry and above it."""

    async def locks(self, registry: RegistryResource) -> Sequence[ResourceLock]:
        """List the resource locks on a registry and on its resource group."""


class DoctorLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long it may take; times in seconds."""

    check_seconds: float = 15.0
    total_seconds: float = 60.0
    """A check that is not made by then is unknown; the front end of Azure Functions waits 230 seconds."""
    at_once: int = 16
    repositories: int = 10
    """Repositories whose rights are asked for where they are granted one by one: one token request takes ten."""


class Doctoring(msgspec.Struct, frozen=True, kw_only=True):
    """The ports and settings that the doctor looks at."""

    app: Enforcement
    grants: Callable[[LoginServer], GrantSource]
    listings: Callable[[LoginServer], Listing]
    surroundings: Surroundings
    reach_topic: Callable[[str], Awaitable[None]]
    """Connect to an endpoint and hang up; raises PublishFailed when it cannot be reached."""
    rules_changed_at: Callable[[], datetime | None]
    ledger: str
    """The URL of a table service, or the path of a file."""
    topic: str | None
    audit_schedule: str
    registry_tier: str
    http: HttpAuthorisation
    limits: DoctorLimits = DoctorLimits()
