"""Who calls, and what they may.

In Azure, App Service authentication validates the caller's token and adds the header X-MS-CLIENT-PRINCIPAL, base64 of
JSON with the claims; it removes such a header from requests of outside. Without it anybody could write the header, so
it counts only when the platform says that authentication is on
(https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities).
"""

import base64
import binascii
from enum import StrEnum

import msgspec

from taglock.domain.acts.act import FUNCTION_KEY, Actor, ActorKind
from taglock.errors import InvalidRequest


class HttpAuth(StrEnum):
    """How callers are known (TAGLOCK_HTTP_AUTH)."""

    ENTRA = "entra"
    KEY = "key"


class Role(StrEnum):
    """An Entra app role; none includes another, so that each right is given on purpose."""

    READ = "Taglock.Read"
    OPERATE = "Taglock.Operate"
    BREAK_GLASS = "Taglock.BreakGlass"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, with the roles they were given."""

    actor: Actor
    roles: frozenset[Role]


KEY_HOLDER = Caller(actor=FUNCTION_KEY, roles=frozenset(Role))
"""Whoever holds the key of a function: the host has checked it, and it opens that one function alone."""

LONGEST_HEADER = 65_536
OBJECT_ID = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid")
NAMES = (
    "preferred_username",
    "upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "name",
    "appid",
    "azp",
)
ROLES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")


class _Claim(msgspec.Struct):
    typ: str
    val: str


class _Principal(msgspec.Struct):
    claims: list[_Claim]
    role_typ: str | None = None
    name_typ: str | None = None


def parse_principal(header: str) -> Caller:
    """Return the caller that the header names; raise InvalidRequest when it cannot be understood or names nobody."""
    try:
        text = base64.b64decode(header[:LONGEST_HEADER], validate=True)
        principal = msgspec.json.decode(text, type=_Principal)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        raise InvalidRequest.at("X-MS-CLIENT-PRINCIPAL", "", "base64 of the JSON of a principal") from None
    found = {claim.typ: claim.val for claim in reversed(principal.claims)}
    object_id = next((found[name] for name in OBJECT_ID if found.get(name)), "")
    if not object_id:
        raise InvalidRequest.at("X-MS-CLIENT-PRINCIPAL", "", "a claim with the object id of the caller")
    role_types = {*ROLES, principal.role_typ}
    values = {claim.val for claim in principal.claims if claim.typ in role_types}
    name = next((found[name] for name in (*NAMES, principal.name_typ or "") if found.get(name)), "")
    return Caller(
        actor=Actor(kind=ActorKind.PRINCIPAL, id=object_id, name=name),
        roles=frozenset(role for role in Role if role in values),
    )
