"""The resource types that are served, and the api-versions of each.

Source: the folders of https://github.com/Azure/azure-rest-api-specs (specification/app, specification/web,
specification/containerinstance, specification/containerregistry, specification/eventgrid, specification/authorization,
specification/resources), and the lists that Resource Manager prints when it refuses
a version, for instance Azure/azure-quickstart-templates pull request 14551 and Azure/azure-rest-api-specs issue 11634.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from localcloud.arm.address import EXTENDING

_APP = (
    *("2022-03-01", "2022-06-01-preview", "2022-10-01", "2022-11-01-preview", "2023-04-01-preview", "2023-05-01"),
    *("2023-05-02-preview", "2023-08-01-preview", "2023-11-02-preview", "2024-02-02-preview", "2024-03-01"),
    *("2024-08-02-preview", "2024-10-02-preview", "2025-01-01", "2025-02-02-preview", "2025-07-01"),
    "2025-10-02-preview",
)
_JOBS = tuple(version for version in _APP if version >= "2022-11")
_WEB = (
    *("2015-08-01", "2016-08-01", "2018-02-01", "2018-11-01", "2019-08-01", "2020-06-01", "2020-09-01", "2020-10-01"),
    *("2020-12-01", "2021-01-01", "2021-01-15", "2021-02-01", "2021-03-01", "2022-03-01", "2022-09-01", "2023-01-01"),
    *("2023-12-01", "2024-04-01", "2024-11-01", "2025-03-01"),
)
_SITE_CONTAINERS = tuple(version for version in _WEB if version >= "2023-12")
_INSTANCES = (
    *("2017-08-01-preview", "2017-10-01-preview", "2017-12-01-preview", "2018-02-01-preview", "2018-04-01"),
    *("2018-06-01", "2018-07-01", "2018-09-01", "2018-10-01", "2019-12-01", "2020-11-01", "2021-03-01", "2021-07-01"),
    *("2021-09-01", "2021-10-01", "2022-09-01", "2022-10-01-preview", "2023-05-01", "2024-05-01-preview"),
    *("2024-09-01-preview", "2024-10-01-preview", "2024-11-01-preview", "2025-09-01"),
)
_REGISTRIES = (
    *("2017-10-01", "2019-05-01", "2020-11-01-preview", "2021-06-01-preview", "2021-08-01-preview", "2021-09-01"),
    *("2021-12-01-preview", "2022-02-01-preview", "2022-12-01", "2023-01-01-preview", "2023-06-01-preview"),
    *("2023-07-01", "2023-08-01-preview", "2023-11-01-preview", "2024-11-01-preview", "2025-03-01-preview"),
    *("2025-04-01", "2025-05-01-preview", "2025-11-01"),
)
SOFT_DELETE_VERSIONS = frozenset(
    {
        *("2022-02-01-preview", "2023-01-01-preview", "2023-06-01-preview", "2023-08-01-preview"),
        "2023-11-01-preview",
    }
)
"""Soft delete is a preview: no stable version, and no later preview in the public specifications, tells of it
(https://learn.microsoft.com/azure/templates/microsoft.containerregistry/registries, by version)."""
_TASKS = ("2018-09-01", "2019-04-01", "2019-06-01-preview", "2025-03-01-preview")
_TOPICS = ("2019-01-01", "2019-06-01", "2020-06-01", "2021-12-01", "2022-06-15", "2023-12-15-preview", "2025-02-15")
_ROLE_ASSIGNMENTS = ("2015-07-01", "2018-01-01-preview", "2020-04-01-preview", "2022-04-01")
_LOCKS = ("2015-01-01", "2016-09-01", "2017-04-01", "2020-05-01")
SUBSCRIPTION_VERSIONS = (
    *("2014-04-01", "2015-11-01", "2016-06-01", "2018-06-01", "2019-06-01", "2019-11-01", "2020-01-01", "2021-01-01"),
    "2022-12-01",
)


class Origin(StrEnum):
    """How a resource comes to be: written by a client, or made by its resource provider."""

    WRITTEN = "written"
    MADE = "made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One resource type as Azure spells it."""

    type: str
    versions: tuple[str, ...]
    origin: Origin = Origin.WRITTEN

    @property
    def extends(self) -> bool:
        """Whether resources of the type belong to any other resource, to a group or to a subscription."""
        return self.namespace.lower() == EXTENDING

    @property
    def namespace(self) -> str:
        """The resource provider."""
        return self.type.partition("/")[0]

    @property
    def segments(self) -> tuple[str, ...]:
        """The type without its namespace, part by part."""
        return tuple(self.type.split("/")[1:])

    @property
    def is_top_level(self) -> bool:
        """Whether a whole subscription can be asked for resources of the type."""
        return len(self.segments) == 1


REGISTRY = "Microsoft.ContainerRegistry/registries"
TOPIC = "Microsoft.EventGrid/topics"
ROLE_ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
LOCK = "Microsoft.Authorization/locks"
CONTAINER_APP = "Microsoft.App/containerApps"
REVISION = "Microsoft.App/containerApps/revisions"
JOB = "Microsoft.App/jobs"
SITE = "Microsoft.Web/sites"
SLOT = "Microsoft.Web/sites/slots"
CONTAINER_GROUP = "Microsoft.ContainerInstance/containerGroups"

KINDS: Mapping[str, Kind] = {
    kind.type.lower(): kind
    for kind in (
        Kind(type=CONTAINER_APP, versions=_APP),
        Kind(type=REVISION, versions=_APP, origin=Origin.MADE),
        Kind(type=JOB, versions=_JOBS),
        Kind(type=SITE, versions=_WEB),
        Kind(type=SLOT, versions=_WEB),
        Kind(type=f"{SITE}/config", versions=_WEB),
        Kind(type=f"{SLOT}/config", versions=_WEB),
        Kind(type=f"{SITE}/sitecontainers", versions=_SITE_CONTAINERS),
        Kind(type=f"{SLOT}/sitecontainers", versions=_SITE_CONTAINERS),
        Kind(type=CONTAINER_GROUP, versions=_INSTANCES),
        Kind(type=REGISTRY, versions=_REGISTRIES),
        Kind(type=f"{REGISTRY}/replications", versions=_REGISTRIES),
        Kind(type=f"{REGISTRY}/tasks", versions=_TASKS),
        Kind(type=TOPIC, versions=_TOPICS),
        Kind(type=ROLE_ASSIGNMENT, versions=_ROLE_ASSIGNMENTS),
        Kind(type=LOCK, versions=_LOCKS),
    )
}
NAMESPACES = frozenset(kind.namespace.lower() for kind in KINDS.values())


def kind_of(type_: str) -> Kind | None:
    """Return the type however it is spelled, or None when it is not served."""
    return KINDS.get(type_.lower())
