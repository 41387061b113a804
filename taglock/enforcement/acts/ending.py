"""End a quarantine or a hold: refuse when somebody else changed a target meanwhile, then restore, children first."""

import asyncio
from collections.abc import Sequence
from copy import replace

from taglock.domain.acts.act import Act, ActKind, ActTarget, Outcome, Phase
from taglock.domain.acts.announcing import act_event, act_journal
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.acts.going_on import act_again, leased
from taglock.domain.acts.request import EndAsked
from taglock.domain.acts.undoing import change_of
from taglock.domain.attributes import spelled
from taglock.domain.due import Setback
from taglock.enforcement.acts.concluding import ENDED_EVENTS, closing_changes, why
from taglock.enforcement.acts.passing import Occasion
from taglock.enforcement.acts.recorded import recorded_locks
from taglock.enforcement.acts.restoring import pending_of, restore_all
from taglock.enforcement.acts.storing import (
    Conclusion,
    advance,
    conclude,
    due_changes,
    held_marks_of,
    read_act,
    read_targets,
)
from taglock.enforcement.acts.updating import observe
from taglock.enforcement.context import Enforcement
from taglock.enforcement.side_by_side import all_ended
from taglock.errors import ActRefused, LedgerError, NotFound, Refusal

ENDED = (Phase.ENDING, Phase.ENDED)


class _EndedAlready(Exception):
    pass


async def end_act(app: Enforcement, asked: EndAsked, kind: ActKind) -> ActAnswer:
    """End an act; one that has ended, or is about to, is answered as it is.

    Raises UnknownAct, ActRefused, RegistryError and LedgerError; nothing was changed then.
    """
    act = (await read_act(app, asked.act, kind=kind)).act
    targets = await read_targets(app, act.id)
    if act.phase in ENDED:
        return ActAnswer(act=act, targets=tuple(targets), joined=True)
    _expect_two_persons(app, act, asked)
    deadline = asyncio.get_running_loop().time() + app.limits.event_seconds
    if not asked.force:
        await _expect_unchanged(app, targets)
    now = app.clock.now()

    def begun(current: Act) -> Act:
        if current.phase in ENDED:
            raise _EndedAlready
        return replace(
            current,
            phase=Phase.ENDING,
            ended_by=asked.by,
            ended_at=now,
            end_reason=asked.reason,
            end_forced=asked.force,
        )

    try:
        act = await advance(app, act.id, begun, first=due_changes(leased(act, now=now)))
    except _EndedAlready:
        act = (await read_act(app, act.id)).act
        return ActAnswer(act=act, targets=tuple(await read_targets(app, act.id)), joined=True)
    trigger = "lift" if _is_quarantine(act) else "end hold"
    act, ended = await end_pass(app, act, Occasion(trigger=trigger, deadline=deadline), targets)
    return ActAnswer(act=act, targets=ended)


def _is_quarantine(act: Act) -> bool:
    return act.kind is ActKind.QUARANTINE


def _expect_two_persons(app: Enforcement, act: Act, asked: EndAsked) -> None:
    if not app.acts.two_person_lift or not _is_quarantine(act):
        return
    if not (act.by.known and asked.by.known):
        reason = "two known principals are needed, one to quarantine and one to lift; a key names nobody"
    elif act.by.id == asked.by.id:
        reason = f"{act.by} quarantined it, so another principal must lift"
    else:
        return
    raise ActRefused(Refusal.TWO_PERSONS_REQUIRED, f"{reason} (TAGLOCK_TWO_PERSON_LIFT)")


async def _expect_unchanged(app: Enforcement, targets: Sequence[ActTarget]) -> None:
    """Raise ActRefused with what somebody else changed on the targets since the act turned its attributes off."""
    open_targets = [each for each in targets if each.outcome in (Outcome.APPLIED, Outcome.ALREADY)]
    names = [each.target for each in open_targets]
    held = await held_marks_of(app.rows, names)
    locked = await recorded_locks(app.rows, names)
    places = asyncio.Semaphore(app.limits.parallel_requests)

    async def changed(target: ActTarget) -> str:
        async with places:
            try:
                state = await observe(app.registries(target.target.registry), target.target)
            except NotFound:
                return ""
        marked = held.get(target.target)
        marks = marked.marks if marked is not None else None
        change = change_of(target, marks, locked=locked[target.target], observed=state.off)
        said = f"turned on {spelled(change.turned_on)}, turned off {spelled(change.turned_off)}"
        return f"{target.target}: {said}" if change else ""

    found = [text for text in await all_ended(changed(target) for target in open_targets) if text]
    if found:
        reason = f"somebody else changed {len(found)} of {len(targets)} targets meanwhile: {found[0]}"
        raise ActRefused(Refusal.CHANGED_MEANWHILE, f"{reason}; `force` restores them all the same", changed=found)


async def end_pass(
    app: Enforcement, act: Act, occasion: Occasion, known: Sequence[ActTarget]
) -> tuple[Act, tuple[ActTarget, ...]]:
    """Restore what is left of an act that ends, within the occasion's time, and write what came of it.

    What could not be restored stays as it is, and due work goes on; its root stays until all children are restored.
    `known` is answered when the ledger does not tell more.
    """
    reason, retry_after = "", 0.0
    try:
        async with asyncio.timeout_at(occasion.deadline):
            retry_after = await restore_all(app, act)
    except TimeoutError:
        reason = "the time was used up"
    except LedgerError as error:
        reason = f"the ledger does not answer: {error}"
    try:
        return await _concluded(app, act, occasion, Setback(reason=reason, retry_after=retry_after))
    except LedgerError:
        return act, tuple(known)


async def _concluded(
    app: Enforcement, act: Act, occasion: Occasion, setback: Setback
) -> tuple[Act, tuple[ActTarget, ...]]:
    now = app.clock.now()
    targets = await read_targets(app, act.id)
    pending = {each.target for each in await pending_of(app, act, targets)}
    complete = not pending
    shown = tuple(_ended(each, pending=each.target in pending) for each in targets)
    ended = replace(act, phase=Phase.ENDED) if complete else act
    by = act.ended_by or act.by
    journal = act_journal(ended, f"end {act.kind}", shown, by=by, now=now, trigger=occasion.trigger)
    told = complete or occasion.known is None
    event = [act_event(ENDED_EVENTS[act.kind], ended, shown, now=now)] if told else []
    setback = replace(setback, reason=setback.reason or why(shown))
    conclusion = Conclusion(
        targets=shown,
        changes=(journal, *(await closing_changes(app, act) if complete else ())),
        events=tuple(event),
        due=None if complete else act_again(act, occasion.known, setback, now=now),
    )
    act = await conclude(app, act.id, lambda current: replace(current, phase=ended.phase), conclusion)
    if complete:
        await restore_all(app, act)  # a pass that was still tightening may have stored more since
    return act, shown


def _ended(target: ActTarget, *, pending: bool) -> ActTarget:
    """Return a target with what became of it at the end; what nobody recorded was restored before a crash."""
    if pending:
        return target if target.outcome is Outcome.FAILED else replace(target, outcome=Outcome.WAITING)
    kept = target.outcome in (Outcome.GONE, Outcome.MOVED, Outcome.KEPT, Outcome.RESTORED)
    return target if kept else replace(target, outcome=Outcome.RESTORED, message="")
