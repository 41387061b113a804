"""Somebody gives releases up, so that they may be deleted."""

from handlers.answering import body_of, reader
from taglock.domain.http.access import must_have
from taglock.domain.http.answers import act_answer, many_answer
from taglock.domain.http.bodies import RetireBody, RetireManyBody
from taglock.domain.http.exchange import HttpAnswer, HttpRequest
from taglock.domain.http.principal import Caller, Role
from taglock.enforcement.acts.retire import retire as retire_act
from taglock.enforcement.acts.retire_many import preview_retire_many
from taglock.enforcement.acts.retire_many import retire_many as retire_many_act
from taglock.enforcement.context import Enforcement


async def retire(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Unlock an image for good."""
    must_have(caller, Role.BREAK_GLASS)
    return act_answer(await retire_act(app, reader(app, caller).retire(body_of(RetireBody, request))))


async def retire_many(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Retire all releases of a rule or since a time: first the plan, then with its acknowledgement the acts."""
    must_have(caller, Role.BREAK_GLASS)
    asked = reader(app, caller).retire_many(body_of(RetireManyBody, request))
    return many_answer(await (preview_retire_many if asked.acknowledge is None else retire_many_act)(app, asked))
