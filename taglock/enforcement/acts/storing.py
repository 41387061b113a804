"""Keep acts in the ledger: what they will change before they change it, and what became of it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import replace

import msgspec

from taglock.domain.acts.act import (
    Act,
    ActKind,
    ActTarget,
    ListedAct,
    act_key,
    act_target_key,
    act_targets_partition,
    listed_key,
)
from taglock.domain.acts.marks import Marks, mark_key, marks_range
from taglock.domain.announcement import outbox_rows
from taglock.domain.attributes import Off
from taglock.domain.ledger import ActDue, DueWork, due_key, restored, stored
from taglock.domain.outbound import OutboundEvent
from taglock.domain.reference import LoginServer, Repository, Target
from taglock.domain.row import Change, Delete, Insert, Replace, Row, Upsert
from taglock.enforcement.acts.marking import PAGE
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import publish, write
from taglock.errors import LedgerConflict, UnknownAct
from taglock.ports import RowStore

CONFLICTS = 200
"""How often marks that others change at the same time are looked at again: each time somebody else went on."""
LONGEST_JITTER_SECONDS = 0.02


# -- reading ------------------------------------------------------------------------------------------------------


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An act as the ledger holds it."""

    act: Act
    version: str


async def read_act(app: Enforcement, act_id: str, *, kind: ActKind | None = None) -> Kept:
    """Read an act by its id; raises UnknownAct when there is none, or none of that kind."""
    (row,) = await app.rows.read([act_key(act_id)])
    act = restored(Act, row.body) if row is not None else None
    if row is None or act is None or (kind is not None and act.kind is not kind):
        raise UnknownAct(f"no {kind or 'act'} has the id {act_id!r}")
    return Kept(act=act, version=row.version)


async def read_targets(app: Enforcement, act_id: str) -> list[ActTarget]:
    """Read all targets of an act, in the order of their keys."""
    return [restored(ActTarget, row.body) for row in await _whole(app.rows, act_targets_partition(act_id))]


async def read_due(app: Enforcement, act: Act) -> DueWork | None:
    """Read the due work of an act."""
    (row,) = await app.rows.read([due_key(_due_of(act))])
    return restored(DueWork, row.body) if row is not None else None


class HeldMarks(msgspec.Struct, frozen=True, kw_only=True):
    """The marks of one target with the version that a change must replace."""

    marks: Marks
    version: str


Held = Mapping[Target, HeldMarks]


async def held_marks(rows: RowStore, registry: LoginServer, repository: Repository) -> Held:
    """Read all marks of a repository with their versions."""
    partition, start, end = marks_range(registry, repository)
    return _held(await _whole(rows, partition, start=start, end=end))


async def held_marks_of(rows: RowStore, targets: Sequence[Target]) -> Held:
    """Read the marks of some targets with their versions."""
    return _held(await rows.read([mark_key(target) for target in targets])) if targets else {}


def _held(rows: Iterable[Row | None]) -> Held:
    held = [HeldMarks(marks=restored(Marks, row.body), version=row.version) for row in rows if row is not None]
    return {each.marks.target: each for each in held}


async def _whole(rows: RowStore, partition: str, *, start: str = "", end: str = "\U0010ffff") -> list[Row]:
    found: list[Row] = []
    while True:
        page = await rows.scan(partition, start=start, end=end, limit=PAGE)
        found += page
        if len(page) < PAGE:
            return found
        start = page[-1].key.key + "\0"


# -- intents ------------------------------------------------------------------------------------------------------

ChangeMarks = Callable[[Marks | None, ActTarget], Marks | None]
"""Returns the marks that an act leaves on a target; called again when somebody else changed them meanwhile."""

Observe = Callable[[ActTarget], Awaitable[Off | None]]
"""Reads what is off on a target, None when it cannot be read."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is durable before the first update of some targets."""

    act_id: str
    targets: tuple[ActTarget, ...]
    first: tuple[Change, ...] = ()
    """What is written before: for a new act `beginning_rows`."""
    then: tuple[Change, ...] = ()
    """What is written after the targets and before the marks, such as an act that trusts its targets to be all."""
    held: Held | None = None
    """The marks as they were read before the targets were; read now when None."""
    observe: Observe | None = None
    """Reads a target again whose first mark this is, when its marks changed after `prior` was read: another act may
    have been undone in between."""


def beginning_rows(act: Act, due: DueWork) -> tuple[Change, ...]:
    """Return the rows of a new act. The due work comes first: without an act it is dropped, and never the reverse."""
    return (
        *due_changes(due),
        Upsert(act_key(act.id), stored(act)),
        Upsert(listed_key(act), stored(ListedAct(id=act.id))),
    )


def due_changes(due: DueWork) -> tuple[Change, ...]:
    """Return the row of due work."""
    return (Upsert(due_key(due.subject), stored(due)),)


def due_ended(act: Act) -> tuple[Change, ...]:
    """Return the change that ends the due work of an act."""
    return (Delete(due_key(_due_of(act))),)


def target_rows(act_id: str, targets: Iterable[ActTarget]) -> list[Change]:
    """Return the rows of an act's targets."""
    return [Upsert(act_target_key(act_id, target.target), stored(target)) for target in targets]


async def store(app: Enforcement, intent: Intent, change: ChangeMarks) -> tuple[ActTarget, ...]:
    """Write an intent: what comes first, the act's targets, and last the marks, which make others respect it.

    Returns the targets with the prior attributes that count: those before the first act that is still on them. What
    `change` raises passes through. Raises LedgerConflict when others never let it come to its turn.
    """
    held = intent.held
    if held is None:
        held = await held_marks_of(app.rows, [target.target for target in intent.targets])
    targets = intent.targets
    for attempt in range(CONFLICTS):
        marked = [_marked(target, held.get(target.target), change) for target in targets]
        prepared = tuple(target for target, _ in marked)
        try:
            rows = [*intent.first, *target_rows(intent.act_id, prepared), *intent.then, *_mark_changes(marked)]
            await write(app, rows)
        except LedgerConflict:
            await jitter(attempt)
            held, targets = await _look_again(app, replace(intent, targets=targets, held=held))
        else:
            return prepared
    raise LedgerConflict(f"act {intent.act_id}: the marks of its targets changed {CONFLICTS} times in a row")


async def jitter(attempt: int) -> None:
    """Wait a moment before marks are looked at again, longer the more others are at it."""
    await asyncio.sleep(random.uniform(0, LONGEST_JITTER_SECONDS * min(attempt, 10)))


def _marked(target: ActTarget, held: HeldMarks | None, change: ChangeMarks) -> tuple[ActTarget, Sequence[Change]]:
    before = held.marks if held is not None else None
    after = change(before, target)
    prior = after.prior if after is not None and after.wants else target.prior
    return replace(target, prior=prior), mark_change(target.target, held, after)


def mark_change(target: Target, held: HeldMarks | None, after: Marks | None) -> Sequence[Change]:
    """Return the change that leaves these marks on a target, over the version that was read; none when they are so."""
    key = mark_key(target)
    if after is None or after.empty:
        return [Delete(key, held.version)] if held is not None else []
    if held is None:
        return [Insert(key, stored(after))]
    return [Replace(key, stored(after), held.version)] if after != held.marks else []


def _mark_changes(marked: Iterable[tuple[ActTarget, Sequence[Change]]]) -> list[Change]:
    return [change for _, changes in marked for change in changes]


async def _look_again(app: Enforcement, intent: Intent) -> tuple[Held, tuple[ActTarget, ...]]:
    before = intent.held or {}
    held = await held_marks_of(app.rows, [target.target for target in intent.targets])
    observe = intent.observe
    if observe is None:
        return held, intent.targets

    async def observed(target: ActTarget) -> ActTarget:
        now, then = held.get(target.target), before.get(target.target)
        changed = (now.version if now else None) != (then.version if then else None)
        if not changed or (now is not None and now.marks.wants):
            return target
        off = await observe(target)
        return target if off is None else replace(target, prior=off)

    return held, tuple([await observed(target) for target in intent.targets])


# -- conclusions --------------------------------------------------------------------------------------------------


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """What is written when a pass over an act has come to its end; the due work last."""

    targets: tuple[ActTarget, ...] = ()
    changes: tuple[Change, ...] = ()
    """Journal and findings."""
    events: tuple[OutboundEvent, ...] = ()
    due: DueWork | None = None
    """None when nothing is left to be done."""


async def advance(app: Enforcement, act_id: str, change: Callable[[Act], Act], *, first: Sequence[Change] = ()) -> Act:
    """Change an act's own row over the version that was read, again when somebody else changed it meanwhile.

    What `change` raises passes through; `first` is written before it.
    """
    for _ in range(CONFLICTS):
        kept = await read_act(app, act_id)
        act = change(kept.act)
        changes = [] if act == kept.act else [Replace(act_key(act_id), stored(act), kept.version)]
        try:
            await write(app, [*first, *changes])
        except LedgerConflict:
            continue
        return act
    raise LedgerConflict(f"act {act_id} changed {CONFLICTS} times in a row")


async def conclude(app: Enforcement, act_id: str, change: Callable[[Act], Act], conclusion: Conclusion) -> Act:
    """Write what became of an act's targets, then the act, its journal and events, and the due work last."""
    rows = target_rows(act_id, conclusion.targets)
    act = await advance(app, act_id, change, first=rows)
    outbox = _outbox(app, conclusion.events)
    due = due_changes(conclusion.due) if conclusion.due is not None else due_ended(act)
    await write(app, [*conclusion.changes, *outbox, *due])
    await publish(app, conclusion.events)
    return act


def _outbox(app: Enforcement, events: Sequence[OutboundEvent]) -> Sequence[Change]:
    return outbox_rows(events) if app.publisher is not None else []


def _due_of(act: Act) -> ActDue:
    return ActDue(act=act.id, registry=act.registry)


async def forget(app: Enforcement, act: Act, targets: Iterable[ActTarget]) -> None:
    """Take a new act out of the ledger that is not in effect on any target, its due work last."""
    keys = [act_target_key(act.id, target.target) for target in targets]
    keys += [listed_key(act), act_key(act.id)]
    await write(app, [*(Delete(key) for key in keys), *due_ended(act)])
