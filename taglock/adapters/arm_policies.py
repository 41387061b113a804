"""The steps of Azure Resource Manager between resending and the border, outermost first: authorize, hold."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from taglock.adapters.arm_call import ArmCall, ArmOptions
from taglock.adapters.http_answer import retry_after_seconds
from taglock.adapters.http_policies import LONGEST_HOLD_TO_WAIT_SECONDS, answer_of
from taglock.errors import shortened

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.credentials_async import AsyncTokenCredential

    from taglock.adapters.http_policies import Request, Response

HOLD_WITHOUT_RETRY_AFTER_SECONDS = 5.0
EARLIEST_REFRESH_SECONDS = 300.0


class AuthorizePolicy:
    """Add the token, kept until five minutes before its end; a refused one is forgotten. No challenge is followed."""

    next: Any = None

    def __init__(self, credential: "AsyncTokenCredential", audience: str) -> None:
        from azure.core.exceptions import AzureError

        self._credential = credential
        self._audience = audience.removesuffix("/")
        self._broken = AzureError
        self._token: AccessToken | None = None
        self._lock = asyncio.Lock()

    async def send(self, request: "Request") -> "Response":
        """Send the request with a token."""
        token = await self._fresh(request.context["call"])
        request.http_request.headers["Authorization"] = f"Bearer {token.token}"
        response: Response = await self.next.send(request)
        if answer_of(response).status == 401 and self._token is token:
            self._token = None
        return response

    async def _fresh(self, call: ArmCall) -> "AccessToken":
        async with self._lock:
            if self._token is None or self._token.expires_on - time.time() < EARLIEST_REFRESH_SECONDS:
                self._token = await self._asked(call)
            return self._token

    async def _asked(self, call: ArmCall) -> "AccessToken":
        try:
            return await self._credential.get_token(f"{self._audience}/.default")
        except self._broken as error:
            reason = f"no Entra token for {self._audience!r}: {type(error).__name__} {shortened(str(error), 200)}"
            raise call.unavailable(reason) from error


class HoldPolicy:
    """Keep still for as long as a 429 asked to; the limits are those of one identity in one subscription."""

    next: Any = None

    def __init__(self, options: ArmOptions) -> None:
        self._now = options.monotonic
        self._held_until: dict[str, float] = {}

    async def send(self, request: "Request") -> "Response":
        """Send once a short hold is over; refuse at once during a long one."""
        call: ArmCall = request.context["call"]
        hold = self._held_until.get(call.subscription, 0.0) - self._now()
        if hold > LONGEST_HOLD_TO_WAIT_SECONDS:
            reason = f"asked to wait, expected to be free again in {hold:.1f} seconds"
            raise call.error(reason, status=429, after=hold)
        if hold > 0:
            await asyncio.sleep(hold)
        response: Response = await self.next.send(request)
        if answer_of(response).status == 429:
            self._hold(call, retry_after_seconds(answer_of(response)))
        return response

    def _hold(self, call: ArmCall, seconds: float | None) -> None:
        now = self._now()
        until = now + (HOLD_WITHOUT_RETRY_AFTER_SECONDS if seconds is None else seconds)
        self._held_until = {name: each for name, each in self._held_until.items() if each > now}
        self._held_until[call.subscription] = max(until, self._held_until.get(call.subscription, 0.0))
