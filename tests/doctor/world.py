"""A registry, a Resource Manager, the app's own ports on both, and a doctor that examines them."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcloud.registry.principal import ALL_ACTIONS, Principal
from localcloud.registry.serve import serving
from localcloud.registry.server import Registry as Emulator
from localcloud.tls import Authority
from taglock.adapters.acr_registry import AcrRegistry
from taglock.adapters.arm_call import ArmOptions
from taglock.adapters.arm_surroundings import ArmSurroundings, open_surroundings
from taglock.adapters.topic_connection import reach
from taglock.domain.doctor import Check, CheckState, DoctorReport
from taglock.domain.doctor_app import HttpAuthorisation
from taglock.enforcement.doctor.context import Doctoring
from taglock.enforcement.doctor.examining import examine
from tests.deploying.world import SUBSCRIPTION, Deployed, LocalToken, deployed_world
from tests.pushing.world import opened_registry

LOCKER = frozenset({"metadata_read", "metadata_write", "catalog"})
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/platform"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/contoso"
RULES = """
version = 1
[[rule]]
name = "releases"
repositories = ["prod/**"]
tags = { semver = ">=1.0.0" }

[[example]]
image = "prod/api:1.2.3"
expect = "releases"
"""


@dataclass
class Examined:
    """What is examined, and how."""

    local: Deployed
    emulator: Emulator
    doctoring: Doctoring
    rights: Callable[[Principal], None]

    async def report(self, **changes: Any) -> DoctorReport:
        return await examine(replace(self.doctoring, app=self.local.pushing.app, **changes))

    async def checks(self, **changes: Any) -> Mapping[str, Check]:
        report = await self.report(**changes)
        return {check.name: check for check in report.checks}

    async def states(self, **changes: Any) -> Mapping[str, CheckState]:
        return {name: check.state for name, check in (await self.checks(**changes)).items()}

    def place(self, **properties: Any) -> None:
        """Put the registry's resource there, unless told otherwise with nothing in it that a doctor minds."""
        self.local.arm.place([registry_body(self.emulator.login_server, **properties)])

    @property
    def now(self) -> datetime:
        return self.local.now


def registry_body(login_server: str, *, tier: str = "Premium", **properties: Any) -> dict[str, Any]:
    """Return a registry in the shape of RegistryList.json of 2025-11-01."""
    off = {"status": "disabled"}
    policies = {"quarantinePolicy": off, "retentionPolicy": {"days": 7, **off}, "exportPolicy": {"status": "enabled"}}
    return {
        "id": REGISTRY,
        "location": "westeurope",
        "sku": {"name": tier, "tier": tier},
        "properties": {
            "loginServer": login_server,
            "adminUserEnabled": False,
            "anonymousPullEnabled": False,
            "roleAssignmentMode": "LegacyRegistryPermissions",
            "policies": policies | properties.pop("policies", {}),
            **properties,
        },
    }


def task(name: str, command: str | None, *, status: str = "Enabled") -> dict[str, Any]:
    """Return a task that runs a command; None: one whose file is in a source repository."""
    step: dict[str, Any] = {"type": "FileTask", "taskFilePath": "acb.yaml", "contextPath": "https://github.com/x/y"}
    if command is not None:
        content = b64encode(f"version: v1.1.0\nsteps:\n  - cmd: {command}\n".encode()).decode()
        step = {"type": "EncodedTask", "encodedTaskContent": content}
    return {"id": f"{REGISTRY}/tasks/{name}", "properties": {"status": status, "step": step}}


def assignment(role: str, principal: str, *, scope: str = REGISTRY, **properties: Any) -> dict[str, Any]:
    definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    whole = {"roleDefinitionId": definition, "principalId": principal, "principalType": "User", **properties}
    return {"id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{principal}", "properties": whole}


def lock(name: str, *, scope: str = REGISTRY) -> dict[str, Any]:
    return {"id": f"{scope}/providers/Microsoft.Authorization/locks/{name}", "properties": {"level": "CanNotDelete"}}


def topic(endpoint: str, schema: str) -> dict[str, Any]:
    properties = {"endpoint": endpoint, "inputSchema": schema, "provisioningState": "Succeeded"}
    return {"id": f"{GROUP}/providers/Microsoft.EventGrid/topics/out", "properties": properties}


@asynccontextmanager
async def examined_world(authority: Authority, *, rules: str = RULES) -> AsyncIterator[Examined]:
    async with AsyncExitStack() as stack:
        local = await stack.enter_async_context(deployed_world(authority, rules=rules))
        who = [Principal(name="app", actions=LOCKER)]
        emulator = Emulator(
            login_server="",
            now=local.pushing.clock.now,
            authenticate=lambda _token: who[0],
            on_event=local.pushing.note,
        )
        emulator.options.missing_content = "allowed"
        await stack.enter_async_context(serving(emulator, authority=authority))
        registry = await stack.enter_async_context(opened_registry(emulator.login_server))
        assert isinstance(registry, AcrRegistry)
        local.pushing.emulator = emulator
        login_server = local.pushing.login_server
        local.pushing.app = replace(
            local.pushing.app, known_registries={"local": login_server}, registries=lambda _name: registry
        )
        credential = LocalToken(local.identity)
        surroundings = open_surroundings(
            local.arm.endpoint, credential=credential, options=ArmOptions(request_timeout_seconds=2.0)
        )
        stack.push_async_callback(surroundings.aclose)

        def give(principal: Principal) -> None:
            who[0] = principal

        yield Examined(local, emulator, doctoring_of(local, registry, surroundings), give)


def doctoring_of(local: Deployed, registry: AcrRegistry, surroundings: ArmSurroundings) -> Doctoring:
    return Doctoring(
        app=local.pushing.app,
        grants=lambda _name: registry,
        listings=lambda _name: registry.listing(),
        surroundings=surroundings,
        reach_topic=reach,
        rules_changed_at=lambda: local.now,
        ledger=":memory:",
        topic=None,
        audit_schedule="0 0 */6 * * *",
        registry_tier="premium",
        http=HttpAuthorisation(wanted="entra", platform=True),
    )


__all__ = ["ALL_ACTIONS", "SUBSCRIPTION"]
