"""Resource Manager as an HTTP application: faults, access, limits, reading, and a record of each request."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from localcloud import connections, faults
from localcloud.arm import breakage, refusals
from localcloud.arm.access import authenticated
from localcloud.arm.address import Address, InvalidAddress, parse_address
from localcloud.arm.events import Author, Change, resource_event
from localcloud.arm.kinds import Origin, kind_of
from localcloud.arm.options import ArmOptions
from localcloud.arm.paging import PARAMETER
from localcloud.arm.read_limit import ReadLimit
from localcloud.arm.reading import Question, Reader
from localcloud.arm.refusals import ArmRefusal
from localcloud.arm.roles import Roles
from localcloud.arm.seeding import read_seeds
from localcloud.arm.store import Store
from localcloud.arm.wire import READS_LEFT, Reply, common_headers, refusal_reply
from localcloud.event_grid.events import Event
from localcloud.faults import Faults
from localcloud.identity import TENANT, Holder, Identity
from localcloud.traffic import SeenRequest, Traffic


class Arm:
    """One emulated Resource Manager.

    `store`, `options`, `roles`, `faults` and `traffic` may be used while it serves; a change through `store` raises
    no event, one through `put` or `delete` does. `on_event` takes the events.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        identity: Identity,
        on_event: Callable[[Event], None],
        subscriptions: Iterable[str] = (),
    ) -> None:
        self.options = ArmOptions()
        self.roles = Roles()
        self.store = Store(subscriptions)
        self.faults = Faults()
        self.traffic = Traffic()
        self._now = now
        self._identity = identity
        self._on_event = on_event
        self._limit = ReadLimit(now=now, options=self.options)
        self._reader = Reader(store=self.store, options=self.options, roles=self.roles)
        self._seeds: list[dict[str, Any]] = []

    @property
    def endpoint(self) -> str:
        """Where it is served, `https://HOST:PORT`; nextLinks begin with it."""
        return self._reader.endpoint

    @endpoint.setter
    def endpoint(self, endpoint: str) -> None:
        self._reader.endpoint = endpoint

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The ids of the subscriptions that are known."""
        return tuple(self.store.subscriptions)

    def app(self) -> web.Application:
        """Return the application that serves this Resource Manager."""
        application = web.Application()
        application.router.add_route("*", r"/{path:[\s\S]*}", self._serve)
        return application

    def seed(self, folder: Path, *, login_server: str) -> None:
        """Store the bodies of a folder, now and after each reset; InvalidSeed and the errors of `Store.put`."""
        self._seeds = read_seeds(folder, login_server=login_server)
        self.place(self._seeds)

    def place(self, bodies: Iterable[Mapping[str, Any]]) -> list[Address]:
        """Store bodies by their own `id` without any event, as if they had always been there."""
        return [self.store.put(str(body["id"]), body) for body in bodies]

    async def put(self, resource_id: str, body: Mapping[str, Any]) -> Address:
        """Create or replace a resource and raise its event; errors are those of `Store.put`."""
        address = self.store.put(resource_id, body)
        self._raise(Change.WRITE, address)
        return address

    async def delete(self, resource_id: str) -> Address:
        """Remove a resource with its children and raise its event; KeyError when it is not there."""
        address = self.store.delete(resource_id)
        self._raise(Change.DELETE, address)
        return address

    def reset(self) -> None:
        """Go back to the seeds; forget faults, traffic, roles and used-up limits, set the switches as at the start."""
        self.store.clear()
        self.place(self._seeds)
        self.faults.clear()
        self.traffic.clear()
        self.roles.clear()
        self._limit.clear()
        self.options.change(ArmOptions().as_json())

    def _raise(self, change: Change, address: Address) -> None:
        kind = kind_of(address.type)
        if self.options.events == "withheld" or kind is None or kind.origin is Origin.MADE:
            return
        source, author = self.options.event_source, Author(tenant=TENANT)
        self._on_event(resource_event(change, address, author=author, source=source, at=self._now()))

    # -- one request -----------------------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        exchange = _Exchange(request)
        action = self.faults.take(request.method, exchange.noun, request.path)
        if self.options.latency_seconds > 0:
            await asyncio.sleep(self.options.latency_seconds)
        if action is None:
            return self._respond(exchange, self._answer(exchange))
        return await self._broken(exchange, action)

    async def _broken(self, exchange: "_Exchange", action: faults.Action) -> web.StreamResponse:
        if isinstance(action, faults.Delay):
            await asyncio.sleep(action.seconds)
        if isinstance(action, faults.Reset | faults.Silence):
            return await self._unanswered(exchange, action)
        reply = breakage.instead(action) or breakage.bent(action, self._answer(exchange))
        if isinstance(action, faults.Truncated):
            return await self._truncated(exchange, reply, action.part)
        return self._respond(exchange, reply)

    def _answer(self, exchange: "_Exchange") -> Reply:
        try:
            return self._handle(exchange)
        except ArmRefusal as refusal:
            return refusal_reply(refusal)
        except Exception:
            self._record(exchange, 500)  # a defect of this emulator: aiohttp logs it and answers 500
            raise

    def _handle(self, exchange: "_Exchange") -> Reply:
        request, address = exchange.request, exchange.address
        version = exchange.parameter("api-version")
        if not version:
            raise refusals.missing_version()
        caller = authenticated(request.headers.get("Authorization", ""), self._identity)
        if address is None or request.method != "GET":
            raise refusals.not_emulated(request.method, request.path)
        left = self._counted(address, caller)
        token = exchange.parameter(PARAMETER)
        wanted = exchange.parameter("$filter")
        question = Question(address=address, version=version, caller=caller, token=token, filter=wanted)
        exchange.required = question.action
        return Reply(status=200, document=self._reader.answer(question), headers={READS_LEFT: str(left)})

    def _counted(self, address: Address, caller: Holder) -> int:
        left, wait_seconds = self._limit.take(address.subscription, caller.object_id)
        if wait_seconds:
            raise refusals.throttled(address.subscription, caller.object_id, wait_seconds)
        return left

    # -- answers -----------------------------------------------------------------------------------------------------

    def _respond(self, exchange: "_Exchange", reply: Reply) -> web.Response:
        self._record(exchange, reply.status)
        headers = {**common_headers(exchange.request.headers), **reply.headers}
        return web.Response(status=reply.status, body=reply.content(), headers=headers)

    async def _unanswered(self, exchange: "_Exchange", action: faults.Reset | faults.Silence) -> web.StreamResponse:
        self._record(exchange, 0)
        transport = exchange.request.transport
        if isinstance(action, faults.Silence):
            await connections.hold(transport)
        connections.reset(transport)
        return web.Response(status=500)

    async def _truncated(self, exchange: "_Exchange", reply: Reply, part: float) -> web.StreamResponse:
        whole = self._respond(exchange, reply)
        content = reply.content()
        response = web.StreamResponse(status=reply.status, headers=whole.headers)
        response.content_length = len(content)
        await response.prepare(exchange.request)
        await response.write(content[: int(len(content) * part)])
        if exchange.request.transport is not None:
            exchange.request.transport.close()
        return response

    def _record(self, exchange: "_Exchange", status: int) -> None:
        request = exchange.request
        self.traffic.add(
            SeenRequest(
                method=request.method,
                path=request.raw_path,
                kind=f"{request.method} {exchange.noun}",
                repository="",
                reference=str(exchange.address or ""),
                status=status,
                at=self._now(),
                host=request.headers.get("Host", ""),
                user_agent=request.headers.get("User-Agent", ""),
                scope="",
                authorization=request.headers.get("Authorization", "").partition(" ")[0],
                required=exchange.required,
            )
        )


class _Exchange:
    """One request while it is answered; `noun` is what faults and counts call it."""

    __slots__ = ("address", "noun", "request", "required")

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.address = _address(request.raw_path.partition("?")[0])
        self.noun = _noun(self.address)
        self.required = ""

    def parameter(self, name: str) -> str | None:
        """Return a parameter of the query, whatever case its name is written in."""
        return next((value for key, value in self.request.query.items() if key.lower() == name), None)


def _address(path: str) -> Address | None:
    try:
        return parse_address(path)
    except InvalidAddress:
        return None


def _noun(address: Address | None) -> str:
    if address is None:
        return "unknown"
    if not address.types:
        return "subscription"
    kind = kind_of(address.type)
    if kind is None:
        return "unknown"
    return f"{kind.type} list" if address.is_collection else kind.type
