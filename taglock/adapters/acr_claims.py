"""What a registry token says about itself; it is read, never verified: only the registry can and must do that."""

import binascii
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass

import msgspec

from taglock.adapters.acr_answer import untrusted
from taglock.adapters.acr_call import Call
from taglock.errors import shortened

EVERY_REPOSITORY = "*"
CATALOG = "registry:catalog"
"""The one scope that is about the registry itself."""
LONGEST_LIFETIME_SECONDS = 86_400.0

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked for at once: some actions on one repository or on every one (`*`)."""

    repository: str
    actions: tuple[str, ...]
    """In the registry's spelling: those of Action, and others that only the doctor asks about."""

    def __str__(self) -> str:
        resource = CATALOG if self.repository == CATALOG else f"repository:{self.repository}"
        return f"{resource}:{','.join(self.actions)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The claims that matter: how long the token lives, what it grants, how the registry grants it."""

    lifetime_seconds: float
    """`exp` minus `iat`, so that a wrong local clock does not matter."""
    per_repository: bool
    """The registry is in ABAC mode: the claim `aad_identity` is there, and a wildcard would be ignored silently."""
    granted: frozenset[tuple[str, str]]

    def missing(self, scope: Scope) -> frozenset[str]:
        """Return the actions of a scope that the token does not grant."""
        names = (scope.repository,) if scope.repository == CATALOG else (scope.repository, EVERY_REPOSITORY)
        return frozenset(
            action
            for action in scope.actions
            if not any((name, granted) in self.granted for name in names for granted in (action, "*"))
        )


class _WireAccess(msgspec.Struct):
    # Recorded in lower case in 2021 and capitalised in 2022.
    type_: str = msgspec.field(name="type", default="")
    type_capitalised: str = msgspec.field(name="Type", default="")
    name: str = ""
    name_capitalised: str = msgspec.field(name="Name", default="")
    actions: list[str] | None = None
    actions_capitalised: list[str] | None = msgspec.field(name="Actions", default=None)

    def grants(self) -> list[tuple[str, str]]:
        kind, name = (self.type_ or self.type_capitalised).lower(), self.name or self.name_capitalised
        if f"{kind}:{name}" == CATALOG:
            name = CATALOG
        elif kind != "repository":
            return []
        return [(name, action) for action in self.actions or self.actions_capitalised or ()]


class _WireClaims(msgspec.Struct):
    exp: float
    iat: float | None = None
    nbf: float | None = None
    access: list[_WireAccess] | None = None
    aad_identity: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(_WireClaims)


def read_claims(call: Call, token: str) -> Claims:
    """Read a token's claims; anything but a well-formed token with a lifetime raises UntrustedAnswer."""
    wire = _payload(call, token)
    issued = wire.iat if wire.iat is not None else wire.nbf
    if issued is None or not wire.exp - issued > 0:
        raise untrusted(call, f"token claims exp {wire.exp!r}, iat {issued!r}, expected exp after iat")
    return Claims(
        lifetime_seconds=min(wire.exp - issued, LONGEST_LIFETIME_SECONDS),
        per_repository=wire.aad_identity is not msgspec.UNSET,
        granted=frozenset(grant for access in wire.access or () for grant in access.grants()),
    )


def _payload(call: Call, token: str) -> _WireClaims:
    found = _TOKEN.fullmatch(token)
    if not found:
        raise untrusted(call, f"a token of {len(token)} characters, expected a JSON Web Token")
    try:
        return _decoder.decode(urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)))
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError) as error:
        raise untrusted(call, f"token claims: {shortened(str(error))}, expected exp, iat and access") from error
