"""Somebody quarantines an image, lifts a quarantine, or asks which there are."""

from handlers.answering import body_of, reader
from taglock.domain.acts.act import ActKind
from taglock.domain.http.access import must_have
from taglock.domain.http.answers import act_answer, page_answer, shown_answer
from taglock.domain.http.bodies import EndBody, QuarantineBody
from taglock.domain.http.exchange import HttpAnswer, HttpRequest
from taglock.domain.http.principal import Caller, Role
from taglock.domain.http.queries import acts_query
from taglock.domain.http.values import act_id
from taglock.enforcement.acts.listing import listed, show
from taglock.enforcement.acts.quarantine import lift, preview_quarantine
from taglock.enforcement.acts.quarantine import quarantine as quarantine_act
from taglock.enforcement.context import Enforcement


async def quarantine(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Make an image impossible to pull; with `preview` only tell what that would mean."""
    must_have(caller, Role.OPERATE)
    body = body_of(QuarantineBody, request)
    asked = reader(app, caller).quarantine(body)
    return act_answer(await (preview_quarantine if body.preview else quarantine_act)(app, asked))


async def quarantine_lift(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Restore what was there before a quarantine."""
    must_have(caller, Role.BREAK_GLASS)
    return act_answer(await lift(app, reader(app, caller).end(body_of(EndBody, request), request.route["id"])))


async def quarantines(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """List quarantines, newest first."""
    must_have(caller, Role.READ)
    return page_answer(await listed(app, ActKind.QUARANTINE, acts_query(request.query)))


async def quarantine_shown(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Show one quarantine with its targets."""
    must_have(caller, Role.READ)
    return shown_answer(await show(app, ActKind.QUARANTINE, act_id(request.route["id"])))
