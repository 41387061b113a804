"""The steps that tell of a registry's requests: one span for each that is sent, one count for each that is throttled.

Nothing of a path is told: it names repositories. Attributes are those of
https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client without `url.full`.
"""

from typing import TYPE_CHECKING, Any

from taglock.adapters.acr_policies import call_of
from taglock.adapters.http_policies import answer_of
from taglock.domain.reference import LoginServer
from taglock.domain.throttling import Cause, Throttling
from taglock.errors import Throttled
from taglock.signals import Attribute, Signals

if TYPE_CHECKING:
    from taglock.adapters.http_policies import Request, Response

SENT = "sent"
HTTPS_PORT = 443


class ThrottlePolicy:
    """Around the governor: count the calls that it holds back, and those that the registry answers with 429."""

    next: Any = None

    def __init__(self, login_server: LoginServer, signals: Signals) -> None:
        self._login_server = login_server
        self._signals = signals

    async def send(self, request: "Request") -> "Response":
        """Send, and count what is throttled."""
        try:
            response: Response = await self.next.send(request)
        except Throttled:
            self._count(request, Cause.HELD)
            raise
        if answer_of(response).status == 429:
            self._count(request, Cause.REGISTRY)
        return response

    def _count(self, request: "Request", cause: Cause) -> None:
        category = call_of(request).category.value
        self._signals.throttled(Throttling(server=self._login_server, category=category, cause=cause))


class SpanPolicy:
    """Right before the border: time each request on the wire, waiting and resending excluded."""

    next: Any = None

    def __init__(self, login_server: LoginServer, signals: Signals) -> None:
        host, _colon, port = login_server.partition(":")
        self._server: dict[str, Attribute] = {"server.address": host, "server.port": int(port or HTTPS_PORT)}
        self._signals = signals

    async def send(self, request: "Request") -> "Response":
        """Send within a span."""
        call, resent = call_of(request), request.context.get(SENT, 0)
        request.context[SENT] = resent + 1
        again = {"http.request.resend_count": resent} if resent else {}
        attributes = {
            "http.request.method": call.method,
            **self._server,
            **again,
            "taglock.category": call.category.value,
        }
        with self._signals.request(f"{call.method} {call.operation}", attributes) as span:
            response: Response = await self.next.send(request)
            status = answer_of(response).status
            span.tell({"http.response.status_code": status})
            if status >= 400:
                span.failed(str(status))
        return response
