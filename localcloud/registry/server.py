"""The registry as an HTTP application: faults, limits, access, handling, and a record of each request."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from aiohttp import web

from localcloud import connections, faults
from localcloud.faults import Faults
from localcloud.registry import acr_api, breakage, oci_blobs, oci_manifests, routes
from localcloud.registry.access import Access, Challenge, unauthorized
from localcloud.registry.call import Call, parse_query
from localcloud.registry.events import Origin, RegistryEvent
from localcloud.registry.oauth import Accounts, TokenService
from localcloud.registry.options import RegistryOptions
from localcloud.registry.principal import Principal
from localcloud.registry.refusals import Refusal, manifest_invalid, not_emulated
from localcloud.registry.routes import Need, Route, check_name, kind_of, need_of, parse_route
from localcloud.registry.store import Store
from localcloud.registry.throttle import Category, Throttle, category_of
from localcloud.registry.tokens import InvalidToken, Tokens
from localcloud.registry.wire import Reply, add_data_plane_headers, add_oauth_headers, refusal_reply, to_response
from localcloud.traffic import SeenRequest, Traffic

_OAUTH = (routes.EXCHANGE, routes.TOKEN)
_LONGEST_SMALL_BODY_BYTES = 1024 * 1024


def _ignore(event: RegistryEvent) -> None:
    del event


class Registry:
    """One emulated registry.

    `login_server` may be set after construction, once a port is known. `authenticate` says for which identity an AAD
    access token stands (None: refused). `on_event` is called after each push and delete. `options`, `faults`,
    `traffic` and `store` may be used while the registry serves.
    """

    def __init__(
        self,
        *,
        login_server: str,
        now: Callable[[], datetime],
        authenticate: Callable[[str], Principal | None],
        on_event: Callable[[RegistryEvent], None] = _ignore,
        username: str = "",
        password: str = "",
        options: RegistryOptions | None = None,
    ) -> None:
        self.login_server = login_server
        self.options = options if options is not None else RegistryOptions()
        self.traffic = Traffic()
        self.faults = Faults()
        self.store = Store(options=self.options, now=now, emit=on_event)
        self.throttle = Throttle(now=now, options=self.options)
        self._now = now
        self._tokens = Tokens(service=lambda: self.login_server, now=now, options=self.options)
        self._accounts = Accounts(username=username, password=password, authenticate=authenticate, options=self.options)
        service = TokenService(tokens=self._tokens, accounts=self._accounts)
        self._handlers: dict[str, Callable[[Call], Reply]] = {
            routes.PING: oci_manifests.ping,
            routes.OCI_CATALOG: oci_manifests.catalog,
            routes.TAG_LIST: oci_manifests.tag_list,
            routes.MANIFEST: oci_manifests.manifest,
            routes.REFERRERS: oci_manifests.referrers,
            routes.BLOB: oci_blobs.blob,
            routes.UPLOADS: oci_blobs.uploads,
            routes.UPLOAD: oci_blobs.upload,
            routes.EXCHANGE: service.exchange,
            routes.TOKEN: service.token,
        }

    def app(self) -> web.Application:
        """Return the application that serves this registry."""
        # Uploads may be of any size; bodies of other requests are limited where they are read.
        application = web.Application(client_max_size=0)
        application.router.add_route("*", r"/{path:[\s\S]*}", self._serve)
        return application

    def reset(self) -> None:
        """Forget content, faults, traffic and used-up limits; switches, accounts and tokens stay."""
        self.store.clear()
        self.faults.clear()
        self.traffic.clear()
        self.throttle.reset()

    # -- one request -----------------------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw_path, _, _ = request.raw_path.partition("?")
        route = parse_route(raw_path)
        exchange = _Exchange(request, route, need_of(request.method, route, self.options))
        action = self.faults.take(request.method, exchange.kind, route.path)
        if self.options.latency_seconds > 0:
            await asyncio.sleep(self.options.latency_seconds)
        if action is None:
            return self._respond(exchange, await self._answer(exchange))
        return await self._broken(exchange, action)

    async def _broken(self, exchange: "_Exchange", action: faults.Action) -> web.StreamResponse:
        if isinstance(action, faults.Delay):
            await asyncio.sleep(action.seconds)
        reply = breakage.instead(action, self.login_server, exchange.need)
        if reply is not None:
            return self._respond(exchange, reply)
        if isinstance(action, faults.Reset | faults.Silence):
            if action.when == "after":
                await self._answer(exchange)
            return await self._unanswered(exchange, action)
        reply = breakage.bent(action, await self._answer(exchange))
        if isinstance(action, faults.Truncated):
            return await self._truncated(exchange, reply, action.part)
        return self._respond(exchange, reply)

    async def _answer(self, exchange: "_Exchange") -> Reply:
        try:
            return await self._handle(exchange)
        except Refusal as refusal:
            return refusal_reply(refusal)
        except Exception:
            self._record(exchange, 500)  # a defect of this emulator: aiohttp logs it and answers 500
            raise

    async def _handle(self, exchange: "_Exchange") -> Reply:
        request, route = exchange.request, exchange.route
        if route.noun == routes.UNKNOWN:
            raise not_emulated(request.method, route.path)
        check_name(route)
        access, error = self._identify(exchange)
        category = category_of(request.method, route)
        left = self.throttle.count(category, access.subject if access is not None else None)
        if route.noun not in _OAUTH:
            self._authorize(exchange, access, error)
        call = await self._call(exchange, access)
        reply = self._handlers.get(route.noun, acr_api.handle)(call)
        if category in (Category.OAUTH, Category.DELETE):
            shown = f"{left:.6f}" if category is Category.DELETE else f"{left:.2f}"
            reply.headers["X-Ms-Ratelimit-Remaining-Calls-Per-Second"] = shown
        return reply

    def _identify(self, exchange: "_Exchange") -> tuple[Access | None, str]:
        authorization = exchange.authorization
        if not authorization or exchange.route.noun in _OAUTH:
            return None, ""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return self._accounts.access(authorization), ""
        try:
            return self._tokens.read_access(token.strip()), ""
        except InvalidToken:
            return None, "invalid_token"

    def _authorize(self, exchange: "_Exchange", access: Access | None, error: str) -> None:
        need = exchange.need
        if access is not None:
            if need is None or access.allows(need):
                return
            error = "insufficient_scope"
        challenge = Challenge(
            realm=f"https://{self.login_server}/oauth2/token",
            service=self.login_server,
            scope=need.scope if need is not None else "",
            error=error,
        )
        raise unauthorized(challenge, need)

    async def _call(self, exchange: "_Exchange", access: Access | None) -> Call:
        request = exchange.request
        origin = Origin(
            request_id=exchange.request_id,
            host=exchange.host,
            method=request.method,
            user_agent=request.headers.get("User-Agent", ""),
        )
        call = Call(
            method=request.method,
            route=exchange.route,
            query=parse_query(request.raw_path.partition("?")[2]),
            headers=request.headers,
            accept=",".join(request.headers.getall("Accept", ())),
            body=await _body(request, exchange.route),
            origin=origin,
            access=access,
            login_server=self.login_server,
            store=self.store,
            options=self.options,
        )
        exchange.note_scope(call)
        return call

    # -- answers -----------------------------------------------------------------------------------------------------

    def _respond(self, exchange: "_Exchange", reply: Reply) -> web.Response:
        self._record(exchange, reply.status)
        headers = reply.headers
        if exchange.route.noun in _OAUTH:
            add_oauth_headers(headers)
        else:
            add_data_plane_headers(headers)
            if exchange.route.path.startswith("/v2") or exchange.request.method == "DELETE":
                headers["X-Ms-Request-Id"] = exchange.request_id
                if client_id := exchange.request.headers.get("x-ms-client-request-id"):
                    headers["X-Ms-Client-Request-Id"] = client_id
        if exchange.request.keep_alive:
            headers["Connection"] = "keep-alive"
        return to_response(reply)

    async def _unanswered(self, exchange: "_Exchange", action: faults.Reset | faults.Silence) -> web.StreamResponse:
        self._record(exchange, 0)
        transport = exchange.request.transport
        if isinstance(action, faults.Silence):
            await connections.hold(transport)
        connections.reset(transport)
        return web.Response(status=500)

    async def _truncated(self, exchange: "_Exchange", reply: Reply, part: float) -> web.StreamResponse:
        whole = self._respond(exchange, reply)
        response = web.StreamResponse(status=reply.status, headers=whole.headers)
        response.content_length = len(reply.body)
        await response.prepare(exchange.request)
        await response.write(reply.body[: int(len(reply.body) * part)])
        if exchange.request.transport is not None:
            exchange.request.transport.close()
        return response

    def _record(self, exchange: "_Exchange", status: int) -> None:
        request, need = exchange.request, exchange.need
        self.traffic.add(
            SeenRequest(
                method=request.method,
                path=request.raw_path,
                kind=f"{request.method} {exchange.kind}",
                repository=exchange.route.repository,
                reference=exchange.route.reference,
                status=status,
                at=self._now(),
                host=exchange.host,
                user_agent=request.headers.get("User-Agent", ""),
                scope=exchange.scope,
                authorization=exchange.authorization.partition(" ")[0],
                required=need.scope if need is not None else "",
            )
        )


class _Exchange:
    """One request while it is answered."""

    __slots__ = ("authorization", "host", "kind", "need", "request", "request_id", "route", "scope")

    def __init__(self, request: web.Request, route: Route, need: Need | None) -> None:
        self.request = request
        self.route = route
        self.need = need
        self.kind = kind_of(request.method, route)
        self.host = request.headers.get("Host", "")
        self.authorization = request.headers.get("Authorization", "")
        self.request_id = str(uuid4())
        self.scope = ""

    def note_scope(self, call: Call) -> None:
        """Remember which scopes a token request asks for."""
        if self.route.noun == routes.TOKEN:
            form = parse_query(call.body.decode(errors="replace"))
            self.scope = " ".join([*form.get("scope", ()), *call.query.get("scope", ())])


async def _body(request: web.Request, route: Route) -> bytes:
    if request.method in ("GET", "HEAD", "DELETE"):
        return b""
    if route.noun not in (routes.UPLOAD, routes.UPLOADS):
        largest = oci_manifests.LARGEST_MANIFEST_BYTES if route.noun == routes.MANIFEST else _LONGEST_SMALL_BODY_BYTES
        if (request.content_length or 0) > largest:
            raise manifest_invalid("request body too large")
    return await request.read()
