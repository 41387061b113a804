"""Answer a request over HTTP: let the caller in, call the handler, and turn whatever went wrong into a problem."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from taglock.domain.handled import Handled
from taglock.domain.http.access import Access
from taglock.domain.http.bodies import LONGEST_BODY, Reader, decode
from taglock.domain.http.exchange import HttpAnswer, HttpRequest
from taglock.domain.http.principal import Caller
from taglock.domain.http.problem import Failed, problem_answer
from taglock.enforcement.context import Enforcement
from taglock.errors import InvalidConfiguration, TaglockError
from taglock.telemetry import invocation

Handler = Callable[[Enforcement, HttpRequest, Caller], Awaitable[HttpAnswer]]

logger = logging.getLogger("taglock")


class Answering:
    """The ports of one request, opened when they are needed: settings that cannot be used are a problem too."""

    def __init__(self, app: Callable[[], Enforcement], access: Callable[[], Access]) -> None:
        self._app = app
        self._access = access

    async def answer(self, name: str, sent: Mapping[str, Any], handler: Handler) -> HttpAnswer:
        """Return what the handler answers, or the problem; the name of the function is what the log tells.

        `sent` has the members of HttpRequest.
        """
        request = HttpRequest(**sent)
        try:
            app, access = self._app(), self._access()
        except InvalidConfiguration as error:
            logger.error("%s: the settings cannot be used: %s", name, error)  # told whole already
            unusable = Failed(HTTPStatus.SERVICE_UNAVAILABLE, "configuration", "the log says what is wrong")
            return problem_answer(unusable)
        with invocation(app.signals, name) as line:
            answered = await _answered(app, access, request, handler)
            line.tells(Handled(trigger=name, outcome=f"answered {answered.status}"))
            return answered


async def _answered(app: Enforcement, access: Access, request: HttpRequest, handler: Handler) -> HttpAnswer:
    try:
        return await handler(app, request, access.caller(request.principal))
    except TaglockError as error:
        return problem_answer(error)


def body_of[T: msgspec.Struct](kind: type[T], request: HttpRequest) -> T:
    """Return the body of a request; raises Failed when it is too large or no JSON, InvalidRequest when it is wrong."""
    if len(request.body) > LONGEST_BODY:
        detail = f"{len(request.body)} bytes, expected at most {LONGEST_BODY}"
        raise Failed(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)
    media_type = request.content_type.partition(";")[0].strip().lower()
    if media_type != "application/json":
        detail = f"Content-Type {media_type[:100]!r}, expected 'application/json'"
        raise Failed(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-type", detail)
    return decode(kind, request.body)


def reader(app: Enforcement, caller: Caller) -> Reader:
    """Return what turns bodies into what this caller asks for."""
    return Reader(by=caller.actor, now=app.clock.now(), registries=frozenset(app.known_registries.values()))
