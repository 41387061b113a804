"""Where Azure Resource Manager keeps the resources that run images: paths and the versions of their interfaces."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from taglock.domain.arm_resource import ResourceId, ResourceKind

API_VERSIONS: Mapping[ResourceKind, str] = MappingProxyType(
    {
        ResourceKind.CONTAINER_APP: "2025-01-01",
        ResourceKind.CONTAINER_APP_JOB: "2025-01-01",
        ResourceKind.SITE: "2024-11-01",
        ResourceKind.SLOT: "2024-11-01",
        ResourceKind.CONTAINER_GROUP: "2023-05-01",
    }
)
"""Stable versions that tell all that is read here; each is a folder of Azure/azure-rest-api-specs:

specification/app/resource-manager/Microsoft.App/ContainerApps/stable/2025-01-01 (ContainerApps, ContainerAppsRevisions,
Jobs), specification/web/resource-manager/Microsoft.Web/AppService/stable/2024-11-01 (WebApps, with `sitecontainers`),
specification/containerinstance/resource-manager/Microsoft.ContainerInstance/ContainerInstance/stable/2023-05-01."""

LISTED_TYPES: Mapping[ResourceKind, str] = MappingProxyType(
    {
        ResourceKind.CONTAINER_APP: "Microsoft.App/containerApps",
        ResourceKind.CONTAINER_APP_JOB: "Microsoft.App/jobs",
        ResourceKind.SITE: "Microsoft.Web/sites",
        ResourceKind.CONTAINER_GROUP: "Microsoft.ContainerInstance/containerGroups",
    }
)
"""The types that a subscription lists; slots are listed by their site."""


def resource_path(resource: ResourceId, child: str = "") -> str:
    """Return the path of a resource, or of a child such as `/config/web`, with the version in its query."""
    return f"{quote(str(resource))}{child}?api-version={API_VERSIONS[resource.kind]}"


def list_path(subscription: str, kind: ResourceKind) -> str:
    """Return the path of all resources of a type in a subscription."""
    return (
        f"/subscriptions/{quote(subscription, safe='')}/providers/{LISTED_TYPES[kind]}?api-version={API_VERSIONS[kind]}"
    )
