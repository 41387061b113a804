"""A scripted HTTPS peer on loopback that answers as a test tells it, and counts what it was asked."""

import asyncio
import json
import ssl
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from aiohttp import web
from azure.core.credentials import AccessToken

from taglock.domain.reference import Digest, LoginServer, Repository, Tag

REPOSITORY = Repository("prod/api")
TAG = Tag("1.4.2")
DIGEST = Digest("sha256:" + "a" * 64)
OTHER_DIGEST = Digest("sha256:" + "b" * 64)
ALL_ON = {"deleteEnabled": True, "writeEnabled": True, "readEnabled": True, "listEnabled": True}

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def jwt(**claims: object) -> str:
    """Return an unsigned token: its signature is the registry's business alone."""
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def access_token(scope: str, *, lifetime: float = 4500, issued: float = 1_646_695_184, **extra: object) -> str:
    """Return a token that grants everything asked, one entry a repository, as recorded in 2022."""
    entries = []
    for part in scope.split():
        kind, name, actions = part.split(":")
        entries.append({"Type": kind, "Name": name, "Actions": actions.split(",")})
    return jwt(iat=issued, nbf=issued, exp=issued + lifetime, **{"access": entries, **extra})


def refresh_token(*, lifetime: float = 11_700, issued: float = 1_646_695_184, **extra: object) -> str:
    return jwt(iat=issued, nbf=issued, exp=issued + lifetime, grant_type="refresh_token", **extra)


def errors(code: str, message: str = "no") -> str:
    return json.dumps({"errors": [{"code": code, "message": message}]})


class Credential:
    """A credential as azure-identity's: asynchronous, and counted."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    async def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        self.scopes.extend(scopes)
        return AccessToken("entra-token", 2_000_000_000)

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> "Credential":
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None


@dataclass
class Peer:
    """What the peer answers, and what it saw."""

    login_server: LoginServer
    seen: Counter[str] = field(default_factory=Counter)
    scopes: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    connections: int = 0
    answer: Handler | None = None
    exchange: Handler | None = None
    token: Handler | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        kind = request.path if request.path.startswith("/oauth2/") else request.method
        self.seen[kind] += 1
        if kind == "/oauth2/exchange":
            return await (self.exchange or grant_refresh)(request)
        if kind == "/oauth2/token":
            self.scopes.append(parse_qs(await request.text())["scope"][0])
            return await (self.token or grant_access)(request)
        self.paths.append(request.raw_path)
        self.authorizations.append(request.headers.get("Authorization"))
        return await (self.answer or self.tag_answer)(request)

    async def tag_answer(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self.tag_json())

    def tag_json(self, **changed: object) -> dict[str, object]:
        tag = {
            "name": TAG,
            "digest": DIGEST,
            "createdTime": "2022-03-07T23:33:47.2842157Z",
            "lastUpdateTime": "2022-03-07T23:33:47.2842157Z",
            "signed": False,
            "changeableAttributes": ALL_ON,
        }
        return {"registry": self.login_server, "imageName": REPOSITORY, "tag": tag} | changed


async def grant_refresh(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"refresh_token": refresh_token()})


async def grant_access(request: web.Request) -> web.StreamResponse:
    scope = parse_qs(await request.text())["scope"][0]
    return web.json_response({"access_token": access_token(scope)})


def challenge(peer: Peer, error: str, *, realm: str = "") -> web.Response:
    """Answer 401 as the registry does; the realm, service and scope may lie."""
    header = f'Bearer realm="{realm or f"https://{peer.login_server}/oauth2/token"}",service="x",scope="repository:*:*"'
    header += f',error="{error}"' if error else ""
    return web.Response(
        status=401,
        text=errors("UNAUTHORIZED", "authentication required"),
        content_type="application/json",
        headers={"WWW-Authenticate": header},
    )


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[Peer]:
    """Serve a peer on a free port of 127.0.0.1 until the block ends."""
    peer = Peer(LoginServer("not yet listening"))
    server = web.Server(peer.handle)  # type: ignore[arg-type] # aiohttp calls it with what it is typed for

    def protocol() -> asyncio.BaseProtocol:
        peer.connections += 1
        return server()

    listener = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=context)
    peer.login_server = LoginServer(f"localhost:{listener.sockets[0].getsockname()[1]}")
    try:
        yield peer
    finally:
        listener.close()
        await server.shutdown(0.1)
        await listener.wait_closed()
