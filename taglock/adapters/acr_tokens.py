"""Tokens of one registry: one exchange and one access token per scope and lifetime, however many calls want one.

Entra token -> POST /oauth2/exchange -> refresh token -> POST /oauth2/token -> access token for a scope. Realm, service
and scope come from this module, never from a challenge (https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from taglock.adapters.acr_answer import checked, lacking, registry_error
from taglock.adapters.acr_call import AcrOptions, Action, Answer, Call, Category, ScopeMode
from taglock.adapters.acr_claims import CATALOG, EVERY_REPOSITORY, Claims, Scope, read_claims
from taglock.adapters.acr_wire import decoded
from taglock.domain.reference import LoginServer, Repository
from taglock.errors import RegistryError, Unauthorized, Unavailable, shortened

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from taglock.domain.doctor_permissions import Granted

SCOPES_PER_REQUEST = 10
EARLIEST_REFRESH_SECONDS = 300.0
REFRESH_SHARE = 0.1

_READ_AND_WRITE = (Action.METADATA_READ, Action.METADATA_WRITE)
ACTIONS_TO_ASK: dict[Action, tuple[tuple[Action, ...], ...]] = {
    Action.METADATA_WRITE: (_READ_AND_WRITE,),
    # An identity that may only read still gets its reads: the wide scope first, the narrow one if that is refused.
    Action.METADATA_READ: (_READ_AND_WRITE, (Action.METADATA_READ,)),
    Action.PULL: ((Action.PULL,),),
    Action.CATALOG: ((Action.CATALOG,),),
}
ACTIONS_TO_PROVE = (Action.METADATA_READ, Action.METADATA_WRITE, Action.PULL, "push", "delete")
"""What the doctor asks about: what the app needs, and what it must not have."""

type Send = Callable[[Call], Awaitable[Answer]]


class WireRefreshToken(msgspec.Struct):
    """Answer of /oauth2/exchange."""

    refresh_token: str


class WireAccessToken(msgspec.Struct):
    """Answer of /oauth2/token."""

    access_token: str


_refresh_decoder = msgspec.json.Decoder(WireRefreshToken)
_access_decoder = msgspec.json.Decoder(WireAccessToken)


@dataclass(frozen=True, slots=True)
class _Held:
    token: str = field(repr=False)
    fresh_until: float


@dataclass(frozen=True, slots=True)
class _Refused:
    missing: frozenset[str]


class Tokens:
    """Give each call a token that allows what it needs."""

    def __init__(
        self, login_server: LoginServer, *, credential: "AsyncTokenCredential", options: AcrOptions, send: Send
    ) -> None:
        self._login_server = login_server
        self._credential = credential
        self._options = options
        self._send = send
        self._per_repository = options.scopes is ScopeMode.PER_REPOSITORY
        self._refresh: _Held | None = None
        self._exchange: asyncio.Task[str] | None = None
        self._held: dict[Scope, _Held] = {}
        self._flights: dict[Scope, asyncio.Future[_Held | _Refused]] = {}
        self._queue: list[Scope] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def token(self, call: Call) -> str:
        """Return an access token for the call's need; raise Unauthorized naming the action that is not granted."""
        for scope in self._scopes(call):
            held = self._held.get(scope)
            if held is not None and self._is_fresh(held):
                return held.token
        return await self._fetched(call)

    async def granted(self, repositories: Sequence[Repository]) -> "Granted":
        """Ask what the identity may do now, by the claims of tokens that are thrown away; raises RegistryError."""
        from taglock.domain.doctor_permissions import Granted

        await self._start(self._exchanged())  # an older refresh token carries the roles of its time
        names = tuple(repositories) if self._per_repository else (EVERY_REPOSITORY,)
        scopes = [Scope(CATALOG, (Action.CATALOG,)), *(Scope(name, ACTIONS_TO_PROVE) for name in names)]
        found: set[tuple[str, str]] = set()
        for part in batched(scopes, SCOPES_PER_REQUEST, strict=False):
            call, answer = await self._token_answer(part)
            found |= read_claims(call, decoded(_access_decoder, call, answer).access_token).granted
        return Granted(
            per_repository=self._per_repository,
            catalog=(CATALOG, Action.CATALOG) in found,
            repositories={name: frozenset(action for where, action in found if where == name) for name in names},
        )

    def drop(self, token: str) -> None:
        """Forget an access token that the registry no longer accepts."""
        self._held = {scope: held for scope, held in self._held.items() if held.token != token}

    async def aclose(self) -> None:
        """End the requests under way; whoever still waits for one is cancelled."""
        for task in tuple(self._tasks):
            task.cancel()
        for flight in self._flights.values():
            flight.cancel()
        self._flights, self._queue, self._exchange = {}, [], None
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _scopes(self, call: Call) -> list[Scope]:
        if call.need is None:
            return []
        own = self._per_repository or call.need.action is Action.CATALOG
        repository = call.need.repository if own else EVERY_REPOSITORY
        return [Scope(repository, actions) for actions in ACTIONS_TO_ASK[call.need.action]]

    def _is_fresh(self, held: _Held) -> bool:
        return self._options.monotonic() < held.fresh_until

    async def _fetched(self, call: Call) -> str:
        await self._refresh_token()  # tells whether the registry honours the wildcard
        assert call.need is not None
        for scope in self._scopes(call):
            result = await self._flight(scope)
            if isinstance(result, _Held):
                return result.token
            if call.need.action in result.missing:
                break
        self._refresh = None  # it carries the roles of its time: a role that was just given needs a new one
        raise lacking(call, call.need.action, status=401)

    async def _flight(self, scope: Scope) -> _Held | _Refused:
        """Join the request for this scope or start it; it belongs to nobody, so a cancelled caller harms no other."""
        flight = self._flights.get(scope)
        if flight is None:
            flight = self._flights[scope] = asyncio.get_running_loop().create_future()
            self._queue.append(scope)
            if len(self._queue) == 1:
                self._start(self._drain())
        return await asyncio.shield(flight)

    async def _drain(self) -> None:
        """Ask for all that was wanted in the turn of the loop before, ten scopes a request as acr-cli does."""
        queue, self._queue = self._queue, []
        for start in range(0, len(queue), SCOPES_PER_REQUEST):
            self._start(self._land(queue[start : start + SCOPES_PER_REQUEST]))

    async def _land(self, scopes: Sequence[Scope]) -> None:
        try:
            results = await self._asked(scopes)
        except Exception as error:
            for scope in scopes:
                self._flights.pop(scope).set_exception(error)
        else:
            for scope, result in zip(scopes, results, strict=True):
                self._flights.pop(scope).set_result(result)

    async def _asked(self, scopes: Sequence[Scope]) -> list[_Held | _Refused]:
        asked_at = self._options.monotonic()
        call, answer = await self._token_answer(scopes)
        token = decoded(_access_decoder, call, answer).access_token
        claims = read_claims(call, token)
        held = _Held(token, asked_at + usable_seconds(claims))
        results = [_Refused(missing) if (missing := claims.missing(scope)) else held for scope in scopes]
        self._held |= {scope: held for scope, result in zip(scopes, results, strict=True) if result is held}
        return results

    async def _token_answer(self, scopes: Sequence[Scope]) -> tuple[Call, Answer]:
        """Ask for an access token; a refresh token that is refused is replaced once."""
        call, answer = await self._token_request(scopes)
        if answer.status == 401:
            self._refresh = None
            call, answer = await self._token_request(scopes)
        return call, checked(call, answer)

    async def _token_request(self, scopes: Sequence[Scope]) -> tuple[Call, Answer]:
        refresh_token = await self._refresh_token()
        scope = " ".join(str(scope) for scope in scopes)
        call = self._form("token", grant_type="refresh_token", scope=scope, refresh_token=refresh_token)
        return call, await self._send(call)

    async def _refresh_token(self) -> str:
        if self._refresh is not None and self._is_fresh(self._refresh):
            return self._refresh.token
        if self._exchange is None or self._exchange.done():
            self._exchange = self._start(self._exchanged())
        return await asyncio.shield(self._exchange)

    async def _exchanged(self) -> str:
        call = self._form("exchange", grant_type="access_token", access_token=await self._entra_token())
        asked_at = self._options.monotonic()
        answer = await self._send(call)
        if answer.status == 401:
            raise self._no_role(call, answer)
        token = decoded(_refresh_decoder, call, checked(call, answer)).refresh_token
        claims = read_claims(call, token)
        self._refresh = _Held(token, asked_at + usable_seconds(claims))
        if self._options.scopes is ScopeMode.DETECT:
            self._per_repository = claims.per_repository
        return token

    async def _entra_token(self) -> str:
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        scope = f"{self._options.audience.removesuffix('/')}/.default"
        try:
            async with asyncio.timeout(self._options.request_timeout_seconds):
                return (await self._credential.get_token(scope)).token
        except ClientAuthenticationError as error:
            raise self._no_entra_token(Unauthorized, error) from error
        except (AzureError, TimeoutError) as error:
            raise self._no_entra_token(Unavailable, error) from error

    def _no_entra_token(self, kind: type[RegistryError], error: Exception) -> RegistryError:
        reason = f"no Entra token for {self._options.audience!r}: {type(error).__name__} {shortened(str(error), 200)}"
        return kind(reason, operation="sign in", target=self._login_server)

    def _no_role(self, call: Call, answer: Answer) -> Unauthorized:
        error = registry_error(call, answer)
        reason = (
            f"{error.reason}; the identity has no role on this registry, expected at least one "
            f"(or the registry refuses tokens for the audience {self._options.audience!r})"
        )
        return Unauthorized(reason, operation=call.operation, target=call.target, status=401, code=error.code)

    def _form(self, endpoint: str, **fields: str) -> Call:
        return Call(
            method="POST",
            path=f"/oauth2/{endpoint}",
            operation=f"oauth2 {endpoint}",
            target=self._login_server,
            category=Category.TOKEN,
            body=urlencode({"service": self._login_server} | fields).encode("ascii"),
            content_type="application/x-www-form-urlencoded",
        )

    def _start[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be left to


def usable_seconds(claims: Claims) -> float:
    """Return how long a token is used: its lifetime less a tenth, at most five minutes."""
    return claims.lifetime_seconds - min(EARLIEST_REFRESH_SECONDS, claims.lifetime_seconds * REFRESH_SHARE)
