"""A topic on loopback: real HTTPS, answers as told, and remembers what it was sent."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport

from taglock.adapters.event_publisher import TopicPublisher, open_publisher


@dataclass(slots=True, eq=False)
class Topic:
    """What the topic answers, and each request it got."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    refuse_after: int | None = None
    """The number of requests to accept before answering `status`; None for no such number."""

    seen: list[tuple[web.Request, bytes]] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request, await request.read()))
        if self.silent:
            await self.stopping.wait()
        if self.refuse_after is not None and len(self.seen) <= self.refuse_after:
            return web.Response()
        return web.Response(status=self.status, headers=self.headers)


@dataclass(frozen=True, slots=True)
class StaticCredential:
    """A credential as the SDK expects one, without a sign-in behind it."""

    token: str = "a-token"

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://eventgrid.azure.net/.default",)
        return AccessToken(self.token, 4_000_000_000)

    async def close(self) -> None: ...

    async def __aenter__(self) -> "StaticCredential":
        return self

    async def __aexit__(self, *_: object) -> None: ...


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
async def endpoint(topic: Topic, authority: trustme.CA) -> AsyncIterator[str]:
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_route("*", "/api/events", topic.answer)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/api/events"
    topic.stopping.set()
    await runner.cleanup()


@pytest.fixture
async def publisher(endpoint: str, ca_file: Path) -> AsyncIterator[TopicPublisher]:
    transport = AioHttpTransport(connection_verify=str(ca_file))
    opened = open_publisher(endpoint, credential=StaticCredential(), transport=transport)
    yield opened
    await opened.aclose()
