"""A scripted Azure Resource Manager over real HTTPS on loopback, which counts what it was asked."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time
from typing import Any

from aiohttp import web
from azure.core.credentials import AccessToken

from taglock.domain.arm_resource import ResourceId, ResourceKind

SUBSCRIPTION = "0b1f6471-1bf0-4dda-aec3-111122223333"
SECRET = "hunter2-do-not-copy"
API, OLD, SIDE = "contoso.azurecr.io/api:1.4.2", "contoso.azurecr.io/api:1.4.1", "contoso.azurecr.io/side:2"

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def resource(kind: ResourceKind, name: str = "shop") -> ResourceId:
    slot = "staging" if kind is ResourceKind.SLOT else ""
    return ResourceId(subscription=SUBSCRIPTION, resource_group="rg", kind=kind, name=name, slot=slot)


APP, JOB = resource(ResourceKind.CONTAINER_APP), resource(ResourceKind.CONTAINER_APP_JOB)
SITE, SLOT = resource(ResourceKind.SITE), resource(ResourceKind.SLOT)
GROUP = resource(ResourceKind.CONTAINER_GROUP)


def template(*images: str) -> dict[str, Any]:
    return {"containers": [{"image": image, "env": [{"value": SECRET}]} for image in images]}


def app(*images: str, **properties: Any) -> dict[str, Any]:
    return {"properties": {"provisioningState": "Succeeded", "template": template(*images)} | properties}


def error(code: str, message: str = "no") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


class Credential:
    """A credential as azure-identity's: asynchronous, and counted."""

    def __init__(self) -> None:
        self.scopes: list[str] = []
        self.lifetime_seconds = 3_600.0
        self.failure: Exception | None = None

    async def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        self.scopes.extend(scopes)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return AccessToken(f"entra-token-{len(self.scopes)}", int(time() + self.lifetime_seconds))

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> "Credential":
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None


@dataclass
class Peer:
    """What the peer answers, by path without query, and what it saw."""

    host: str
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    answer: Handler | None = None
    paths: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)
    authorizations: list[str | None] = field(default_factory=list)
    connections: int = 0

    def put(self, path: object, body: dict[str, Any]) -> None:
        self.bodies[str(path).lower()] = body

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        self.versions.add(request.query.get("api-version", "none"))
        self.authorizations.append(request.headers.get("Authorization"))
        return await (self.answer or self.known)(request)

    def reply(self, body: bytes | dict[str, Any], *, status: int = 200, **headers: str) -> None:
        """Answer every request with this body; `content_type` becomes `Content-Type`."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Content-Type": "application/json"} | {k.replace("_", "-").title(): v for k, v in headers.items()}

        async def answer(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=raw, headers=named)

        self.answer = answer

    async def known(self, request: web.Request) -> web.StreamResponse:
        body = self.bodies.get(request.path.lower())
        if body is None:
            return web.json_response(error("ResourceNotFound"), status=404)
        return web.json_response(body)


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[Peer]:
    """Serve a peer on a free port of 127.0.0.1 until the block ends."""
    peer = Peer("not yet listening")
    server = web.Server(peer.handle)  # type: ignore[arg-type] # aiohttp calls it with what it is typed for

    def protocol() -> asyncio.BaseProtocol:
        peer.connections += 1
        return server()

    listener = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=context)
    peer.host = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        listener.close()
        await server.shutdown(0.1)
        await listener.wait_closed()
