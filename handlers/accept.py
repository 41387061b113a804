"""Somebody accepts that a tag moved."""

from handlers.answering import body_of, reader
from taglock.domain.http.access import must_have
from taglock.domain.http.answers import act_answer
from taglock.domain.http.bodies import AcceptBody
from taglock.domain.http.exchange import HttpAnswer, HttpRequest
from taglock.domain.http.principal import Caller, Role
from taglock.enforcement.acts.accept import accept as accept_act
from taglock.enforcement.context import Enforcement


async def accept(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Make the digest that a moved tag points to the release."""
    must_have(caller, Role.BREAK_GLASS)
    return act_answer(await accept_act(app, reader(app, caller).accept(body_of(AcceptBody, request))))
