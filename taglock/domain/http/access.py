"""Let a caller in, or say why not."""

from http import HTTPStatus

import msgspec

from taglock.domain.http.principal import KEY_HOLDER, Caller, HttpAuth, Role, parse_principal
from taglock.domain.http.problem import Failed
from taglock.errors import InvalidRequest


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How callers are known here."""

    auth: HttpAuth
    platform: bool
    """Whether App Service authentication is on (WEBSITE_AUTH_ENABLED): only then is its header believed."""

    def caller(self, principal: str | None) -> Caller:
        """Return who calls, by the platform's header or, in key mode, whoever holds the function's key.

        Raises Failed with 401 when nobody is signed in, with 503 when nobody could be.
        """
        if self.auth is HttpAuth.KEY:
            return KEY_HOLDER
        if not self.platform:
            detail = "TAGLOCK_HTTP_AUTH is 'entra', expected App Service authentication to be on (docs/security.md)"
            raise Failed(HTTPStatus.SERVICE_UNAVAILABLE, "authentication-off", detail)
        if principal is None:
            raise Failed(HTTPStatus.UNAUTHORIZED, "unknown-caller", "no principal, expected a signed-in caller")
        try:
            return parse_principal(principal)
        except InvalidRequest as error:
            raise Failed(HTTPStatus.UNAUTHORIZED, "unknown-caller", str(error)) from None


def must_have(caller: Caller, role: Role) -> None:
    """Let a caller with the role pass; raise Failed with 403 for any other."""
    if role not in caller.roles:
        held = ", ".join(sorted(caller.roles)) or "none"
        raise Failed(HTTPStatus.FORBIDDEN, "missing-role", f"roles: {held}, expected {role}")
