"""Read what surrounds registries: each subscription is listed once, then each registry is looked at."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from taglock.domain.doctor import Check, Question
from taglock.domain.doctor_surroundings import (
    PREMIUM,
    SOURCE,
    RegistryResource,
    locks_check,
    purge_check,
    replication_check,
    resource_checks,
    roles_check,
    soft_delete_check,
)
from taglock.domain.reference import LoginServer
from taglock.enforcement.doctor.asking import Asking
from taglock.enforcement.doctor.context import Doctoring, Surroundings
from taglock.errors import ArmError

RESOURCE = ("tier", "retention", "quarantine-policy", "admin-user", "anonymous-pull", "export")

type Look = Callable[[Surroundings, RegistryResource], Awaitable[Check]]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The registries of the configured subscriptions, by login server, and what could not be listed."""

    resources: dict[str, RegistryResource]
    problems: tuple[str, ...]

    def reason(self) -> str:
        """Return why a registry is not among them."""
        return "; ".join(self.problems) or "no subscription of TAGLOCK_SUBSCRIPTIONS has this registry"


async def found_registries(doctoring: Doctoring) -> Found:
    """List the registries of every configured subscription, side by side."""
    resources: dict[str, RegistryResource] = {}
    problems: list[str] = []

    async def listed(subscription: str) -> None:
        try:
            registries = await doctoring.surroundings.registries(subscription)
        except ArmError as error:
            problems.append(str(error))
        else:
            resources.update({each.login_server.lower(): each for each in registries})

    await asyncio.gather(*map(listed, doctoring.app.subscriptions))
    return Found(resources=resources, problems=tuple(problems))


def surroundings_askings(doctoring: Doctoring, registry: LoginServer, finding: "asyncio.Task[Found]") -> list[Asking]:
    """Return the checks about what surrounds one registry; `finding` is shared by all of them."""

    async def resource() -> RegistryResource | Found:
        found = await asyncio.shield(finding)
        return found.resources.get(registry.lower(), found)

    async def own() -> Sequence[Check]:
        found = await resource()
        if isinstance(found, Found):
            return _unknown(registry, RESOURCE, found)
        return resource_checks(found, doctoring.registry_tier)

    def looked(name: str, look: Look) -> Asking:
        async def answer() -> Sequence[Check]:
            found = await resource()
            if isinstance(found, Found):
                return _unknown(registry, (name,), found)
            return [await look(doctoring.surroundings, found)]

        return Asking(questions=_questions(registry, (name,)), answer=answer)

    return [
        Asking(questions=_questions(registry, RESOURCE), answer=own),
        looked("soft-delete", _soft_delete),
        looked("purge-tasks", _tasks),
        looked("replications", _replications),
        looked("who-may-unlock", _roles),
        looked("resource-locks", _locks),
    ]


async def _soft_delete(surroundings: Surroundings, registry: RegistryResource) -> Check:
    return soft_delete_check(registry, await surroundings.soft_delete_days(registry))


async def _tasks(surroundings: Surroundings, registry: RegistryResource) -> Check:
    return purge_check(registry, await surroundings.tasks(registry))


async def _replications(surroundings: Surroundings, registry: RegistryResource) -> Check:
    replicated = registry.tier.lower() == PREMIUM  # no other tier can be: https://aka.ms/acr/skus
    return replication_check(registry, await surroundings.replications(registry) if replicated else [])


async def _roles(surroundings: Surroundings, registry: RegistryResource) -> Check:
    return roles_check(registry, await surroundings.role_assignments(registry))


async def _locks(surroundings: Surroundings, registry: RegistryResource) -> Check:
    return locks_check(registry, await surroundings.locks(registry))


def _unknown(registry: LoginServer, names: Sequence[str], found: Found) -> list[Check]:
    advice = "name its subscription in TAGLOCK_SUBSCRIPTIONS, with the role of infra/deployments there"
    return [question.unknown(found.reason(), advice) for question in _questions(registry, names)]


def _questions(registry: LoginServer, names: Sequence[str]) -> tuple[Question, ...]:
    return tuple(Question(name=name, source=SOURCE, subject=registry) for name in names)
