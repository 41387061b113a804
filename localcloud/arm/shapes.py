"""What answers show of a stored resource: never a secret's value, and of a site only an empty configuration.

Sources in Azure/azure-rest-api-specs: specification/app (ContainerApps_Get.json, Revisions_Get.json,
Jobs_ListByResourceGroup.json of 2025-07-01), specification/web (GetWebApp.json, GetSiteConfig.json of 2024-04-01),
specification/containerregistry (TasksList.json of 2019-04-01, RegistryList.json of 2025-11-01),
specification/containerinstance (ContainerGroupsGet_Succeeded.json, ContainerGroupsList.json of 2025-09-01).
"""

from collections.abc import Mapping
from copy import deepcopy
from enum import StrEnum
from typing import Any

from localcloud.arm.kinds import CONTAINER_APP, CONTAINER_GROUP, JOB, REGISTRY, SITE, SLOT

type Body = dict[str, Any]

SITE_CONFIG_MEMBERS = (
    *("numberOfWorkers", "defaultDocuments", "netFrameworkVersion", "phpVersion", "pythonVersion", "nodeVersion"),
    *("powerShellVersion", "linuxFxVersion", "windowsFxVersion", "requestTracingEnabled", "httpLoggingEnabled"),
    *("acrUseManagedIdentityCreds", "acrUserManagedIdentityID", "appSettings", "connectionStrings", "appCommandLine"),
    *("virtualApplications", "alwaysOn", "minTlsVersion", "ftpsState", "http20Enabled", "azureStorageAccounts"),
)
DEFAULT_SITE_CONFIG: Mapping[str, Any] = {
    "numberOfWorkers": 1,
    "linuxFxVersion": "",
    "windowsFxVersion": None,
    "acrUseManagedIdentityCreds": False,
    "acrUserManagedIdentityID": None,
    "appCommandLine": "",
    "alwaysOn": False,
    "minTlsVersion": "1.2",
    "ftpsState": "FtpsOnly",
    "http20Enabled": False,
    "azureStorageAccounts": {},
}


class View(StrEnum):
    """Where a resource is shown."""

    ITEM = "item"
    LIST = "list"


def shown(kind: str, stored: Mapping[str, Any], view: View) -> Body:
    """Return a resource as an answer shows it; `kind` is the type as Azure spells it."""
    body: Body = deepcopy(dict(stored))
    properties = body.get("properties")
    if not isinstance(properties, dict):
        return body
    if kind in (CONTAINER_APP, JOB):
        _without(properties.get("configuration"), "secrets", "value")
    elif kind == CONTAINER_GROUP:
        _container_group(properties, view)
    elif kind == f"{REGISTRY}/tasks":
        _task(properties)
    return body


def with_site_config(body: Body, config: Mapping[str, Any] | None, answer: str) -> Body:
    """Return a site with the `siteConfig` that the switch of that name asks for."""
    properties = {name: value for name, value in body.get("properties", {}).items() if name != "siteConfig"}
    if answer == "nulls":
        properties["siteConfig"] = dict.fromkeys(SITE_CONFIG_MEMBERS)
    elif answer == "whole" and config is not None:
        properties["siteConfig"] = deepcopy(config["properties"])
    return {**body, "properties": properties}


def has_site_config(kind: str) -> bool:
    """Return whether a type keeps its configuration in a child of its own."""
    return kind in (SITE, SLOT)


def _container_group(properties: Body, view: View) -> None:
    _without(properties, "imageRegistryCredentials", "password")
    for container in [*_objects(properties, "containers"), *_objects(properties, "initContainers")]:
        inner = container.get("properties")
        _without(inner, "environmentVariables", "secureValue")
        if view is View.LIST and isinstance(inner, dict):
            inner.pop("instanceView", None)
    if view is View.LIST:
        properties.pop("instanceView", None)


def _task(properties: Body) -> None:
    """Leave out the values of a task's secrets, which only listDetails tells."""
    step = properties.get("step")
    for each in [*_objects(step, "arguments"), *_objects(step, "values")]:
        if each.get("isSecret"):
            each.pop("value", None)


def _without(parent: object, name: str, member: str) -> None:
    for each in _objects(parent, name):
        each.pop(member, None)


def _objects(parent: object, name: str) -> list[Body]:
    found = parent.get(name) if isinstance(parent, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
