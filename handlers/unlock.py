"""Somebody unlocks an image for a time, or ends that early."""

from handlers.answering import body_of, reader
from taglock.domain.http.access import must_have
from taglock.domain.http.answers import act_answer
from taglock.domain.http.bodies import EndBody, UnlockBody
from taglock.domain.http.exchange import HttpAnswer, HttpRequest
from taglock.domain.http.principal import Caller, Role
from taglock.enforcement.acts.relock import end_unlock
from taglock.enforcement.acts.unlock import unlock as unlock_act
from taglock.enforcement.context import Enforcement


async def unlock(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Unlock an image or a repository until a time."""
    must_have(caller, Role.BREAK_GLASS)
    return act_answer(await unlock_act(app, reader(app, caller).unlock(body_of(UnlockBody, request))))


async def unlock_end(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Lock again now."""
    must_have(caller, Role.BREAK_GLASS)
    return act_answer(await end_unlock(app, reader(app, caller).end(body_of(EndBody, request), request.route["id"])))
