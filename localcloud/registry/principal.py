"""An identity and the data actions it has on a registry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PULL = "pull"
PUSH = "push"
DELETE = "delete"
METADATA_READ = "metadata_read"
METADATA_WRITE = "metadata_write"
CATALOG = "catalog"

REPOSITORY_ACTIONS = frozenset({PULL, PUSH, DELETE, METADATA_READ, METADATA_WRITE})
ALL_ACTIONS = REPOSITORY_ACTIONS | {CATALOG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An identity: what it may do everywhere (`actions`) and what it may do in some repositories.

    A key of `repositories` is a repository's name or a prefix followed by `*`, as an ABAC condition would name it.
    """

    name: str
    actions: frozenset[str] = frozenset()
    repositories: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for granted in (self.actions, *self.repositories.values()):
            if unknown := granted - ALL_ACTIONS:
                raise ValueError(f"actions of {self.name!r} are {sorted(unknown)!r}, expected {sorted(ALL_ACTIONS)}")

    @property
    def powerless(self) -> bool:
        """Whether no action is granted anywhere: such an identity is refused at the exchange already."""
        return not self.actions and not any(self.repositories.values())

    def allowed(self, repository: str) -> frozenset[str]:
        """Return the actions this identity has on a repository."""
        granted = self.actions & REPOSITORY_ACTIONS
        for pattern, actions in self.repositories.items():
            if _matches(pattern, repository):
                granted |= actions
        return granted

    def allowed_everywhere(self) -> frozenset[str]:
        """Return the actions this identity has on all repositories: all that a wildcard scope can bring."""
        return self.actions & REPOSITORY_ACTIONS


def _matches(pattern: str, repository: str) -> bool:
    if pattern.endswith("*"):
        return repository.startswith(pattern[:-1])
    return pattern == repository
