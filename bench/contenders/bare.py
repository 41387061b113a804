"""The floor: the same requests in the same order with a ready token over warm connections, and nothing else.

Nothing is parsed, decided, proved or recorded. The children of an index are known beforehand; the index is still read,
as anybody has to who gets only the event.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from yarl import URL

from bench.emulator import BenchFailed, Emulator
from bench.pushes import Push
from taglock.adapters.credential import open_credential

AUDIENCE = "https://containerregistry.azure.net/.default"
SCOPE = "registry:catalog:* repository:*:metadata_read,metadata_write"
KEEP_ALIVE_SECONDS = 60.0
TAG_BODY = b'{"deleteEnabled":false,"writeEnabled":false}'
MANIFEST_BODY = b'{"deleteEnabled":false}'


class Bare:
    """A loop around aiohttp."""

    def __init__(self, session: ClientSession, *, base: str) -> None:
        self._session = session
        self._base = base

    async def lock(self, push: Push) -> None:
        """Send what a lock needs; children before their index."""
        tag = self._send("PATCH", push, f"_tags/{push.tag}", TAG_BODY)
        if not push.children:
            await asyncio.gather(tag, self._patch(push, push.digest))
            return
        await asyncio.gather(tag, self._closure(push))

    async def keep(self, push: Push) -> None:
        """Send the one request that keeps a plain image from being deleted."""
        await self._patch(push, push.digest)

    async def fetch(self, path: str) -> str | None:
        """Read one page and return the path of the next one, None on the last."""
        async with self._session.get(URL(f"{self._base}{path}", encoded=True)) as answer:
            await answer.read()
            if answer.status != 200:
                raise BenchFailed(f"GET {path}: {answer.status}, expected 200")
            return answer.headers["Link"].partition(">")[0].lstrip("<") if "Link" in answer.headers else None

    async def _closure(self, push: Push) -> None:
        await self._send("GET", push, f"_manifests/{push.digest}")
        await asyncio.gather(*(self._patch(push, child) for child in push.children))
        await self._patch(push, push.digest)

    async def _patch(self, push: Push, digest: str) -> None:
        await self._send("PATCH", push, f"_manifests/{digest}", MANIFEST_BODY)

    async def _send(self, method: str, push: Push, path: str, body: bytes | None = None) -> None:
        url = URL(f"{self._base}/acr/v1/{quote(push.repository, safe='')}/{path}", encoded=True)
        async with self._session.request(method, url, data=body) as answer:
            await answer.read()
            if answer.status != 200:
                raise BenchFailed(f"{method} {url}: {answer.status}, expected 200")


@asynccontextmanager
async def opened_bare(emulator: Emulator) -> AsyncIterator[Bare]:
    """Fetch one token for all repositories and keep connections open."""
    base = f"https://{emulator.started.login_server}"
    trust = ssl.create_default_context(cafile=emulator.started.ca_file)
    async with ClientSession(
        connector=TCPConnector(ssl=trust, keepalive_timeout=KEEP_ALIVE_SECONDS), cookie_jar=DummyCookieJar()
    ) as session:
        token = await _token(session, base, emulator.started.login_server)
        session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        yield Bare(session, base=base)


async def _token(session: ClientSession, base: str, service: str) -> str:
    async with open_credential(client_id=None) as credential:
        entra = (await credential.get_token(AUDIENCE)).token
    form = {"grant_type": "access_token", "service": service, "access_token": entra}
    refresh = await _posted(session, f"{base}/oauth2/exchange", form)
    form = {"grant_type": "refresh_token", "service": service, "scope": SCOPE, "refresh_token": refresh}
    return await _posted(session, f"{base}/oauth2/token", form)


async def _posted(session: ClientSession, url: str, form: dict[str, str]) -> str:
    async with session.post(url, data=form) as answer:
        if answer.status != 200:
            raise BenchFailed(f"POST {url}: {answer.status}, expected 200")
        (token,) = json.loads(await answer.read()).values()
        return str(token)
