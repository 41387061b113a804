"""The steps between a call and the wire, outermost first: resend, authorize, govern, border.

azure-core chains them by setting `next`. They are plain classes, because deriving from azure-core's would import it.
"""

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from taglock.adapters.acr_answer import challenge_error, lacking, retry_after_seconds, untrusted
from taglock.adapters.acr_call import AcrOptions, Answer, Call
from taglock.adapters.acr_governor import LONGEST_HOLD_TO_WAIT_SECONDS, Governor
from taglock.adapters.acr_tokens import Tokens
from taglock.domain.reference import LoginServer
from taglock.errors import Unavailable

if TYPE_CHECKING:
    from azure.core.pipeline import PipelineRequest, PipelineResponse

    type Request = PipelineRequest[Any]
    type Response = PipelineResponse[Any, Any]

RESENT_STATUSES = frozenset({502, 503, 504})
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.4
CHUNK_BYTES = 65_536


def call_of(request: "Request") -> Call:
    """Return the call that a request carries."""
    call: Call = request.context["call"]
    return call


def answer_of(response: "Response") -> Answer:
    """Return the answer that the border policy read."""
    answer: Answer = response.context["answer"]
    return answer


class ResendPolicy:
    """Send once more, quickly, after a broken connection, 502, 503, 504 or a short 429; every call is idempotent.

    A pause longer than half a second is not ours to take: the work becomes due work instead.
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
            throttled = answer_of(response).status == 429  # the governor makes the second attempt wait
        except self._broken as error:
            if isinstance(error, self._timeouts):
                raise
            throttled = False
        if not throttled:
            await asyncio.sleep(self._pause_seconds(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))
        resent: Response = await self.next.send(request)
        return resent


class AuthorizePolicy:
    """Add the token; replace it once when the registry no longer accepts it."""

    next: Any = None

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def send(self, request: "Request") -> "Response":
        """Send with a token; a missing permission raises Unauthorized at once, it is never tried again."""
        response, token = await self._sent(request)
        if answer_of(response).status == 401 and not _lacks_permission(response):
            self._tokens.drop(token)
            response, token = await self._sent(request)
        if answer_of(response).status == 401:
            self._tokens.drop(token)
        if _lacks_permission(response):
            call = call_of(request)
            assert call.need is not None
            raise lacking(call, call.need.action, status=401, code="INSUFFICIENT_SCOPE")
        return response

    async def _sent(self, request: "Request") -> tuple["Response", str]:
        token = await self._tokens.token(call_of(request))
        request.http_request.headers["Authorization"] = f"Bearer {token}"
        return await self.next.send(request), token


class GovernPolicy:
    """Wait for the governor and tell it what came back."""

    next: Any = None

    def __init__(self, governor: Governor) -> None:
        self._governor = governor

    async def send(self, request: "Request") -> "Response":
        """Send once admitted."""
        call = call_of(request)
        async with self._governor.admitted(call):
            response: Response = await self.next.send(request)
        self._governor.observe(call, answer_of(response))
        return response


class BorderPolicy:
    """The last step before the transport: one host, https only, one deadline, a bounded body."""

    next: Any = None

    def __init__(self, login_server: LoginServer, options: AcrOptions) -> None:
        from aiohttp import ClientError
        from azure.core.exceptions import ServiceResponseError

        self._prefix = f"https://{login_server}/"
        self._timeout_seconds = options.request_timeout_seconds
        self._maximum_bytes = options.maximum_body_bytes
        self._payload_error, self._broken_error = ClientError, ServiceResponseError

    async def send(self, request: "Request") -> "Response":
        """Send the request to the login server and read the whole answer, or raise."""
        call = call_of(request)
        if not request.http_request.url.startswith(self._prefix):
            reason = f"refused to send to {request.http_request.url[:120]!r}, expected {self._prefix!r}"
            raise untrusted(call, reason, None)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response: Response = await self.next.send(request)
                response.context["answer"] = await self._read(call, response.http_response.internal_response)
        except TimeoutError as error:
            reason = f"no complete answer within {self._timeout_seconds:g} seconds"
            raise Unavailable(reason, operation=call.operation, target=call.target) from error
        return response

    async def _read(self, call: Call, response: Any) -> Answer:
        try:
            body = await self._body(call, response)
        except self._payload_error as error:
            response.close()
            raise self._broken_error(error, error=error) from error
        except BaseException:
            response.close()  # an answer that was not read to its end must not serve another call's connection
            raise
        return Answer(status=response.status, headers=response.headers, body=body)

    async def _body(self, call: Call, response: Any) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":  # none was accepted, and so no bomb can be hidden in one
            raise untrusted(call, f"content encoding {encoding[:40]!r}, expected none", response.status)
        chunks: list[bytes] = []
        left = self._maximum_bytes
        while chunk := await response.content.read(CHUNK_BYTES):
            chunks.append(chunk)
            left -= len(chunk)
            if left < 0:
                raise untrusted(call, f"a body above {self._maximum_bytes} bytes, expected less", response.status)
        return b"".join(chunks)


def is_worth_resending(answer: Answer) -> bool:
    """Tell whether one quick resend may help and the registry did not ask for a longer pause."""
    if answer.status < 400:
        return False
    seconds = retry_after_seconds(answer)
    if answer.status == 429:
        return seconds is not None and seconds <= LONGEST_HOLD_TO_WAIT_SECONDS
    return answer.status in RESENT_STATUSES and (seconds is None or seconds <= LONGEST_PAUSE_SECONDS)


def _lacks_permission(response: "Response") -> bool:
    answer = answer_of(response)
    return answer.status == 401 and challenge_error(answer) == "insufficient_scope"
