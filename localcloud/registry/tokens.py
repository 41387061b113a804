"""Refresh and access tokens: signed as the registry signs them, with the claims it was recorded with."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import NAMESPACE_URL, uuid4, uuid5

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from localcloud.registry.access import Access, Grant
from localcloud.registry.options import RegistryOptions
from localcloud.registry.principal import DELETE, PULL, PUSH, Principal

ISSUER = "Azure Container Registry"
ANONYMOUS = "acr_anon_pull"
REMEMBERED_TOKENS = 4096
_ALGORITHM = "RS256"


class InvalidToken(ValueError):
    """A token is not of this registry, not of this kind, or over; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    kind: str
    version: str
    seconds: int


class Tokens:
    """Issues and reads the tokens of one registry; reading a token twice costs one look-up."""

    def __init__(self, *, service: Callable[[], str], now: Callable[[], datetime], options: RegistryOptions) -> None:
        self._service = service
        self._now = now
        self._options = options
        self._registry_id = uuid4().hex
        self._principals: dict[str, Principal] = {}
        self._read: dict[str, Access] = {}

    def refresh(self, principal: Principal) -> str:
        """Issue a refresh token."""
        self._principals[principal.name] = principal
        life = _Life(kind="refresh_token", version="1.0", seconds=self._options.refresh_token_seconds)
        actions = [
            name
            for name, needed in (("read", PULL), ("write", PUSH), ("delete", DELETE))
            if needed in principal.actions
        ]
        claims = self._claims(principal.name, life) | {"grant_type": life.kind, "appid": _application(principal.name)}
        claims |= {"permissions": {"Actions": actions, "NotActions": None}, "roles": []}
        if self._options.abac:
            claims["aad_identity"] = principal.name
        return self._sign(claims)

    def access(self, subject: str, granted: Sequence[Grant]) -> str:
        """Issue an access token with these grants."""
        life = _Life(kind="access_token", version="2.0", seconds=self._options.access_token_seconds)
        return self._access(subject, granted, life)

    def anonymous(self) -> str:
        """Issue the token of a caller without a name: pull everywhere."""
        life = _Life(kind="access_token", version="1.0", seconds=self._options.anonymous_token_seconds)
        return self._access(ANONYMOUS, [Grant(type="repository", name="*", actions=(PULL,))], life)

    def read_refresh(self, token: str) -> Principal:
        """Return whose refresh token this is or raise InvalidToken; roles are those of the last exchange."""
        claims = self._verified(token, "refresh_token")
        if float(str(claims["exp"])) <= self._now().timestamp():
            raise InvalidToken("token has expired")
        principal = self._principals.get(str(claims["sub"]))
        if principal is None:
            raise InvalidToken(f"subject is {claims['sub']!r}, expected one that exchanged a token here")
        return principal

    def read_access(self, token: str) -> Access:
        """Return what an access token grants or raise InvalidToken."""
        access = self._read.get(token)
        if access is None:
            access = _access_of(self._verified(token, "access_token"))
            if len(self._read) >= REMEMBERED_TOKENS:
                self._read.clear()
            self._read[token] = access
        if access.expires is not None and access.expires <= self._now().timestamp():
            raise InvalidToken("token has expired")
        return access

    def _access(self, subject: str, granted: Sequence[Grant], life: _Life) -> str:
        shown = [{"Type": each.type, "Name": each.name, "Actions": list(each.actions)} for each in granted]
        claims = self._claims(subject, life) | {"access": shown, "roles": [], "grant_type": life.kind}
        return self._sign(claims if subject == ANONYMOUS else claims | {"appid": _application(subject)})

    def _claims(self, subject: str, life: _Life) -> dict[str, object]:
        issued = int(self._now().timestamp())
        return {
            "jti": str(uuid4()),
            "sub": subject,
            "nbf": issued,
            "exp": issued + life.seconds,
            "iat": issued,
            "iss": ISSUER,
            "aud": self._service(),
            "version": life.version,
            "rid": self._registry_id,
        }

    def _sign(self, claims: dict[str, object]) -> str:
        return jwt.encode(claims, _key(), algorithm=_ALGORITHM, headers={"kid": _key_id()})

    def _verified(self, token: str, kind: str) -> dict[str, object]:
        # Times are compared with the registry's own clock, not with the machine's.
        unchecked = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            claims: dict[str, object] = jwt.decode(
                token,
                _key().public_key(),
                algorithms=[_ALGORITHM],
                audience=self._service(),
                issuer=ISSUER,
                options=unchecked,  # type: ignore[arg-type]  # the stub wants its own TypedDict
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidToken(str(error)) from error
        if claims.get("rid") != self._registry_id or claims.get("grant_type") != kind:
            raise InvalidToken(f"grant_type is {claims.get('grant_type')!r}, expected {kind!r} of this registry")
        return claims


def _access_of(claims: dict[str, object]) -> Access:
    granted: dict[tuple[str, str], frozenset[str]] = {}
    listed = claims["access"]
    assert isinstance(listed, list)  # signed by this registry
    for each in listed:
        key = (each["Type"], each["Name"])
        granted[key] = granted.get(key, frozenset()) | frozenset(each["Actions"])
    return Access(subject=str(claims["sub"]), granted=granted, expires=float(str(claims["exp"])))


def _application(subject: str) -> str:
    return str(uuid5(NAMESPACE_URL, subject))


@cache
def _key() -> RSAPrivateKey:
    # One key per process: making one takes longer than a whole test, and `rid` keeps registries apart.
    return generate_private_key(public_exponent=65537, key_size=2048)


@cache
def _key_id() -> str:
    encoded = _key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(encoded).digest()[:30]).decode()
    return ":".join(text[at : at + 4] for at in range(0, len(text), 4))
