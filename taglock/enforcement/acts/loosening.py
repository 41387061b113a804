"""Go on with an act that loosens, or with an acceptance: after a failure, and when the time of a grant is over."""

from collections.abc import Sequence

from taglock.domain.acts.act import TAGLOCK, Act, ActKind, ActTarget, Phase
from taglock.domain.acts.announcing import act_journal
from taglock.domain.due import Setback
from taglock.domain.handled import Handled
from taglock.enforcement.acts.concluding import why
from taglock.enforcement.acts.passing import Occasion
from taglock.enforcement.acts.relock import begin_end, relock
from taglock.enforcement.acts.settling import settle
from taglock.enforcement.acts.storing import Kept, due_changes, due_ended, read_targets, target_rows
from taglock.enforcement.acts.unlock import due_of, resume_unlock
from taglock.enforcement.acts.updating import left
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.enforcement.subject import Work
from taglock.errors import ActRefused, RegistryError


async def resume(app: Enforcement, kept: Kept, work: Work) -> Sequence[Handled]:
    """Go on with an unlock, a retirement or an acceptance that is due; raises LedgerError."""
    act = kept.act
    occasion = Occasion(trigger=work.trigger, deadline=work.budget.deadline, known=work.due)
    if act.phase is Phase.ENDED:
        await write(app, due_ended(act))
        return []
    try:
        act, targets = await _gone_on(app, act, occasion)
    except ActRefused:  # somebody ended it meanwhile, and their due work goes on
        return []
    return [_handled(act, targets, occasion)]


async def _gone_on(app: Enforcement, act: Act, occasion: Occasion) -> tuple[Act, Sequence[ActTarget]]:
    if act.kind is ActKind.RETIRE:
        from taglock.enforcement.acts.retire import resume_retire

        return await resume_retire(app, act, occasion)
    if act.kind is ActKind.ACCEPT:
        from taglock.enforcement.acts.accept import accept_pass

        return await accept_pass(app, act, occasion)
    return await _unlock_gone_on(app, act, occasion)


async def _unlock_gone_on(app: Enforcement, act: Act, occasion: Occasion) -> tuple[Act, Sequence[ActTarget]]:
    over = act.expires_at is not None and app.clock.now() >= act.expires_at
    if over and act.phase is not Phase.ENDING:
        act = await begin_end(app, act, TAGLOCK, "its time has passed")
    if act.phase is Phase.ENDING:
        return await relock(app, act, occasion)
    if act.phase is Phase.BEGINNING:
        return await resume_unlock(app, act, occasion)
    return act, await _looked(app, act, occasion)


async def _looked(app: Enforcement, act: Act, occasion: Occasion) -> Sequence[ActTarget]:
    """Lock again what somebody else wants by now, and come back for the end of the grant at the latest."""
    now = app.clock.now()
    targets = tuple(await read_targets(app, act.id))
    reason = ""
    settled = targets
    try:
        settled = await settle(app, act, targets, deadline=occasion.deadline)
    except RegistryError as error:
        reason = str(error)
    changes = []
    if settled != targets:
        journal = act_journal(act, "keep", settled, by=TAGLOCK, now=now, trigger=occasion.trigger)
        changes = [*target_rows(act.id, settled), journal]
        reason = reason or (why(settled) if any(left(each) for each in settled) else "")
    due = due_of(act, occasion, Setback(reason=reason), now=now)
    await write(app, [*changes, *due_changes(due)])
    return settled


def _handled(act: Act, targets: Sequence[ActTarget], occasion: Occasion) -> Handled:
    unfinished = [each for each in targets if left(each)]
    return Handled(
        trigger=occasion.trigger,
        outcome="unfinished" if unfinished else "complete",
        event_id=act.id,
        image=str(act.places[0]),
        decision=f"{act.kind} {act.phase}",
        applied=len(targets) - len(unfinished),
        failed=len(unfinished),
        problems=tuple(f"{each.target}: {each.message}" for each in unfinished[:20]),
    )
