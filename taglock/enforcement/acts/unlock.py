"""Unlock an image or a repository for a time: the grant is stored, then attributes are turned on from the root down.

The grant's marks keep automatic locks off its targets. What somebody locked while the marks were being written is seen
when the ledger is read again after the last update, and locked again.
"""

import asyncio
from collections.abc import Sequence
from copy import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from taglock.domain.acts.act import Act, ActKind, ActTarget, Phase, Place
from taglock.domain.acts.announcing import act_event, act_journal
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.acts.going_on import act_again, look_again
from taglock.domain.acts.loosening import granted
from taglock.domain.acts.marks import Marks
from taglock.domain.acts.request import UnlockAsked
from taglock.domain.due import Setback
from taglock.domain.ledger import DueWork
from taglock.enforcement.acts.applying import loosen
from taglock.enforcement.acts.concluding import why
from taglock.enforcement.acts.intending import store_loosening, take_up
from taglock.enforcement.acts.passing import Occasion
from taglock.enforcement.acts.preparing import anchors, expect_not_running, prepare
from taglock.enforcement.acts.reaching import within
from taglock.enforcement.acts.settling import settle
from taglock.enforcement.acts.storing import (
    Conclusion,
    Intent,
    advance,
    conclude,
    held_marks_of,
    read_act,
    read_targets,
    store,
)
from taglock.enforcement.acts.updating import left
from taglock.enforcement.context import Enforcement
from taglock.errors import ActRefused, InvalidRequest, LedgerConflict, LedgerError, Refusal, RegistryError

REPLANS = 5
"""How often an image is looked at anew because somebody else acted on a part of it meanwhile."""
TRIGGER = "unlock"
SETTLES_AFTER = timedelta(seconds=60)
"""A lock that was under way when the grant began has ended by then, and what it recorded is seen."""


async def unlock(app: Enforcement, asked: UnlockAsked) -> ActAnswer:
    """Unlock an image or a repository until a time; the same place again extends its open grant.

    Raises ActRefused, RegistryError and LedgerError; nothing was changed then.
    """
    if asked.expires_in <= timedelta(0):
        raise InvalidRequest.at("$.expires_in", str(asked.expires_in), "a time in the future")
    act_id = str(uuid4())
    for _ in range(REPLANS):
        answer = await _extended(app, asked)
        if answer is not None:
            return answer
        try:
            return await _begun(app, asked, act_id)
        except LedgerConflict:
            continue  # somebody acted on a part of it meanwhile: look again
    raise LedgerConflict(f"{asked.place}: somebody else acted on it {REPLANS} times in a row")


# -- the same again -----------------------------------------------------------------------------------------------


async def _extended(app: Enforcement, asked: UnlockAsked) -> ActAnswer | None:
    """Extend the open grant of the very same place, None when there is none."""
    act_id = await _open_grant(app, asked.place)
    if act_id is None:
        return None
    now = app.clock.now()
    until = now + asked.expires_in

    def longer(act: Act) -> Act:
        if act.phase in (Phase.ENDING, Phase.ENDED) or act.expires_at is None or now >= act.expires_at:
            raise ActRefused(Refusal.ENDING, f"{act.places[0]} is being locked again just now", act=act.id)
        _expect_within(app, until, act.created_at)
        return replace(act, expires_at=max(act.expires_at, until))

    act = await advance(app, act_id, longer)
    targets = tuple(await read_targets(app, act_id))
    await store(app, Intent(act_id=act_id, targets=targets), lambda marks, target: _prolonged(act, target, marks))
    journal = act_journal(act, "extend unlock", targets, by=asked.by, now=now, trigger=TRIGGER)
    await app.rows.write([journal])
    return ActAnswer(act=act, targets=targets, joined=True)


async def _open_grant(app: Enforcement, place: Place) -> str | None:
    anchor = anchors(place)[0]
    held = (await held_marks_of(app.rows, [anchor])).get(anchor)
    grant = held.marks.grant if held is not None else None
    if grant is None or not grant.root:
        return None
    if place.digest is not None and place.tag is not None:
        act = (await read_act(app, grant.act)).act
        return grant.act if act.places[0].digest == place.digest else None
    return grant.act


def _prolonged(act: Act, target: ActTarget, marks: Marks | None) -> Marks | None:
    held = marks is not None and marks.grant is not None and marks.grant.act == act.id
    return granted(act, target, marks) if held else marks


def _expect_within(app: Enforcement, until: datetime, created_at: datetime) -> None:
    latest = created_at + app.acts.longest_grant
    if until > latest:
        reason = (
            f"a grant may last until {latest.isoformat()} at most, asked for {until.isoformat()} (TAGLOCK_MAX_GRANT)"
        )
        raise ActRefused(Refusal.LIMIT_EXCEEDED, reason, latest=latest.isoformat())


# -- a new one ----------------------------------------------------------------------------------------------------


async def _begun(app: Enforcement, asked: UnlockAsked, act_id: str) -> ActAnswer:
    now = app.clock.now()
    _expect_within(app, now + asked.expires_in, now)
    occasion = Occasion(trigger=TRIGGER, deadline=asyncio.get_running_loop().time() + app.limits.event_seconds)
    prepared = await within(occasion.deadline, prepare(app, asked.place, act_id))
    if not asked.force:
        expect_not_running(prepared.surroundings.runs)
    act = Act(
        id=act_id,
        kind=ActKind.UNLOCK,
        phase=Phase.BEGINNING,
        places=(prepared.place,),
        reason=asked.reason,
        by=asked.by,
        created_at=now,
        expires_at=now + asked.expires_in,
        forced=asked.force,
    )
    targets = await store_loosening(app, act, prepared, partial(granted, act))
    try:
        act, targets = await unlock_pass(app, act, targets, occasion)
    except LedgerError:  # the intent is stored: due work goes on
        targets = tuple(await read_targets(app, act_id))
    return ActAnswer(act=act, targets=targets, surroundings=prepared.surroundings)


async def resume_unlock(app: Enforcement, act: Act, occasion: Occasion) -> tuple[Act, tuple[ActTarget, ...]]:
    """Go on with an unlock that did not come to its end; raises LedgerError and RegistryError."""
    targets = await take_up(app, act, occasion, partial(granted, act))
    settled = await settle(app, act, targets, deadline=occasion.deadline)
    return await unlock_pass(app, act, settled, occasion)


async def unlock_pass(
    app: Enforcement, act: Act, targets: Sequence[ActTarget], occasion: Occasion
) -> tuple[Act, tuple[ActTarget, ...]]:
    """Turn on what is stored, look who wants it now, and write what came of it.

    Raises LedgerError, and ActRefused when somebody ended the act meanwhile: due work locks all of it once more then.
    """
    updated = await loosen(app, targets, deadline=occasion.deadline)
    targets = tuple(each.target for each in updated)
    problem = ""
    try:
        targets = await settle(app, act, targets, deadline=occasion.deadline)
    except RegistryError as error:
        problem = f"it cannot be told who else wants it: {error}"
    retry_after = max((each.retry_after for each in updated), default=0.0)
    reason = problem or (why(targets) if any(left(each) for each in targets) else "")
    return await _concluded(app, act, targets, (occasion, Setback(reason=reason, retry_after=retry_after)))


async def _concluded(
    app: Enforcement, act: Act, targets: Sequence[ActTarget], came: tuple[Occasion, Setback]
) -> tuple[Act, tuple[ActTarget, ...]]:
    occasion, setback = came
    now = app.clock.now()
    complete = not setback.reason
    first = act.first_finished_at is None
    opened = replace(act, phase=Phase.OPEN, first_finished_at=act.first_finished_at or now) if complete else act

    def change(current: Act) -> Act:
        if current.phase in (Phase.ENDING, Phase.ENDED):
            raise ActRefused(Refusal.ENDING, f"{act.places[0]} is being locked again", act=act.id)
        # An extension may have come meanwhile, so only what this pass knows is changed.
        return replace(current, phase=opened.phase, first_finished_at=opened.first_finished_at)

    told = first if complete else occasion.known is None
    until = act.expires_at.isoformat() if act.expires_at is not None else ""
    event = [act_event("Taglock.ImageUnlocked", opened, targets, now=now, more={"expiresAt": until})] if told else []
    conclusion = Conclusion(
        targets=tuple(targets),
        changes=(act_journal(opened, "unlock", targets, by=act.by, now=now, trigger=occasion.trigger),),
        events=tuple(event),
        due=due_of(opened, occasion, setback, now=now),
    )
    return await conclude(app, act.id, change, conclusion), tuple(targets)


def due_of(act: Act, occasion: Occasion, setback: Setback, *, now: datetime) -> DueWork:
    """Return when to look at a grant again: its end at the latest."""
    assert act.expires_at is not None  # every grant has an end
    if act.phase is Phase.OPEN and not setback.reason:
        young = now - act.created_at < SETTLES_AFTER
        return look_again(act, min(act.expires_at, now + SETTLES_AFTER) if young else act.expires_at, now=now)
    due = act_again(act, occasion.known, setback, now=now)
    return replace(due, due_at=max(now, min(due.due_at, act.expires_at)))
