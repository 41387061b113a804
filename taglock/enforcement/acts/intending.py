"""Store what a loosening act will turn on before it does, and take it up again after a crash."""

from collections.abc import Callable, Sequence

from taglock.domain.acts.act import Act, ActTarget, Outcome
from taglock.domain.acts.claims import mark_reason
from taglock.domain.acts.going_on import leased
from taglock.domain.acts.loosening import is_marked, with_kept
from taglock.domain.acts.marks import Marks, without
from taglock.enforcement.acts.passing import Occasion
from taglock.enforcement.acts.preparing import Prepared
from taglock.enforcement.acts.storing import (
    Intent,
    beginning_rows,
    due_changes,
    forget,
    held_marks,
    read_targets,
    store,
)
from taglock.enforcement.acts.wanting import children_rows
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.errors import LedgerConflict

Marking = Callable[[ActTarget, Marks | None], Marks | None]
"""Returns the marks that a loosening act leaves on a target while it lasts."""


async def store_loosening(app: Enforcement, act: Act, prepared: Prepared, marking: Marking) -> tuple[ActTarget, ...]:
    """Store what will be unlocked; raises LedgerConflict when others acted on a part of it since it was read.

    The act's own row comes after all its targets: whoever goes on with it trusts them to be all.
    """
    held = prepared.rows.held
    due, *rows = beginning_rows(act, leased(act, now=app.clock.now()))
    rows += children_rows(act.registry, prepared.place.repository, prepared.children)
    intent = Intent(act_id=act.id, targets=prepared.targets, first=(due,), then=tuple(rows), held=held)

    def change(marks: Marks | None, target: ActTarget) -> Marks | None:
        before = held.get(target.target)
        if marks != (before.marks if before is not None else None):
            raise LedgerConflict(f"{target.target}: its marks changed since it was read")
        return marking(target, marks)

    try:
        return await store(app, intent, change)
    except LedgerConflict:
        await _withdraw(app, act, prepared.targets)
        raise


async def _withdraw(app: Enforcement, act: Act, targets: Sequence[ActTarget]) -> None:
    """Take an act back whose intent could not be stored whole: no target was updated."""
    intent = Intent(act_id=act.id, targets=tuple(targets))
    await store(app, intent, lambda marks, _: without(marks, act.id) if marks is not None else None)
    await forget(app, act, targets)


async def take_up(app: Enforcement, act: Act, occasion: Occasion, marking: Marking) -> tuple[ActTarget, ...]:
    """Return the targets of an act that did not come to its end, all marked; raises LedgerError.

    What has no mark of the act was not updated yet, and is left to those who marked it since.
    """
    await write(app, due_changes(leased(act, occasion.known, now=app.clock.now())))
    targets = await read_targets(app, act.id)
    place = act.places[0]
    held = await held_marks(app.rows, place.registry, place.repository)
    marks = {each.target: held[each.target].marks if each.target in held else None for each in targets}
    foreign = {target: mark_reason(found, act.id) for target, found in marks.items() if not is_marked(act, found)}
    taken = with_kept(targets, {target: reason for target, reason in foreign.items() if reason})

    def change(found: Marks | None, target: ActTarget) -> Marks | None:
        if target.outcome is not Outcome.KEPT and mark_reason(found, act.id) and not is_marked(act, found):
            raise LedgerConflict(f"{target.target}: its marks changed since they were read")
        return marking(target, found)

    return await store(app, Intent(act_id=act.id, targets=taken, held=held), change)
