"""The registry's own steps between resending and the border, outermost first: authorize, govern."""

from typing import TYPE_CHECKING, Any

from taglock.adapters.acr_answer import challenge_error, lacking
from taglock.adapters.acr_call import Call
from taglock.adapters.acr_governor import Governor
from taglock.adapters.acr_tokens import Tokens
from taglock.adapters.http_policies import answer_of

if TYPE_CHECKING:
    from taglock.adapters.http_policies import Request, Response


def call_of(request: "Request") -> Call:
    """Return the call that a request carries."""
    call: Call = request.context["call"]
    return call


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


def _lacks_permission(response: "Response") -> bool:
    answer = answer_of(response)
    return answer.status == 401 and challenge_error(answer) == "insufficient_scope"
