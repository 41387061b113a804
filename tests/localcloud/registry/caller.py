"""A plain HTTPS client for the tests: it speaks the protocol and knows nothing of the emulator's code."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

ADMIN = ("admin", "secret-of-admin")


@dataclass(slots=True)
class Clock:
    """A clock that stands still until a test moves it."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Got:
    """An answer, read completely."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of the first error."""
        return str(self.json["errors"][0]["code"])


@dataclass(slots=True)
class Caller:
    """Calls one registry; `authorization` is sent unless a call names another one."""

    session: aiohttp.ClientSession
    port: int
    service: str
    authorization: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Got:
        """Send a request; a header's name is given with underscores, `authorization=""` sends none."""
        sent = {"Authorization": self.authorization, **self.extra}
        sent |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
        url = URL(f"https://127.0.0.1:{self.port}{path}", encoded=True)
        chosen = {name: value for name, value in sent.items() if value}
        async with self.session.request(method, url, data=data, headers=chosen, allow_redirects=False) as response:
            return Got(response.status, response.headers, await response.read())

    async def form(self, path: str, text: str, **headers: str) -> Got:
        """Send a form as it is written."""
        form_type = {"Content_Type": "application/x-www-form-urlencoded", "authorization": ""}
        return await self.ask("POST", path, text.encode(), **form_type | headers)

    async def refresh_token(self, aad_token: str) -> str:
        """Exchange an AAD token."""
        text = f"grant_type=access_token&service={self.service}&access_token={aad_token}"
        got = await self.form("/oauth2/exchange", text)
        return str(got.json["refresh_token"])

    async def token(self, aad_token: str, *scopes: str) -> str:
        """Go the way of the SDKs to an access token."""
        refresh = await self.refresh_token(aad_token)
        scope = "".join(f"&scope={each}" for each in scopes)
        text = f"grant_type=refresh_token&service={self.service}&refresh_token={refresh}{scope}"
        got = await self.form("/oauth2/token", text)
        return str(got.json["access_token"])

    async def ask_as(self, aad_token: str, method: str, path: str, body: object = None) -> Got:
        """Send a request without a token, follow its challenge, and send it again, as the SDKs do."""
        refused = await self.ask(method, path, body, authorization="")
        assert refused.status == 401
        scope = refused.headers["WWW-Authenticate"].partition('scope="')[2].partition('"')[0]
        token = await self.token(aad_token, scope)
        return await self.ask(method, path, body, authorization=f"Bearer {token}")


def basic(username: str, password: str) -> str:
    """Return a Basic header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
