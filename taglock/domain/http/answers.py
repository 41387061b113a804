"""What acts are answered with."""

import msgspec

from taglock.domain.acts.act import Act, ActTarget
from taglock.domain.acts.answer import ActAnswer, ActPage, ManyRetired, Surroundings
from taglock.domain.http.exchange import HttpAnswer, json_answer

COMPLETE = 200
PARTLY = 207
"""What was reached stays so, and due work goes on with the rest."""


class ActBody(msgspec.Struct, frozen=True, kw_only=True):
    """An act with its targets; `complete` tells whether all of them are as it wants them."""

    complete: bool
    preview: bool
    joined: bool
    act: Act
    targets: tuple[ActTarget, ...]
    surroundings: Surroundings
    undo: tuple[str, ...]


class ActsBody(msgspec.Struct, frozen=True, kw_only=True):
    """A page of acts, newest first; `following` is the `after` of the next page."""

    acts: tuple[Act, ...]
    following: str | None = None


def act_answer(answer: ActAnswer) -> HttpAnswer:
    """Return an act as it is answered."""
    body = ActBody(
        complete=answer.complete,
        preview=answer.preview,
        joined=answer.joined,
        act=answer.act,
        targets=answer.targets,
        surroundings=answer.surroundings,
        undo=answer.undo,
    )
    return json_answer(body, status=COMPLETE if answer.complete or answer.preview else PARTLY)


def shown_answer(answer: ActAnswer) -> HttpAnswer:
    """Return an act that was only asked for."""
    found = act_answer(answer)
    return HttpAnswer(status=COMPLETE, body=found.body)


def page_answer(page: ActPage) -> HttpAnswer:
    """Return a page of acts."""
    return json_answer(ActsBody(acts=page.acts, following=page.following))


def many_answer(many: ManyRetired) -> HttpAnswer:
    """Return a retirement in bulk."""
    settled = all(each.outcome in ("planned", "retired") for each in many.retirements)
    return json_answer(many, status=COMPLETE if settled else PARTLY)
