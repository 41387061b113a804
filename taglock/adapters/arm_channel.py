"""The HTTP of Azure Resource Manager: azure-core's pipeline over aiohttp, opened at the first call."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taglock.adapters.arm_answer import body_of
from taglock.adapters.arm_call import ArmCall, ArmOptions
from taglock.adapters.arm_policies import AuthorizePolicy, HoldPolicy
from taglock.adapters.http_policies import BorderPolicy, ResendPolicy, answer_of
from taglock.adapters.http_transport import open_transport
from taglock.errors import shortened

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


class ArmChannel:
    """Send calls to one endpoint."""

    def __init__(self, host: str, *, credential: "AsyncTokenCredential", options: ArmOptions) -> None:
        self.host = host
        self._credential = credential
        self._options = options
        self._opened: _Opened | None = None

    async def get(self, call: ArmCall) -> Mapping[str, Any]:
        """Send one call; return the JSON object of its 200 answer or raise ArmError."""
        if self._opened is None:
            self._opened = _Opened(self.host, self._credential, self._options)
        opened, limit = self._opened, 2 * self._options.request_timeout_seconds
        try:
            async with asyncio.timeout(limit):
                answer = answer_of(await opened.pipeline.run(self._request(opened, call), stream=True, call=call))
        except TimeoutError as error:
            raise call.unavailable(f"no answer within {limit:g} seconds, retries and waiting included") from error
        except opened.broken as error:
            raise call.unavailable(shortened(str(error), 200)) from error
        return body_of(call, answer)

    async def aclose(self) -> None:
        """Close every connection; the channel opens again when it is used again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.transport.close()

    def _request(self, opened: "_Opened", call: ArmCall) -> Any:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": self._options.user_agent,
        }
        return opened.request("GET", f"https://{self.host}{call.path}", headers=headers)


class _Opened:
    """The SDK's half of a channel: needs a running loop, and imports azure-core and aiohttp."""

    def __init__(self, host: str, credential: "AsyncTokenCredential", options: ArmOptions) -> None:
        from azure.core.exceptions import ServiceRequestError, ServiceResponseError
        from azure.core.pipeline import AsyncPipeline
        from azure.core.pipeline.transport import HttpRequest

        self.request = HttpRequest
        self.broken = (ServiceRequestError, ServiceResponseError)
        self.transport = open_transport(
            connections=options.connections, timeout_seconds=options.request_timeout_seconds
        )
        border = BorderPolicy(
            host, timeout_seconds=options.request_timeout_seconds, maximum_bytes=options.maximum_body_bytes
        )
        steps: list[Any] = [
            ResendPolicy(),
            AuthorizePolicy(credential, options.audience),
            HoldPolicy(options),
            border,
        ]
        self.pipeline: AsyncPipeline[Any, Any] = AsyncPipeline(self.transport, steps)
