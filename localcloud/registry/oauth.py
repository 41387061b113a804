"""The token service: an AAD token for a refresh token, that one or an account for an access token."""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from localcloud.registry.access import (
    UNAUTHORIZED_TEXT,
    Access,
    admin_principal,
    full_access,
    granted_of,
    parse_scopes,
)
from localcloud.registry.call import Call, parse_query
from localcloud.registry.options import RegistryOptions
from localcloud.registry.principal import Principal
from localcloud.registry.refusals import Refusal, malformed, not_emulated
from localcloud.registry.tokens import InvalidToken, Tokens
from localcloud.registry.wire import Reply, json_reply

TOKEN_USER = "00000000-0000-0000-0000-000000000000"
"""The user name that says that the password is a refresh token."""
_EXCHANGE_GRANTS = ("access_token", "access_token_refresh_token", "refresh_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Who may sign in: the admin user, and whoever an AAD token stands for."""

    username: str
    password: str
    authenticate: Callable[[str], Principal | None]
    options: RegistryOptions

    def admin(self, username: str, password: str) -> bool:
        """Return whether these are the admin user's name and password."""
        known = self.options.admin_enabled and bool(self.username) and bool(self.password)
        same_name = secrets.compare_digest(username.encode(), self.username.encode())
        return known and same_name and secrets.compare_digest(password.encode(), self.password.encode())

    def access(self, authorization: str) -> Access | None:
        """Return the access that Basic credentials bring, or None."""
        username, password = basic(authorization)
        return full_access(username) if self.admin(username, password) else None


def basic(authorization: str) -> tuple[str, str]:
    """Return user name and password of a Basic header; two empty texts when there is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # of base64 or of UTF-8
        return "", ""
    return username, password


class TokenService:
    """Answers `/oauth2/exchange` and `/oauth2/token`."""

    def __init__(self, *, tokens: Tokens, accounts: Accounts) -> None:
        self._tokens = tokens
        self._accounts = accounts

    def exchange(self, call: Call) -> Reply:
        """Exchange an AAD access token for a refresh token; an identity without any role is refused here already."""
        if call.method != "POST":
            raise not_emulated(call.method, call.route.path)
        form = _form(call)
        if form.first("grant_type") not in _EXCHANGE_GRANTS:
            raise malformed(f"grant_type is {form.first('grant_type')!r}, expected {', '.join(_EXCHANGE_GRANTS)}")
        _check_service(call, form)
        if not form.first("access_token"):
            raise malformed("access_token is missing, expected an AAD access token")
        principal = self._accounts.authenticate(form.first("access_token"))
        if principal is None or principal.powerless:
            raise _refused()
        return _answer("refresh_token", self._tokens.refresh(principal))

    def token(self, call: Call) -> Reply:
        """Give an access token for the scopes asked for, less the actions that the caller lacks."""
        if call.method not in ("GET", "POST"):
            raise not_emulated(call.method, call.route.path)
        form = Form({}) if call.method == "GET" else _form(call)
        form.add(call.query)
        _check_service(call, form)
        principal = self._caller(call, form)
        if principal is None:
            return _answer("access_token", self._tokens.anonymous())
        wildcard = not call.options.abac
        granted = granted_of(parse_scopes(form.all("scope")), principal, wildcard=wildcard)
        return _answer("access_token", self._tokens.access(principal.name, granted))

    def _caller(self, call: Call, form: "Form") -> Principal | None:
        username, password = basic(call.header("Authorization"))
        if username or password:
            return self._account(username, password)
        if call.method == "GET":
            _check_anonymous(call)
            return None
        grant = form.first("grant_type")
        if grant == "refresh_token":
            return self._refreshed(form.first("refresh_token"))
        if grant != "password":
            raise malformed(f"grant_type is {grant!r}, expected refresh_token or password")
        if not form.first("username") and not form.first("password"):
            _check_anonymous(call)
            return None
        return self._account(form.first("username"), form.first("password"))

    def _account(self, username: str, password: str) -> Principal:
        if username == TOKEN_USER:
            return self._refreshed(password)
        if not self._accounts.admin(username, password):
            raise _refused()
        return admin_principal(username)

    def _refreshed(self, token: str) -> Principal:
        try:
            return self._tokens.read_refresh(token)
        except InvalidToken as error:
            raise _refused() from error


class Form:
    """Fields that may be repeated."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = dict(fields)

    def add(self, fields: Mapping[str, list[str]]) -> None:
        """Add fields of a query behind those of the body."""
        for name, values in fields.items():
            self._fields[name] = [*self._fields.get(name, []), *values]

    def first(self, name: str) -> str:
        """Return a field's first value or the empty text."""
        return self._fields.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Return all values of a field."""
        return self._fields.get(name, [])


def _form(call: Call) -> Form:
    content_type = call.header("Content-Type").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise malformed(f"Content-Type is {content_type!r}, expected application/x-www-form-urlencoded")
    try:
        return Form(parse_query(call.body.decode()))
    except UnicodeDecodeError as error:
        raise malformed("body is not UTF-8") from error


def _check_service(call: Call, form: Form) -> None:
    if form.first("service") != call.login_server:
        raise malformed(f"service is {form.first('service')!r}, expected {call.login_server!r}")


def _check_anonymous(call: Call) -> None:
    if not call.options.anonymous_pull:
        raise _refused()


def _refused() -> Refusal:
    return Refusal(401, "UNAUTHORIZED", f"{UNAUTHORIZED_TEXT} CorrelationId: {uuid4()}")


def _answer(name: str, token: str) -> Reply:
    reply = json_reply(200, {name: token})
    reply.chunked = True
    return reply
