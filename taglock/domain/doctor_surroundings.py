"""What surrounds a registry and defeats locks: values read from Azure Resource Manager, and pure judgements of them."""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from taglock.domain.doctor import Check, Question
from taglock.domain.reference import LoginServer

SOURCE = "Azure Resource Manager"
ABAC = "AbacRepositoryPermissions"
PREMIUM = "premium"
NAMED = 5

UNLOCKING_RBAC: Mapping[str, str] = MappingProxyType(
    {
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
        "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
        "fb382eab-e894-4461-af04-94435c366c3f": "Container Registry Tasks Contributor",
    }
)
"""Built-in roles that may turn a lock off in a registry in RBAC mode.

Sources: https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-directory-reference
and https://learn.microsoft.com/azure/role-based-access-control/built-in-roles. A task acts with the rights of whoever
may write it: https://www.azadvertizer.net/azrolesadvertizer/fb382eab-e894-4461-af04-94435c366c3f.html."""

UNLOCKING_ABAC: Mapping[str, str] = MappingProxyType(
    {
        "2a1e307c-b015-4ebd-883e-5b7698a07328": "Container Registry Repository Writer",
        "2efddaa5-3f1f-4df3-97df-af3f13818f4c": "Container Registry Repository Contributor",
        "fb382eab-e894-4461-af04-94435c366c3f": "Container Registry Tasks Contributor",
    }
)
"""The same for ABAC mode, where Owner and Contributor have no right on repositories."""

MAKING_ROLES: Mapping[str, str] = MappingProxyType(
    {
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
    }
)
"""Who may give the roles above to themselves."""

HARMLESS = frozenset(
    {
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",  # AcrPull
        "8311e382-0749-4cb8-b61a-304f252e45ec",  # AcrPush: neither sees nor manages locks
        "c2f4ef07-c644-48eb-af81-4b1b4947fb11",  # AcrDelete
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",  # Reader
        "b93aa761-3e63-49ed-ac28-beffa264f7ac",  # Container Registry Repository Reader
        "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7",  # Container Registry Repository Catalog Lister
    }
)

_PURGE = re.compile(r"\bacr\s+purge\b")
_INCLUDE_LOCKED = re.compile(r"--include-locked(?!\s*=\s*(?:false|0|f)\b)(?![\w-])", re.IGNORECASE)


class RegistryResource(msgspec.Struct, frozen=True, kw_only=True):
    """A registry as Azure Resource Manager shows it."""

    id: str
    login_server: LoginServer
    tier: str
    role_assignment_mode: str
    admin_user: bool
    anonymous_pull: bool
    retention_days: int | None
    """None when untagged manifests are kept."""
    quarantine: bool
    export: bool


class RegistryTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task of a registry; `text` is what it runs, None when that is kept in a source repository."""

    name: str
    enabled: bool
    text: str | None


class Replication(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a registry in a region."""

    location: str


class RoleAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """Who has which role, at the registry or above it."""

    principal: str
    principal_type: str
    role: str
    """The role definition's GUID in lower case."""
    conditioned: bool


class ResourceLock(msgspec.Struct, frozen=True, kw_only=True):
    """A lock of Azure Resource Manager, which has nothing to do with the locks of images."""

    name: str
    level: str
    on_group: bool
    """It is on the resource group, and inherited."""


def task_text(content: object, values: object) -> str | None:
    """Return what an encoded task runs, None when it cannot be decoded."""
    try:
        parts = [
            b64decode(each, validate=True).decode() for each in (content, values) if isinstance(each, str) and each
        ]
    except (binascii.Error, ValueError):
        return None
    return "\n".join(parts) if parts else None


def resource_checks(registry: RegistryResource, configured_tier: str) -> list[Check]:
    """Judge what the registry's own body tells."""
    return [
        _tier(registry, configured_tier),
        _retention(registry),
        _quarantine(registry),
        _admin_user(registry),
        _about("anonymous-pull", registry).ok(
            "anybody may pull without signing in" if registry.anonymous_pull else "pulling needs an identity"
        ),
        _about("export", registry).ok("images may be exported" if registry.export else "images may not be exported"),
    ]


def soft_delete_check(registry: RegistryResource, days: int | None) -> Check:
    """Judge soft delete; `days` is None when it is off."""
    question = _about("soft-delete", registry)
    if days is None:
        return question.ok("off")
    return question.warn(
        f"on: what is deleted can be restored for {days} days",
        "a digest that was soft-deleted cannot be pushed again before it is restored, restoring an index restores no "
        "child, and nobody has shown that locks survive: audit after each restore",
    )


def purge_check(registry: RegistryResource, tasks: Sequence[RegistryTask]) -> Check:
    """Judge tasks that purge: with --include-locked they turn locks off and delete."""
    question = _about("purge-tasks", registry)
    purging = [task for task in tasks if task.text is not None and _PURGE.search(task.text)]
    forcing = [task for task in purging if task.text is not None and _INCLUDE_LOCKED.search(task.text)]
    if active := [task.name for task in forcing if task.enabled]:
        return question.fail(
            f"tasks that purge locked images: {_names(active)}", "take --include-locked out of the command"
        )
    if forcing:
        names = _names([task.name for task in forcing])
        return question.warn(f"disabled tasks that would purge locked images: {names}", "delete them")
    if unseen := [task.name for task in tasks if task.text is None]:
        found = f"what these tasks run is kept elsewhere: {_names(unseen)}"
        return question.unknown(found, "look for acr purge --include-locked in their source repositories")
    return question.ok(f"{len(tasks)} tasks, {len(purging)} of them purge, none of them what is locked")


def replication_check(registry: RegistryResource, replications: Sequence[Replication]) -> Check:
    """Judge geo-replication: a lock is written in one region and seen later in the others."""
    question = _about("replications", registry)
    if len(replications) < 2:
        return question.ok("the registry is in one region")
    places = _names([each.location for each in replications])
    return question.warn(
        f"{len(replications)} regions ({places}): locks are eventually consistent between them",
        "until a lock has spread, a push through another region may still move the tag; the audit tells of it",
    )


def roles_check(registry: RegistryResource, assignments: Sequence[RoleAssignment]) -> Check:
    """Judge who may turn locks off again, or may give themselves that right."""
    question = _about("who-may-unlock", registry)
    unlocking = UNLOCKING_ABAC if registry.role_assignment_mode == ABAC else UNLOCKING_RBAC
    roles = {**MAKING_ROLES, **unlocking}
    found: dict[str, list[str]] = {}
    for each in assignments:
        if each.role in roles:
            condition = " with a condition" if each.conditioned else ""
            found.setdefault(roles[each.role], []).append(f"{each.principal_type} {each.principal}{condition}".strip())
    custom = sum(1 for each in assignments if each.role not in roles and each.role not in HARMLESS)
    others = f"; {custom} assignments of other roles were not judged" if custom else ""
    if not found:
        return question.ok(f"no built-in role that unlocks is assigned here or above{others}")
    told = "; ".join(f"{role}: {_names(people)}" for role, people in sorted(found.items()))
    pushing = ": in ABAC mode whoever may push may unlock" if registry.role_assignment_mode == ABAC else ""
    return question.warn(
        f"{told}{others}",
        f"these may undo every lock{pushing}; keep their number small, and let the audit tell "
        "(docs/permissions.md#who-can-undo-a-lock)",
    )


def locks_check(registry: RegistryResource, locks: Sequence[ResourceLock]) -> Check:
    """Judge resource locks: they guard the registry as a resource, and no image in it."""
    question = _about("resource-locks", registry)
    if not locks:
        return question.ok("none; they would protect no image")
    told = _names([f"{each.name} ({each.level}{', of the resource group' if each.on_group else ''})" for each in locks])
    return question.warn(
        f"{told}: protects the registry as a resource, and no tag or image in it",
        "keep it against deleting the registry, and do not take it for a lock of images",
    )


def _tier(registry: RegistryResource, configured: str) -> Check:
    question = _about("tier", registry)
    if configured == PREMIUM and registry.tier.lower() != PREMIUM:
        return question.warn(
            f"{registry.tier}, but TAGLOCK_REGISTRY_TIER says {configured}: twice the requests that it allows",
            f"set TAGLOCK_REGISTRY_TIER={registry.tier.lower()}",
        )
    mode = "ABAC" if registry.role_assignment_mode == ABAC else "RBAC"
    return question.ok(f"{registry.tier}, roles in {mode} mode")


def _retention(registry: RegistryResource) -> Check:
    question = _about("retention", registry)
    if registry.retention_days is None:
        return question.ok("off")
    return question.warn(
        f"untagged manifests are deleted after {registry.retention_days} days, unless their delete is off",
        "keep delete off on manifests (manifest_profile undeletable or immutable): write off alone is not honoured",
    )


def _quarantine(registry: RegistryResource) -> Check:
    question = _about("quarantine-policy", registry)
    if not registry.quarantine:
        return question.ok("off")
    return question.warn(
        "on: a push is announced only when its image has passed, and may be changed until then",
        "see that whatever marks images as passed is quick; the audit finds what no event announced",
    )


def _admin_user(registry: RegistryResource) -> Check:
    question = _about("admin-user", registry)
    if not registry.admin_user:
        return question.ok("off")
    return question.warn("on: one password that may turn every lock off, and names nobody", "turn the admin user off")


def _about(name: str, registry: RegistryResource) -> Question:
    return Question(name=name, source=SOURCE, subject=registry.login_server)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
