"""Azure Resource Manager: what surrounds registries. GET only, apart from what tells which images run."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from taglock.adapters.arm_answer import has_no_such_type
from taglock.adapters.arm_call import ArmCall, ArmOptions, arm_host
from taglock.adapters.arm_channel import ArmChannel
from taglock.adapters.arm_source import ArmSource, Body
from taglock.domain.arm_body import Part
from taglock.domain.doctor_app import TopicResource
from taglock.domain.doctor_surroundings import (
    RegistryResource,
    RegistryTask,
    Replication,
    ResourceLock,
    RoleAssignment,
    task_text,
)
from taglock.domain.reference import LoginServer
from taglock.errors import ArmError

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "registries": "2025-11-01",
        "replications": "2025-11-01",
        "soft-delete": "2023-11-01-preview",
        "tasks": "2019-04-01",
        "roleAssignments": "2022-04-01",
        "locks": "2016-09-01",
        "topics": "2025-02-15",
    }
)
"""Sources, folders of https://github.com/Azure/azure-rest-api-specs/tree/main/specification: registries and
replications containerregistry/.../Registry/examples/2025-11-01, tasks .../ContainerRegistryTasks/stable/2019-04-01 (the
last stable one), locks resources/.../Microsoft.Authorization/stable/2016-09-01, topics eventgrid, as in infra.
Soft delete is a preview, so no stable version tells it:
https://learn.microsoft.com/azure/templates/microsoft.containerregistry/2023-11-01-preview/registries. Role assignments:
https://learn.microsoft.com/rest/api/authorization/role-assignments/list-for-scope, whose atScope() means the scope and
all above it."""

AT_SCOPE = "&%24filter=atScope%28%29"
REGISTRIES = "Microsoft.ContainerRegistry/registries"
TOPICS = "Microsoft.EventGrid/topics"
DEFAULT_OPTIONS = ArmOptions()
_REGISTRY_ID = re.compile(
    r"(/subscriptions/[0-9a-f-]{36}/resourcegroups/[\w().-]{1,90})"
    r"/providers/microsoft\.containerregistry/registries/[0-9a-z]{5,50}",
    re.IGNORECASE,
)


def open_surroundings(
    endpoint: str, *, credential: "AsyncTokenCredential", options: ArmOptions = DEFAULT_OPTIONS
) -> "ArmSurroundings":
    """Return the reader of an endpoint such as https://management.azure.com, without any network.

    The caller closes it, and owns the credential. Raises InvalidConfiguration unless the endpoint is https.
    """
    return ArmSurroundings(ArmChannel(arm_host(endpoint), credential=credential, options=options), options=options)


class ArmSurroundings:
    """Implements the doctor's port Surroundings; every method raises ArmError."""

    def __init__(self, channel: ArmChannel, *, options: ArmOptions) -> None:
        self._channel = channel
        self._source = ArmSource(channel, maximum_pages=options.maximum_pages)

    async def aclose(self) -> None:
        """Close every connection; the reader opens again when it is used again."""
        await self._channel.aclose()

    async def registries(self, subscription: str) -> list[RegistryResource]:
        """List the registries of a subscription, none where the provider was never registered."""
        bodies = await self._of_subscription(subscription, REGISTRIES, "registries")
        return [_registry(Part(value=body, path="$", target=f"/subscriptions/{subscription}")) for body in bodies]

    async def topics(self, subscription: str) -> list[TopicResource]:
        """List the custom topics of a subscription, none where the provider was never registered."""
        bodies = await self._of_subscription(subscription, TOPICS, "topics")
        parts = [_properties(body, f"/subscriptions/{subscription}") for body in bodies]
        return [
            TopicResource(endpoint=part.part("endpoint").text(), input_schema=part.part("inputSchema").text())
            for part in parts
        ]

    async def soft_delete_days(self, registry: RegistryResource) -> int | None:
        """Read for how many days deleted images are kept, None when soft delete is off."""
        call = _call(registry, "", "soft-delete")
        policy = _properties(await self._channel.get(call), registry.id).part("policies").part("softDeletePolicy")
        return _number(policy.part("retentionDays")) if _is_on(policy) else None

    async def tasks(self, registry: RegistryResource) -> list[RegistryTask]:
        """List a registry's tasks; what one runs is told for encoded tasks and for builds of images."""
        return [_task(body, registry.id) for body in await self._children(registry, "/tasks", "tasks")]

    async def replications(self, registry: RegistryResource) -> list[Replication]:
        """List the regions of a registry; a registry that is not replicated may list none."""
        bodies = await self._children(registry, "/replications", "replications")
        return [Replication(location=_part(body, registry.id).part("location").text()) for body in bodies]

    async def role_assignments(self, registry: RegistryResource) -> list[RoleAssignment]:
        """List the role assignments at a registry and above it."""
        path = "/providers/Microsoft.Authorization/roleAssignments"
        bodies = await self._children(registry, path, "roleAssignments", query=AT_SCOPE)
        return [_assignment(_properties(body, registry.id)) for body in bodies]

    async def locks(self, registry: RegistryResource) -> list[ResourceLock]:
        """List the resource locks on a registry and on its resource group, which it inherits.

        The list of a group holds the locks of everything in it too; those of others are left out.
        """
        group = _group(registry)
        call = _call(registry, "", "locks", path=f"{group}/providers/Microsoft.Authorization/locks")
        found: list[ResourceLock] = []
        for body in await self._listed(call):
            scope = _part(body, registry.id).part("id").text().lower().partition("/providers/microsoft.authorization/")
            if scope[0] in (registry.id.lower(), group.lower()):
                found.append(_lock(body, registry.id, on_group=scope[0] == group.lower()))
        return found

    async def _of_subscription(self, subscription: str, kind: str, version: str) -> list[Body]:
        path = f"/subscriptions/{quote(subscription, safe='')}/providers/{kind}?api-version={VERSIONS[version]}"
        target = f"/subscriptions/{subscription}"
        call = ArmCall(path=path, operation=f"list {kind} in", target=target, subscription=subscription)
        return [body async for page in self._source.pages(call, nothing=has_no_such_type) for body in page]

    async def _children(self, registry: RegistryResource, child: str, version: str, *, query: str = "") -> list[Body]:
        call = _call(registry, f"list {version} of", version, path=f"{registry.id}{child}", query=query)
        return await self._listed(call)

    async def _listed(self, call: ArmCall) -> list[Body]:
        return [body async for page in self._source.pages(call, nothing=_never) for body in page]


def _never(_error: ArmError) -> bool:
    """Tell that no error means an empty list."""
    return False


def _call(registry: RegistryResource, operation: str, version: str, *, path: str = "", query: str = "") -> ArmCall:
    return ArmCall(
        path=f"{quote(path or registry.id)}?api-version={VERSIONS[version]}{query}",
        operation=operation or f"read {version} of",
        target=registry.id,
        subscription=registry.id.split("/")[2].lower(),
    )


def _registry(body: Part) -> RegistryResource:
    properties, policies = body.part("properties"), body.part("properties").part("policies")
    retention = policies.part("retentionPolicy")
    if not _REGISTRY_ID.fullmatch(body.part("id").text()):
        raise body.part("id").unreadable("the id of a registry")
    return RegistryResource(
        id=body.part("id").text(),
        login_server=LoginServer(properties.part("loginServer").text().lower()),
        tier=body.part("sku").part("name").text(),
        role_assignment_mode=properties.part("roleAssignmentMode").text(),
        admin_user=properties.part("adminUserEnabled").value is True,
        anonymous_pull=properties.part("anonymousPullEnabled").value is True,
        retention_days=_number(retention.part("days")) if _is_on(retention) else None,
        quarantine=_is_on(policies.part("quarantinePolicy")),
        export=policies.part("exportPolicy").part("status").text().lower() != "disabled",
    )


def _task(body: Mapping[str, Any], target: str) -> RegistryTask:
    properties = _properties(body, target)
    step = properties.part("step")
    kind = step.part("type").text().lower()
    text = "" if kind == "docker" else None  # a build pushes, and purges nothing
    if kind == "encodedtask":
        text = task_text(step.part("encodedTaskContent").value, step.part("encodedValuesContent").value)
    name = _part(body, target).part("name").text()
    return RegistryTask(name=name, enabled=properties.part("status").text().lower() != "disabled", text=text)


def _assignment(properties: Part) -> RoleAssignment:
    return RoleAssignment(
        principal=properties.part("principalId").text(),
        principal_type=properties.part("principalType").text(),
        role=properties.part("roleDefinitionId").text().rpartition("/")[2].lower(),
        conditioned=bool(properties.part("condition").text()),
    )


def _lock(body: Mapping[str, Any], target: str, *, on_group: bool) -> ResourceLock:
    level = _properties(body, target).part("level").text()
    return ResourceLock(name=_part(body, target).part("name").text(), level=level, on_group=on_group)


def _group(registry: RegistryResource) -> str:
    found = _REGISTRY_ID.fullmatch(registry.id)
    assert found is not None  # it was checked when it was read
    return found[1]


def _is_on(policy: Part) -> bool:
    return policy.part("status").text().lower() == "enabled"


def _number(part: Part) -> int:
    return part.value if isinstance(part.value, int) else 0


def _properties(body: Mapping[str, Any], target: str) -> Part:
    return _part(body, target).part("properties")


def _part(body: Mapping[str, Any], target: str) -> Part:
    return Part(value=body, path="$", target=target)
