"""One registry's HTTP: azure-core's pipeline over aiohttp, opened at the first call, closed with the registry."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from taglock.adapters.acr_answer import checked
from taglock.adapters.acr_call import AcrOptions, Call
from taglock.adapters.acr_governor import Governor
from taglock.adapters.acr_policies import AuthorizePolicy, GovernPolicy
from taglock.adapters.acr_tokens import Tokens
from taglock.adapters.http_answer import Answer
from taglock.adapters.http_policies import BorderPolicy, ResendPolicy, answer_of
from taglock.adapters.http_transport import open_transport
from taglock.domain.reference import LoginServer, Repository
from taglock.errors import shortened
from taglock.signals import SILENT

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.pipeline import AsyncPipeline

    from taglock.domain.doctor_permissions import Granted


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

    async def granted(self, repositories: Sequence[Repository]) -> "Granted":
        """Ask what the identity may do now; where rights are granted one by one, in these repositories."""
        return await self._tokens.granted(repositories)

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
            raise call.unavailable(reason) from error
        except opened.broken as error:
            raise call.unavailable(shortened(str(error), 200)) from error

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
        self.transport = open_transport(
            connections=options.connections, timeout_seconds=options.request_timeout_seconds
        )
        self.anonymous = AsyncPipeline(self.transport, policies(login_server, options, governor))
        self.authorized = AsyncPipeline(
            self.transport, policies(login_server, options, governor, AuthorizePolicy(tokens))
        )


def policies(login_server: LoginServer, options: AcrOptions, governor: Governor, *inside: Any) -> list[Any]:
    """Return the steps of one pipeline, outermost first; each belongs to one pipeline only."""
    border = BorderPolicy(
        login_server, timeout_seconds=options.request_timeout_seconds, maximum_bytes=options.maximum_body_bytes
    )
    if options.signals is SILENT:
        return [ResendPolicy(), *inside, GovernPolicy(governor), border]
    from taglock.adapters.acr_signals import SpanPolicy, ThrottlePolicy

    throttles, spans = ThrottlePolicy(login_server, options.signals), SpanPolicy(login_server, options.signals)
    return [ResendPolicy(), *inside, throttles, GovernPolicy(governor), spans, border]
