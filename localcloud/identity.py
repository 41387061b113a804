"""Managed identity as App Service offers it, and who a token of it stands for.

Protocol: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference. Tokens live
by the machine's time, not the local clock: clients keep them and know no other time.
"""

import hmac
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web

from localcloud.registry.principal import ALL_ACTIONS, Principal

API_VERSION = "2019-08-01"
TOKEN_SECONDS = 86_400
TENANT = "00000000-0000-0000-0000-00000000aaaa"
EVENT_GRID = "https://eventgrid.azure.net"
MANAGEMENT = frozenset({"https://management.azure.com", "https://management.core.windows.net"})
REGISTRY = frozenset({"https://containerregistry.azure.net"}) | MANAGEMENT
DEFAULT_PRINCIPAL = Principal(name="taglock", actions=ALL_ACTIONS)


@dataclass(slots=True, kw_only=True)
class _Account:
    principal: Principal
    app_roles: frozenset[str] = frozenset()
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who a token of this tenant stands for, and the resource it is good for, as it was asked for."""

    principal: Principal
    client_id: str
    object_id: str
    audience: str


class Identity:
    """The identities of the local tenant: a system-assigned one, and user-assigned ones by client id."""

    def __init__(self, principal: Principal = DEFAULT_PRINCIPAL) -> None:
        self.header = secrets.token_hex(16)
        self._secret = secrets.token_bytes(32)
        self._first = principal
        self._system = _Account(principal=principal)
        self._accounts = {self._system.object_id: self._system}

    @property
    def principal(self) -> Principal:
        """What the system-assigned identity may do; assign another to change its rights from now on."""
        return self._system.principal

    @principal.setter
    def principal(self, principal: Principal) -> None:
        self._system.principal = principal

    def add(self, principal: Principal, *, app_roles: frozenset[str] = frozenset()) -> str:
        """Add a user-assigned identity, with the app roles that it was given, and return its client id."""
        account = _Account(principal=principal, app_roles=app_roles)
        self._accounts[account.object_id] = account
        return account.client_id

    def reset(self) -> None:
        """Give the system-assigned identity its first rights back and remove all others."""
        self._system.principal = self._first
        self._accounts = {self._system.object_id: self._system}

    @property
    def authentication_secret(self) -> str:
        """What App Service authentication of the local app validates tokens of this tenant with, in hexadecimal."""
        return self._secret.hex()

    def token(self, resource: str, client_id: str | None = None) -> str:
        """Return an access token for a resource; KeyError when no identity has the client id."""
        return self._issue(self._account(client_id), resource)

    def authenticate(self, token: str) -> Principal | None:
        """Return who the token stands for when a registry may take it, otherwise None."""
        return self._accepted(token, lambda audience: audience in REGISTRY)

    def event_sender(self, token: str) -> str | None:
        """Return the name of the token's holder when it is good for Event Grid, otherwise None."""
        holder = self._accepted(token, lambda audience: audience == EVENT_GRID)
        return holder.name if holder is not None else None

    def management_caller(self, token: str) -> Principal | None:
        """Return who the token stands for when it is one for Azure's control plane, otherwise None."""
        return self._accepted(token, lambda audience: audience in MANAGEMENT)

    def holder(self, token: str) -> Holder | None:
        """Return who a token stands for, whatever it is good for; None when it is not one of this tenant's."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._secret, algorithms=["HS256"], options={"verify_aud": False, "require": ["exp", "oid"]}
            )
        except jwt.PyJWTError:
            return None
        account = self._accounts.get(str(claims["oid"]))
        if account is None:
            return None
        return Holder(
            principal=account.principal,
            client_id=account.client_id,
            object_id=account.object_id,
            audience=str(claims.get("aud", "")),
        )

    def app(self) -> web.Application:
        """Return the endpoint that IDENTITY_ENDPOINT names, at `/msi/token`."""
        app = web.Application()
        app.router.add_get("/msi/token", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("X-IDENTITY-HEADER", "").encode(), self.header.encode()):
            return _refusal("X-IDENTITY-HEADER: expected the value of IDENTITY_HEADER")
        if request.query.get("api-version") != API_VERSION:
            return _refusal(f"api-version {request.query.get('api-version')!r}: expected {API_VERSION!r}")
        resource, client_id = request.query.get("resource", ""), request.query.get("client_id")
        if not resource.startswith(("https://", "api://")):
            return _refusal(f"resource {resource!r}: expected an https URL or an application id URI")
        try:
            account = self._account(client_id)
        except KeyError:
            return _refusal(f"client_id {client_id!r}: no managed identity has it")
        return web.json_response(self._token_answer(account, resource))

    def _token_answer(self, account: _Account, resource: str) -> dict[str, str]:
        return {
            "access_token": self._issue(account, resource),
            "client_id": account.client_id,
            "expires_on": str(int(time.time()) + TOKEN_SECONDS),
            "resource": resource,
            "token_type": "Bearer",
        }

    def _account(self, client_id: str | None) -> _Account:
        if not client_id:
            return self._system
        for account in self._accounts.values():
            if account.client_id == client_id:
                return account
        raise KeyError(client_id)

    def _issue(self, account: _Account, resource: str) -> str:
        issued = int(time.time())
        claims = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "iat": issued,
            "nbf": issued,
            "exp": issued + TOKEN_SECONDS,
            "appid": account.client_id,
            "oid": account.object_id,
            "sub": account.object_id,
            "tid": TENANT,
            "idtyp": "app",
            "ver": "1.0",
            **({"roles": sorted(account.app_roles)} if account.app_roles else {}),
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def _accepted(self, token: str, accepts: Callable[[str], bool]) -> Principal | None:
        holder = self.holder(token)
        accepted = holder is not None and accepts(holder.audience.rstrip("/"))
        return holder.principal if holder is not None and accepted else None


def _refusal(message: str) -> web.Response:
    return web.json_response({"statusCode": 400, "message": message}, status=400)
