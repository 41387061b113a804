"""Take an act off targets: each goes back to what it was, apart from what is wanted now, and its marks go last.

The registry knows no conditional update, so the marks are the fence: they go only in the version that the update was
computed from. Whoever put another mark there meanwhile makes it be computed, and sent, again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from copy import replace

from taglock.domain.acts.act import Act, ActTarget, Outcome
from taglock.domain.acts.marks import Marks, ending, without
from taglock.domain.acts.undoing import still_wanted, undo_of
from taglock.domain.acts.wanted import Restoration
from taglock.domain.attributes import Off, spelled
from taglock.domain.reference import Target
from taglock.domain.row import Change
from taglock.enforcement.acts.recorded import recorded_locks
from taglock.enforcement.acts.storing import (
    CONFLICTS,
    HeldMarks,
    Intent,
    held_marks_of,
    jitter,
    mark_change,
    read_targets,
    store,
    target_rows,
)
from taglock.enforcement.acts.updating import Updated, left, not_updated, proved, unproved, update
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.enforcement.side_by_side import all_ended
from taglock.errors import LedgerConflict, RegistryError


async def restore(app: Enforcement, act: Act, targets: Sequence[ActTarget]) -> list[Updated]:
    """Restore targets and take the act's marks off those that are proved; the others stay as they are, marks too.

    A target without a mark of the act was restored before, and only that was not recorded. Raises LedgerError.
    """
    return await _Restoring(app, act, targets).run()


async def restore_all(app: Enforcement, act: Act) -> float:
    """Restore until nothing is left or something cannot be; return for how many seconds the registry asked to wait.

    The root waits for all children. Targets are read again each time: a pass that was still tightening may have added
    some. Raises LedgerError.
    """
    while pending := await pending_of(app, act, await read_targets(app, act.id)):
        await store(app, Intent(act_id=act.id, targets=tuple(pending)), lambda marks, _: _ending(act, marks))
        below = [each for each in pending if not each.root]
        updated = await restore(app, act, below or pending)
        if any(left(each.target) for each in updated):
            return max(each.retry_after for each in updated)
    return 0.0


async def pending_of(app: Enforcement, act: Act, targets: Sequence[ActTarget]) -> list[ActTarget]:
    """Return the targets that the act is still on: its marks go last, so they tell."""
    held = await held_marks_of(app.rows, [each.target for each in targets])
    on = {name for name, each in held.items() if any(want.act == act.id for want in each.marks.wants)}
    return [each for each in targets if each.target in on]


def _ending(act: Act, marks: Marks | None) -> Marks | None:
    return ending(marks, act.id) if marks is not None else None


class _Restoring:
    def __init__(self, app: Enforcement, act: Act, targets: Sequence[ActTarget]) -> None:
        self._app = app
        self._act = act
        self._targets = targets
        self._proved: dict[Target, tuple[Restoration, Updated]] = {}
        """What was sent and proved; it is not sent again while the marks ask for the same."""
        self._places = asyncio.Semaphore(app.limits.parallel_requests)

    async def run(self) -> list[Updated]:
        for attempt in range(CONFLICTS):
            held = await held_marks_of(self._app.rows, [target.target for target in self._targets])
            updated = await self._restored(held)
            unmarked = [
                change
                for each in updated
                if not left(each.target)
                for change in _unmarked(self._act, each.target.target, held.get(each.target.target))
            ]
            try:
                await write(self._app, [*unmarked, *target_rows(self._act.id, (each.target for each in updated))])
            except LedgerConflict:
                await jitter(attempt)
                continue
            return updated
        raise LedgerConflict(f"act {self._act.id}: the marks of its targets changed {CONFLICTS} times in a row")

    async def _restored(self, held: Mapping[Target, HeldMarks]) -> list[Updated]:
        locked = await recorded_locks(self._app.rows, [target.target for target in self._targets])
        return await all_ended(self._one(each, held.get(each.target), locked[each.target]) for each in self._targets)

    async def _one(self, target: ActTarget, marked: HeldMarks | None, locked: Off) -> Updated:
        if marked is None or all(want.act != self._act.id for want in marked.marks.wants):
            return Updated(target=replace(target, outcome=Outcome.RESTORED, message=""))
        undo = undo_of(self._act, target, marked.marks, locked=locked)
        proved_before = self._proved.get(target.target)
        if proved_before is not None and proved_before[0] == undo:
            return proved_before[1]
        async with self._places:
            updated = await restore_one(self._app, self._act, target, (marked, locked))
        if not left(updated.target):
            self._proved[target.target] = (undo, updated)
        return updated


def _unmarked(act: Act, target: Target, held: HeldMarks | None) -> Sequence[Change]:
    return mark_change(target, held, without(held.marks, act.id)) if held is not None else []


async def restore_one(app: Enforcement, act: Act, target: ActTarget, known: tuple[HeldMarks | None, Off]) -> Updated:
    """Set on a target what the act leaves behind; `known` are its marks, and what is recorded as locked."""
    held, locked = known
    marks = held.marks if held is not None else None
    undo = undo_of(act, target, marks, locked=locked)
    if not undo.off and not undo.on:
        return Updated(target=replace(target, outcome=Outcome.RESTORED, message=""))
    try:
        state = await update(app.registries(target.target.registry), target.target, off=undo.off, on=undo.on)
    except RegistryError as error:
        return not_updated(target, error)
    if state.off & undo.on or not undo.off <= state.off:
        return unproved(target, state)
    kept = still_wanted(act, target, marks)
    if kept:
        return proved(target, Outcome.KEPT, state, message=f"another act wants off: {spelled(kept)}")
    return proved(target, Outcome.RESTORED, state)
