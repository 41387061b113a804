"""Somebody asks whether everything is as it should be: every check is made, nothing is written."""

from collections.abc import Callable
from typing import Any

from handlers.answering import Handler
from taglock.domain.doctor import report_json
from taglock.domain.http.access import must_have
from taglock.domain.http.exchange import HttpAnswer, HttpRequest, json_answer
from taglock.domain.http.principal import Caller, Role
from taglock.enforcement.context import Enforcement
from taglock.enforcement.doctor.context import Doctoring
from taglock.enforcement.doctor.examining import examined


def doctor_asked(opening: Callable[[], Doctoring]) -> Handler:
    """Return what answers a caller who may ask."""

    async def asked(_app: Enforcement, _request: HttpRequest, caller: Caller) -> HttpAnswer:
        must_have(caller, Role.READ)
        return json_answer(await doctor(opening))

    return asked


async def doctor(opening: Callable[[], Doctoring]) -> dict[str, Any]:
    """Examine the app and what surrounds it; return the JSON of a 200, whose `state` is the worst of the checks.

    `opening` may raise InvalidInput: settings that cannot be used are then the one check, which fails. Who asks must be
    authorised: the answer names principals, tasks and repositories.
    """
    return report_json(await examined(opening))
