"""What a token or an account may do, scopes as text, and the challenge for those who may not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from localcloud.registry.principal import ALL_ACTIONS, CATALOG, REPOSITORY_ACTIONS, Principal
from localcloud.registry.refusals import Refusal
from localcloud.registry.routes import Need

UNAUTHORIZED_TEXT = "authentication required, visit https://aka.ms/acr/authorization for more information."
WILDCARD = "*"
# Old clients spell two actions otherwise.
_LEGACY = {"metadataRead": "metadata_read", "metadataWrite": "metadata_write"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The actions on one resource, as a token carries them."""

    type: str
    name: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A known caller: who, what is granted, and until when (seconds since 1970; None for an account)."""

    subject: str
    granted: Mapping[tuple[str, str], frozenset[str]]
    expires: float | None = None

    def allows(self, need: Need) -> bool:
        """Return whether the grants cover a need."""
        granted = self.granted.get((need.type, need.name), frozenset())
        granted |= self.granted.get((need.type, WILDCARD), frozenset())
        if WILDCARD in granted or granted.issuperset(need.actions):
            return True
        return not granted.isdisjoint(need.instead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """The parts of a WWW-Authenticate header; empty parts are left out."""

    realm: str
    service: str
    scope: str = ""
    error: str = ""

    def __str__(self) -> str:
        parts = {"realm": self.realm, "service": self.service, "scope": self.scope, "error": self.error}
        return "Bearer " + ",".join(f'{name}="{value}"' for name, value in parts.items() if value)


def full_access(name: str) -> Access:
    """Return the access of the admin user: everything."""
    everything = frozenset({WILDCARD})
    return Access(subject=name, granted={("repository", WILDCARD): everything, ("registry", "catalog"): everything})


def admin_principal(name: str) -> Principal:
    """Return the admin user as a principal, for the tokens it asks for."""
    return Principal(name=name, actions=ALL_ACTIONS)


def unauthorized(challenge: Challenge, need: Need | None) -> Refusal:
    """Return the 401 that carries a challenge; missing permission is 401 too, never 403."""
    detail = None
    if need is not None:
        detail = [{"Type": need.type, "Name": need.name, "Action": action} for action in need.actions]
    return Refusal(401, "UNAUTHORIZED", UNAUTHORIZED_TEXT, detail, {"WWW-Authenticate": str(challenge)})


def parse_scopes(texts: Iterable[str]) -> Iterator[Grant]:
    """Yield the scopes asked for: repeated fields, and several in one field parted by spaces. Unreadable ones drop."""
    for text in " ".join(texts).split():
        kind, _, rest = text.partition(":")
        name, _, actions = rest.rpartition(":")
        if kind and name and actions:
            yield Grant(type=kind, name=name, actions=tuple(_LEGACY.get(each, each) for each in actions.split(",")))


def granted_of(asked: Iterable[Grant], principal: Principal, *, wildcard: bool) -> list[Grant]:
    """Return what of the scopes a principal gets; the rest is silently dropped, as the registry does."""
    granted = []
    for grant in asked:
        actions = _granted_actions(grant, principal, wildcard=wildcard)
        if actions:
            granted.append(Grant(type=grant.type, name=grant.name, actions=actions))
    return granted


def _granted_actions(asked: Grant, principal: Principal, *, wildcard: bool) -> tuple[str, ...]:
    if asked.type == "registry":
        listed = asked.name == "catalog" and asked.actions == (WILDCARD,) and CATALOG in principal.actions
        return (WILDCARD,) if listed else ()
    if asked.type != "repository" or (asked.name == WILDCARD and not wildcard):
        return ()
    allowed = principal.allowed_everywhere() if asked.name == WILDCARD else principal.allowed(asked.name)
    wanted = sorted(REPOSITORY_ACTIONS) if WILDCARD in asked.actions else asked.actions
    return tuple(action for action in wanted if action in allowed)
