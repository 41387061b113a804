"""Somebody locks an image by hand, or ends that."""

from handlers.answering import body_of, reader
from taglock.domain.http.access import must_have
from taglock.domain.http.answers import act_answer
from taglock.domain.http.bodies import EndBody, HoldBody
from taglock.domain.http.exchange import HttpAnswer, HttpRequest
from taglock.domain.http.principal import Caller, Role
from taglock.enforcement.acts.hold import end_hold
from taglock.enforcement.acts.hold import hold as hold_act
from taglock.enforcement.context import Enforcement


async def hold(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Lock an image or a repository until the hold is ended, whatever the rules say."""
    must_have(caller, Role.BREAK_GLASS)
    return act_answer(await hold_act(app, reader(app, caller).hold(body_of(HoldBody, request))))


async def hold_end(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """End a hold: what only it wanted is as it was before."""
    must_have(caller, Role.BREAK_GLASS)
    return act_answer(await end_hold(app, reader(app, caller).end(body_of(EndBody, request), request.route["id"])))
