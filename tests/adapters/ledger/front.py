"""A server before the emulator: counts requests, and answers, breaks or delays the next ones as told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that the emulator has no part in; status 0 breaks the connection, None never answers."""

    status: int | None
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """The emulator gets the request, and its answer is lost."""


@dataclass(slots=True, eq=False)
class Front:
    """The server; `next` holds what happens to the next requests, the emulator answers all others."""

    origin: str
    session: aiohttp.ClientSession
    next: deque[Answer | LoseAnswer] = field(default_factory=deque)
    seen: list[str] = field(default_factory=list)
    counted: asyncio.Condition = field(default_factory=asyncio.Condition)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    endpoint: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        async with self.counted:
            self.seen.append(request.method)
            self.counted.notify_all()
        planned = self.next.popleft() if self.next else None
        match planned:
            case Answer(status=None):
                await self.stopping.wait()
            case Answer(status=int(status), code=code, headers=headers) if status:
                return web.Response(status=status, headers=headers | ({"x-ms-error-code": code} if code else {}))
            case None:
                return await self.forwarded(request)
            case LoseAnswer():
                await self.forwarded(request)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def reached(self, count: int) -> None:
        """Wait until that many requests were seen."""
        async with self.counted:
            await self.counted.wait_for(lambda: len(self.seen) >= count)

    async def forwarded(self, request: web.Request) -> web.Response:
        url = URL(f"{self.origin}{request.raw_path}", encoded=True)
        # Nothing may be added to what was signed, such as a content type where there is no content.
        content = await request.read() or None
        async with self.session.request(request.method, url, headers=request.headers, data=content) as answer:
            headers = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, headers=headers, body=await answer.read())


HOP_BY_HOP = ("transfer-encoding", "connection", "keep-alive", "content-length", "content-encoding", "date", "server")


@asynccontextmanager
async def fronted(endpoint: str) -> AsyncIterator[Front]:
    """Run a front before a table endpoint."""
    parts = urlsplit(endpoint)
    async with aiohttp.ClientSession() as session:
        front = Front(f"{parts.scheme}://{parts.netloc}", session)
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", front.answer)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        front.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}{parts.path}"
        yield front
        front.stopping.set()
        await runner.cleanup()
