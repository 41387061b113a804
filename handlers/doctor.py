"""Somebody asks whether everything is as it should be: every check is made, nothing is written."""

from collections.abc import Callable
from typing import Any

from taglock.domain.doctor import report_json
from taglock.enforcement.doctor.context import Doctoring
from taglock.enforcement.doctor.examining import examined


async def doctor(opening: Callable[[], Doctoring]) -> dict[str, Any]:
    """Examine the app and what surrounds it; return the JSON of a 200, whose `state` is the worst of the checks.

    `opening` may raise InvalidInput: settings that cannot be used are then the one check, which fails. Who asks must be
    authorised: the answer names principals, tasks and repositories.
    """
    return report_json(await examined(opening))
