"""App Service authentication in front of the app's HTTP functions.

It validates the caller's bearer token and hands the app who that is in headers, which it removes from whatever comes
from outside (https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities). Off by default,
and then those headers pass through as they came: anybody can write them.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import jwt

SECRET = "LOCALCLOUD_AUTHENTICATION_SECRET"
AUDIENCE = "LOCALCLOUD_AUTHENTICATION_AUDIENCE"
LEFT_OUT = ("/api/health",)
"""`excludedPaths` of the deployment; the webhook of Event Grid and the admin interface have their own keys."""
PREFIX = "x-ms-client-principal"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
ROLE = "roles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """Knows the callers whose tokens are of the local tenant and for this app."""

    secret: bytes
    audience: str

    @classmethod
    def of_environment(cls) -> Self | None:
        """Return what the environment turns on, None when it says nothing."""
        secret = os.environ.get(SECRET)
        return cls(secret=bytes.fromhex(secret), audience=os.environ.get(AUDIENCE, "")) if secret else None

    def headers(self, path: str, sent: Mapping[str, str]) -> dict[str, str] | None:
        """Return the headers that the app gets (lower-cased names), None when nobody valid is signed in."""
        passed = {name: value for name, value in sent.items() if not name.startswith(PREFIX)}
        if path.lower() in LEFT_OUT:
            return passed
        claims = self._claims(sent.get("authorization", ""))
        return None if claims is None else {**passed, **_principal(claims)}

    def _claims(self, authorization: str) -> dict[str, Any] | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self.secret, algorithms=["HS256"], audience=self.audience, options={"require": ["exp", "oid"]}
            )
        except jwt.PyJWTError:
            return None
        return claims


def _principal(claims: Mapping[str, Any]) -> dict[str, str]:
    found = [{"typ": OBJECT_ID, "val": str(claims["oid"])}]
    found += [{"typ": ROLE, "val": str(role)} for role in claims.get("roles", ())]
    found += [{"typ": name, "val": str(claims[name])} for name in ("appid", "preferred_username") if name in claims]
    tree = {"auth_typ": "aad", "claims": found, "name_typ": "preferred_username", "role_typ": ROLE}
    return {
        PREFIX: base64.b64encode(json.dumps(tree).encode()).decode(),
        f"{PREFIX}-id": str(claims["oid"]),
        f"{PREFIX}-idp": "aad",
    }
