"""Whether the app may do what its configuration needs, judged by what the registry's own tokens grant."""

from collections.abc import Mapping, Sequence

import msgspec

from taglock.domain.doctor import Check, Question
from taglock.domain.reference import LoginServer
from taglock.domain.rule import Action, Mode, RuleSet

SOURCE = "claims of the registry's access token"
EVERY = "*"
METADATA_READ, METADATA_WRITE, PULL, PUSH, DELETE = "metadata_read", "metadata_write", "pull", "push", "delete"
NAMED = 5
PERMISSIONS = ("permission-catalog", "permission-read", "permission-write", "permission-pull", "permission-excess")
ROLES: Mapping[str, tuple[str, str]] = {
    "catalog": (
        "data action Microsoft.ContainerRegistry/registries/catalog/read",
        "action Microsoft.ContainerRegistry/registries/pull/read",
    ),
    METADATA_READ: (
        "data action Microsoft.ContainerRegistry/registries/repositories/metadata/read",
        "action Microsoft.ContainerRegistry/registries/metadata/read",
    ),
    METADATA_WRITE: (
        "data action Microsoft.ContainerRegistry/registries/repositories/metadata/write",
        "action Microsoft.ContainerRegistry/registries/metadata/write",
    ),
    PULL: (
        "data action Microsoft.ContainerRegistry/registries/repositories/content/read",
        "action Microsoft.ContainerRegistry/registries/pull/read",
    ),
}
"""The right behind each, in ABAC mode and in RBAC mode (docs/permissions.md)."""


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What fresh tokens of a registry grant to the app's identity."""

    per_repository: bool
    """The registry is in ABAC mode: rights are granted repository by repository."""
    catalog: bool
    repositories: Mapping[str, frozenset[str]]
    """Granted actions by repository; `*` is every repository of a registry in RBAC mode."""

    def lacking(self, action: str) -> list[str]:
        """Return the repositories on which an action is not granted."""
        return sorted(name for name, actions in self.repositories.items() if not {action, EVERY} & actions)

    def having(self, action: str) -> list[str]:
        """Return the repositories on which an action is granted."""
        return sorted(name for name, actions in self.repositories.items() if {action, EVERY} & actions)


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration needs beyond reading."""

    write: bool
    pull: bool
    """A rule says `referrers = true`."""


def needs_of(mode: Mode, rules: RuleSet | None) -> Needs:
    """Return what mode and rules need; rules that cannot be read need nothing to be pulled."""
    protecting = [rule for rule in rules.rules if rule.action is Action.PROTECT] if rules is not None else []
    return Needs(write=mode is Mode.ENFORCE, pull=any(rule.referrers for rule in protecting))


def permission_checks(registry: LoginServer, granted: Granted, needs: Needs) -> list[Check]:
    """Judge each right by itself."""
    judged = _Judged(registry, granted)
    return [
        judged.catalog(),
        judged.action("permission-read", METADATA_READ),
        judged.action("permission-write", METADATA_WRITE, needed=needs.write),
        judged.pull(needed=needs.pull),
        judged.excess(),
    ]


def refused_checks(registry: LoginServer, reason: str) -> list[Check]:
    """Judge an identity to which the registry gives no token at all: the first right fails, the others are unknown."""
    first, *others = (Question(name=name, source=SOURCE, subject=registry) for name in PERMISSIONS)
    advice = "give the app's identity the role of infra/registry/role.bicep on this registry (docs/permissions.md)"
    return [
        first.fail(reason, advice),
        *(question.unknown("the registry gives no token", advice) for question in others),
    ]


class _Judged:
    def __init__(self, registry: LoginServer, granted: Granted) -> None:
        self._registry = registry
        self._granted = granted

    def catalog(self) -> Check:
        question = self._question("permission-catalog")
        if self._granted.catalog:
            return question.ok("repositories may be listed")
        return question.fail("repositories may not be listed: audits cannot begin", self._give("catalog"))

    def action(self, name: str, action: str, *, needed: bool = True) -> Check:
        question = self._question(name)
        if not self._granted.repositories:
            return question.unknown(
                "no repository is known, and this registry grants rights repository by repository",
                "push an image, then ask again",
            )
        lacking = self._granted.lacking(action)
        if not lacking:
            return question.ok(f"{action} is granted on {_names(self._granted.having(action))}")
        found = f"{action} is not granted on {_names(lacking)}"
        if needed:
            return question.fail(found, self._give(action))
        return question.warn(f"{found}; nothing needs it in report mode", f"before enforcing: {self._give(action)}")

    def pull(self, *, needed: bool) -> Check:
        question = self._question("permission-pull")
        lacking = self._granted.lacking(PULL)
        if needed and (lacking or not self._granted.repositories):
            return self.action("permission-pull", PULL)
        if not needed and (lacking or not self._granted.repositories):
            return question.ok(
                "pulling is not granted and no rule needs it; an index whose children the registry does not name "
                "would be the finding CLOSURE_UNKNOWN"
            )
        return question.ok(f"pulling is granted{'' if needed else ', and no rule needs it'}")

    def excess(self) -> Check:
        question = self._question("permission-excess")
        found = [f"{action} on {_names(names)}" for action in (PUSH, DELETE) if (names := self._granted.having(action))]
        if found:
            return question.warn(
                f"the app may also {' and '.join(found)}, which it never needs",
                "give its identity the role of infra/registry/role.bicep instead",
            )
        return question.ok("neither pushing nor deleting is granted")

    def _give(self, right: str) -> str:
        in_abac_mode, in_rbac_mode = ROLES[right]
        wanted = in_abac_mode if self._granted.per_repository else in_rbac_mode
        return f"give the app's identity a role with the {wanted} on this registry (docs/permissions.md)"

    def _question(self, name: str) -> Question:
        return Question(name=name, source=SOURCE, subject=self._registry)


def _names(names: Sequence[str]) -> str:
    if list(names) == [EVERY]:
        return "every repository"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
