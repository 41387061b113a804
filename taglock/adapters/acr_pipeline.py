"""One registry's HTTP: azure-core's pipeline over aiohttp, opened at the first call, closed with the registry.

Nothing of the environment but the trusted certificates has a say: no proxies, no netrc, no cookies, no redirects.
"""

import asyncio
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from taglock.adapters.acr_answer import checked
from taglock.adapters.acr_call import AcrOptions, Answer, Call
from taglock.adapters.acr_governor import Governor
from taglock.adapters.acr_policies import (
    AuthorizePolicy,
    BorderPolicy,
    GovernPolicy,
    ResendPolicy,
    answer_of,
)
from taglock.adapters.acr_tokens import Tokens
from taglock.domain.reference import LoginServer
from taglock.errors import Unavailable, shortened

if TYPE_CHECKING:
    import ssl

    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.pipeline import AsyncPipeline
    from azure.core.pipeline.transport import AsyncHttpTransport

KEEP_ALIVE_SECONDS = 30.0
CONNECT_TIMEOUT_SECONDS = 5.0


class Channel:
    """Send calls to one registry."""

    def __init__(self, login_server: LoginServer, *, credential: "AsyncTokenCredential", options: AcrOptions) -> None:
        self._base = f"https://{login_server}"
        self._options = options
        self._tokens = Tokens(login_server, credential=credential, options=options, send=self.send_anonymously)
        self._governor = Governor(options)
        self._login_server = login_server
        self._opened: _Opened | None = None

    async def send(self, call: Call) -> Answer:
        """Send one call with the token it needs; return its 200 answer or raise a RegistryError."""
        return checked(call, await self._run(self._open().authorized, call))

    async def aclose(self) -> None:
        """Close every connection; the channel opens again when it is used again."""
        await self._tokens.aclose()
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.transport.close()

    async def send_anonymously(self, call: Call) -> Answer:
        """Send a call to a token endpoint, which needs no token; return its answer whatever its status."""
        return await self._run(self._open().anonymous, call)

    async def _run(self, pipeline: "AsyncPipeline[Any, Any]", call: Call) -> Answer:
        opened, limit = self._open(), 2 * self._options.request_timeout_seconds
        try:
            async with asyncio.timeout(limit):
                return answer_of(await pipeline.run(self._request(opened, call), stream=True, call=call))
        except TimeoutError as error:
            reason = f"no answer within {limit:g} seconds, retries and waiting included"
            raise Unavailable(reason, operation=call.operation, target=call.target) from error
        except opened.broken as error:
            raise Unavailable(shortened(str(error), 200), operation=call.operation, target=call.target) from error

    def _request(self, opened: "_Opened", call: Call) -> Any:
        headers = {"Accept": call.accept, "Accept-Encoding": "identity", "User-Agent": self._options.user_agent}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        return opened.request(call.method, self._base + call.path, headers=headers, data=call.body)

    def _open(self) -> "_Opened":
        if self._opened is None:
            self._opened = _Opened(self._login_server, self._options, self._governor, self._tokens)
        return self._opened


class _Opened:
    """The SDK's half of a channel: needs a running loop, and imports azure-core and aiohttp."""

    def __init__(self, login_server: LoginServer, options: AcrOptions, governor: Governor, tokens: Tokens) -> None:
        from azure.core.exceptions import ServiceRequestError, ServiceResponseError
        from azure.core.pipeline import AsyncPipeline
        from azure.core.pipeline.transport import HttpRequest

        self.request = HttpRequest
        self.broken = (ServiceRequestError, ServiceResponseError)
        self.transport = _transport(options)
        self.anonymous = AsyncPipeline(self.transport, policies(login_server, options, governor))
        self.authorized = AsyncPipeline(
            self.transport, policies(login_server, options, governor, AuthorizePolicy(tokens))
        )


def policies(login_server: LoginServer, options: AcrOptions, governor: Governor, *inside: Any) -> list[Any]:
    """Return the steps of one pipeline, outermost first; each belongs to one pipeline only."""
    return [ResendPolicy(), *inside, GovernPolicy(governor), BorderPolicy(login_server, options)]


def _transport(options: AcrOptions) -> "AsyncHttpTransport[Any, Any]":
    from aiohttp import ClientSession, DummyCookieJar, TCPConnector
    from azure.core.pipeline.transport import AioHttpTransport

    trust = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    session = ClientSession(
        connector=TCPConnector(limit=options.connections, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=trust),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )
    transport: AsyncHttpTransport[Any, Any] = AioHttpTransport(
        session=session,
        session_owner=True,
        use_env_settings=False,
        connection_timeout=min(CONNECT_TIMEOUT_SECONDS, options.request_timeout_seconds / 2),
        read_timeout=None,  # the border policy has one deadline for the whole request
    )
    return transport


@lru_cache(maxsize=8)
def _trusted(_file: str | None, _folder: str | None) -> "ssl.SSLContext":
    """Return the default trust, loaded once for every registry and not once for each: it costs milliseconds."""
    import ssl

    return ssl.create_default_context()
