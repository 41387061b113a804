"""The steps that every border of ours has: send once more, and let nothing but one host's bounded answer through.

azure-core chains them by setting `next`. They are plain classes, because deriving from azure-core's would import it.
The call that a request carries builds the errors, so that each adapter keeps its own.
"""

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from taglock.adapters.http_answer import Answer, retry_after_seconds
from taglock.errors import RemoteError

if TYPE_CHECKING:
    from azure.core.pipeline import PipelineRequest, PipelineResponse

    type Request = PipelineRequest[Any]
    type Response = PipelineResponse[Any, Any]

RESENT_STATUSES = frozenset({502, 503, 504})
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.4
LONGEST_HOLD_TO_WAIT_SECONDS = 2.0
"""A shorter hold is waited out; a longer one is refused at once, so that the work becomes due work."""
CHUNK_BYTES = 65_536


class RemoteCall(Protocol):
    """What the border needs of a call: the adapter's own errors."""

    def untrusted(self, reason: str, status: int | None = None) -> RemoteError:
        """Build the error for an answer that must not be believed; None when it never came to an answer."""

    def unavailable(self, reason: str) -> RemoteError:
        """Build the error for no usable answer."""


def answer_of(response: "Response") -> Answer:
    """Return the answer that the border policy read."""
    answer: Answer = response.context["answer"]
    return answer


class ResendPolicy:
    """Send once more, quickly, after a broken connection, 502, 503, 504 or a short 429; every call is idempotent.

    A pause longer than half a second is not ours to take: the work becomes due work instead. The hold after a 429 is
    waited out by the step that admits calls.
    """

    next: Any = None

    def __init__(self, pause_seconds: Callable[[float, float], float] = random.uniform) -> None:
        from azure.core.exceptions import (
            ServiceRequestError,
            ServiceRequestTimeoutError,
            ServiceResponseError,
            ServiceResponseTimeoutError,
        )

        self._broken = (ServiceRequestError, ServiceResponseError)
        self._timeouts = (ServiceRequestTimeoutError, ServiceResponseTimeoutError)
        self._pause_seconds = pause_seconds

    async def send(self, request: "Request") -> "Response":
        """Send the request, at most twice."""
        request.context["call"] = request.context.options.pop("call")
        try:
            response: Response = await self.next.send(request)
            if not is_worth_resending(answer_of(response)):
                return response
            throttled = answer_of(response).status == 429
        except self._broken as error:
            if isinstance(error, self._timeouts):
                raise
            throttled = False
        if not throttled:
            await asyncio.sleep(self._pause_seconds(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))
        resent: Response = await self.next.send(request)
        return resent


class BorderPolicy:
    """The last step before the transport: one host, https only, one deadline, a bounded body."""

    next: Any = None

    def __init__(self, host: str, *, timeout_seconds: float, maximum_bytes: int) -> None:
        from aiohttp import ClientError
        from azure.core.exceptions import ServiceResponseError

        self._prefix = f"https://{host}/"
        self._timeout_seconds = timeout_seconds
        self._maximum_bytes = maximum_bytes
        self._payload_error, self._broken_error = ClientError, ServiceResponseError

    async def send(self, request: "Request") -> "Response":
        """Send the request to the one host and read the whole answer, or raise."""
        call: RemoteCall = request.context["call"]
        if not request.http_request.url.startswith(self._prefix):
            raise call.untrusted(f"refused to send to {request.http_request.url[:120]!r}, expected {self._prefix!r}")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response: Response = await self.next.send(request)
                response.context["answer"] = await self._read(call, response.http_response.internal_response)
        except TimeoutError as error:
            raise call.unavailable(f"no complete answer within {self._timeout_seconds:g} seconds") from error
        return response

    async def _read(self, call: RemoteCall, response: Any) -> Answer:
        try:
            body = await self._body(call, response)
        except self._payload_error as error:
            response.close()
            raise self._broken_error(error, error=error) from error
        except BaseException:
            response.close()  # an answer that was not read to its end must not serve another call's connection
            raise
        return Answer(status=response.status, headers=response.headers, body=body)

    async def _body(self, call: RemoteCall, response: Any) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":  # none was accepted, and so no bomb can be hidden in one
            raise call.untrusted(f"content encoding {encoding[:40]!r}, expected none", response.status)
        chunks: list[bytes] = []
        left = self._maximum_bytes
        while chunk := await response.content.read(CHUNK_BYTES):
            chunks.append(chunk)
            left -= len(chunk)
            if left < 0:
                raise call.untrusted(f"a body above {self._maximum_bytes} bytes, expected less", response.status)
        return b"".join(chunks)


def is_worth_resending(answer: Answer) -> bool:
    """Tell whether one quick resend may help and the service did not ask for a longer pause."""
    if answer.status < 400:
        return False
    seconds = retry_after_seconds(answer)
    if answer.status == 429:
        return seconds is not None and seconds <= LONGEST_HOLD_TO_WAIT_SECONDS
    return answer.status in RESENT_STATUSES and (seconds is None or seconds <= LONGEST_PAUSE_SECONDS)
