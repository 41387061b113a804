"""Make the pass over a quarantine or hold again: after a crash or failure, when its time comes, when it was broken."""

import asyncio
from collections.abc import Sequence

from taglock.domain.acts.act import Act, ActTarget, Phase
from taglock.domain.acts.going_on import look_again
from taglock.domain.handled import Handled
from taglock.domain.ledger import ActDue, DueWork, Purpose
from taglock.domain.row import Change
from taglock.enforcement.acts.aiming import JoinsOther
from taglock.enforcement.acts.concluding import tell_overdue
from taglock.enforcement.acts.ending import end_pass
from taglock.enforcement.acts.passing import Occasion, carry_on
from taglock.enforcement.acts.restoring import restore_all
from taglock.enforcement.acts.storing import Kept, due_changes, due_ended, forget, read_act, read_due, read_targets
from taglock.enforcement.acts.tightening import Tightening
from taglock.enforcement.acts.updating import left
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.enforcement.subject import Work


async def resume(app: Enforcement, kept: Kept, due: ActDue, work: Work) -> Sequence[Handled]:
    """Go on with a quarantine or hold that is due."""
    act = kept.act
    occasion = Occasion(trigger=work.trigger, deadline=work.budget.deadline, known=work.due)
    if act.phase is Phase.ENDED:
        await restore_all(app, act)  # a pass that was still tightening when it ended, and died
        await write(app, due_ended(act))
        return []
    if act.phase is Phase.ENDING:
        ended, targets = await end_pass(app, act, occasion, await read_targets(app, act.id))
        return [_handled(ended, targets, occasion, complete=ended.phase is Phase.ENDED)]
    was_told, act = act.overdue_told, await tell_overdue(app, act)
    overdue = [_overdue(act, occasion)] if act.overdue_told and not was_told else []
    if due.purpose is Purpose.LOOK and act.phase is Phase.OPEN:
        await write(app, _looked(app, act))
        return overdue
    return [*overdue, *await _tighten(app, act, occasion)]


async def reassert(app: Enforcement, act_id: str) -> Sequence[Handled]:
    """Make every update of an open quarantine or hold again, because somebody undid one from outside."""
    act = (await read_act(app, act_id)).act
    if act.phase not in (Phase.BEGINNING, Phase.OPEN):
        return []
    deadline = asyncio.get_running_loop().time() + app.limits.event_seconds
    known = await read_due(app, act)
    return await _tighten(app, act, Occasion(trigger="reassert", deadline=deadline, known=_going_on(known)))


def _going_on(due: DueWork | None) -> DueWork | None:
    is_look = due is not None and isinstance(due.subject, ActDue) and due.subject.purpose is Purpose.LOOK
    return None if is_look else due


async def _tighten(app: Enforcement, act: Act, occasion: Occasion) -> Sequence[Handled]:
    passed = Tightening(app, act, await read_targets(app, act.id))

    async def every_place() -> None:
        for place in act.places:
            await passed.again(place)

    try:
        act, complete = await carry_on(app, passed, every_place, (act, occasion))
    except JoinsOther:  # two calls at once stored the same act; this one came second and changed nothing
        await forget(app, act, await read_targets(app, act.id))
        return []
    return [_handled(act, passed.all_targets, occasion, complete=complete)]


def _looked(app: Enforcement, act: Act) -> Sequence[Change]:
    if act.review_by is None or act.overdue_told:
        return due_ended(act)
    return due_changes(look_again(act, act.review_by, now=app.clock.now()))


def _overdue(act: Act, occasion: Occasion) -> Handled:
    """Return what the log tells, once, of a quarantine that nobody has looked at in time: alerts read the log."""
    return Handled(
        trigger=occasion.trigger,
        outcome="overdue",
        event_id=act.id,
        image=str(act.places[0]),
        decision=f"{act.kind} {act.phase}",
        problems=(f"nobody looked at it by {act.review_by}; it stays until a person lifts it",),
    )


def _handled(act: Act, targets: Sequence[ActTarget], occasion: Occasion, *, complete: bool) -> Handled:
    waiting = [target for target in targets if left(target)]
    return Handled(
        trigger=occasion.trigger,
        outcome="complete" if complete else "unfinished",
        event_id=act.id,
        image=str(act.places[0]),
        decision=f"{act.kind} {act.phase}",
        applied=len(targets) - len(waiting),
        failed=len(waiting),
        problems=tuple(f"{target.target}: {target.message or 'not reached yet'}" for target in waiting[:20]),
    )
