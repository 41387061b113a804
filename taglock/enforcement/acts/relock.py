"""Lock again what a grant unlocked, when a person ends it or its time has passed: children first, the tag last.

Every update is made again on each attempt, which is always right. The marks go when everything is proved, so that
until then no other lock and no other unlock comes in between.
"""

import asyncio
from copy import replace
from datetime import datetime, timedelta

import msgspec

from taglock.domain.acts.act import TAGLOCK, Act, ActKind, Actor, ActTarget, Outcome, Phase
from taglock.domain.acts.announcing import act_event, act_journal
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.acts.going_on import act_again, leased
from taglock.domain.acts.loosening import SETTLED_AT_END, holds_grant, ungranted, wanted_at_end
from taglock.domain.acts.request import EndAsked
from taglock.domain.due import Setback
from taglock.domain.ledger import DueWork, Finding, FindingKind, Severity, due_key, finding_key, restored, stored
from taglock.domain.reference import Tag, TargetKind
from taglock.domain.row import Change, Upsert
from taglock.domain.state import TagState
from taglock.enforcement.acts.applying import tighten
from taglock.enforcement.acts.concluding import why
from taglock.enforcement.acts.passing import Occasion
from taglock.enforcement.acts.releasing import closed_rows
from taglock.enforcement.acts.replacing import Replaced, replaced_release
from taglock.enforcement.acts.storing import (
    Conclusion,
    Intent,
    advance,
    conclude,
    due_changes,
    read_act,
    read_due,
    read_targets,
    store,
)
from taglock.enforcement.acts.wanting import RepositoryRows, repository_rows
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerError, NotFound, RegistryError

TRIGGER = "end_unlock"
LONGEST_PAUSE = timedelta(minutes=5)
"""Nothing may stay unlocked for longer than it must, so an end is tried again sooner than other work."""
ENDED = (Phase.ENDING, Phase.ENDED)


async def end_unlock(app: Enforcement, asked: EndAsked) -> ActAnswer:
    """End a grant now; one that has ended, or is about to, is answered as it is.

    Raises UnknownAct and LedgerError; nothing was changed then.
    """
    act = (await read_act(app, asked.act, kind=ActKind.UNLOCK)).act
    if act.phase in ENDED:
        return ActAnswer(act=act, targets=tuple(await read_targets(app, act.id)), joined=True)
    deadline = asyncio.get_running_loop().time() + app.limits.event_seconds
    not_before = _under_way_until(act, await read_due(app, act))
    act = await begin_end(app, act, asked.by, asked.reason)
    occasion = Occasion(trigger=TRIGGER, deadline=deadline)
    try:
        act, targets = await relock(app, act, occasion, not_before=not_before)
    except LedgerError:  # the end is stored: due work goes on
        targets = tuple(await read_targets(app, act.id))
    return ActAnswer(act=act, targets=targets)


def _under_way_until(act: Act, due: DueWork | None) -> datetime | None:
    """Return until when somebody may still be turning attributes on: the end is made once more after that."""
    return due.due_at if act.phase is Phase.BEGINNING and due is not None else None


async def begin_end(app: Enforcement, act: Act, by: Actor, reason: str) -> Act:
    """Store that a grant ends, with the due work that ends it if nobody else does; an extension may come in between.

    Returns the act as it is: one that was extended beyond now is not ended by the app itself.
    """
    now = app.clock.now()

    def ending(current: Act) -> Act:
        extended = by == TAGLOCK and current.expires_at is not None and now < current.expires_at
        if current.phase in ENDED or extended:
            return current
        return replace(current, phase=Phase.ENDING, ended_by=by, ended_at=now, end_reason=reason)

    return await advance(app, act.id, ending, first=due_changes(leased(act, now=now)))


class _Came(msgspec.Struct, frozen=True, kw_only=True):
    """How far an end has come."""

    targets: tuple[ActTarget, ...]
    setback: Setback
    replaced: Replaced | None = None


async def relock(
    app: Enforcement, act: Act, occasion: Occasion, *, not_before: datetime | None = None
) -> tuple[Act, tuple[ActTarget, ...]]:
    """Lock all of it again and write what came of it; it has not ended before everything is proved.

    Raises LedgerError; due work goes on then.
    """
    place = act.places[0]
    rows = await repository_rows(app, place.registry, place.repository)
    try:
        came = await _locked(app, act, rows, occasion)
    except RegistryError as error:
        came = _Came(targets=tuple(await read_targets(app, act.id)), setback=_setback(error))
    waits = not_before is not None and app.clock.now() < not_before
    if came.setback.reason or waits:
        return await _unfinished(app, act, came, (occasion, not_before))
    intent = Intent(act_id=act.id, targets=came.targets)
    await store(app, intent, lambda marks, target: ungranted(act, target, marks, locked=rows.locked(target.target)))
    return await _ended(app, act, came, occasion)


def _setback(error: RegistryError) -> Setback:
    return Setback(reason=str(error), retry_after=error.retry_after or 0.0)


async def _locked(app: Enforcement, act: Act, rows: RepositoryRows, occasion: Occasion) -> _Came:
    targets = await read_targets(app, act.id)
    ours = [each for each in targets if each.outcome is not Outcome.KEPT and holds_grant(act, rows.marks(each.target))]
    if not ours:
        return _Came(targets=tuple(_without_mark(each) for each in targets), setback=Setback(reason=""))
    replaced: Replaced | None = None
    tag = next((each for each in ours if each.target.kind is TargetKind.TAG), None)
    state = await _tag_now(app, tag) if tag is not None else None
    if tag is not None and state is not None and _is_new(act, tag, state, rows):
        replaced = await replaced_release(app, act, (rows, ours, state), deadline=occasion.deadline)
        rows = await repository_rows(app, act.registry, act.places[0].repository)
    left_alone = replaced.settled if replaced is not None else {}
    offs = {
        each.target: wanted_at_end(each, rows.marks(each.target), locked=rows.locked(each.target))
        for each in ours
        if each.target not in left_alone
    }
    again = [each for each in ours if each.target in offs]
    updated = await tighten(app, again, offs, deadline=occasion.deadline)
    now = {each.target.target: each.target for each in updated} | dict(left_alone)
    reason = replaced.reason if replaced is not None else ""
    after = tuple(now.get(each.target) or _without_mark(each) for each in targets)
    reason = reason or (why(after) if any(each.outcome not in SETTLED_AT_END for each in after) else "")
    retry_after = max((each.retry_after for each in updated), default=0.0)
    return _Came(targets=after, setback=Setback(reason=reason, retry_after=retry_after), replaced=replaced)


def _is_new(act: Act, tag: ActTarget, state: TagState, rows: RepositoryRows) -> bool:
    """Tell whether a tag moved, or was pushed while unlocked and no release: its push was left to this end."""
    is_release = Tag(tag.target.name) in rows.releases
    return state.digest != tag.digest or (not is_release and state.updated_at >= act.created_at)


def _without_mark(target: ActTarget) -> ActTarget:
    """Return a target that has no mark of the grant: it was never updated, or is locked again already."""
    return target if target.outcome in SETTLED_AT_END else replace(target, outcome=Outcome.RESTORED, message="")


async def _tag_now(app: Enforcement, tag: ActTarget) -> TagState | None:
    target = tag.target
    try:
        return await app.registries(target.registry).tag(target.repository, Tag(target.name))
    except NotFound:
        return None


async def _unfinished(
    app: Enforcement, act: Act, came: _Came, when: tuple[Occasion, datetime | None]
) -> tuple[Act, tuple[ActTarget, ...]]:
    occasion, not_before = when
    now = app.clock.now()
    due = act_again(act, occasion.known, came.setback, now=now)
    due = replace(due, due_at=min(due.due_at, now + LONGEST_PAUSE))
    if not came.setback.reason and not_before is not None:
        due = replace(due, due_at=not_before, reason="the unlock may still be under way")
    told = [act_event("Taglock.ImageRelocked", act, came.targets, now=now)] if occasion.known is None else []
    overdue = await _overdue(app, act, came) if came.setback.reason and occasion.known is not None else []
    conclusion = Conclusion(
        targets=came.targets,
        changes=(_journal(act, came, occasion, now=now), *overdue),
        events=tuple(told) if came.setback.reason else (),
        due=due,
    )
    return await conclude(app, act.id, lambda current: current, conclusion), came.targets


async def _ended(app: Enforcement, act: Act, came: _Came, occasion: Occasion) -> tuple[Act, tuple[ActTarget, ...]]:
    now = app.clock.now()
    ended = replace(act, phase=Phase.ENDED)
    more = {"digest": came.replaced.digest} if came.replaced is not None else {}
    known = await _known_finding(app, act)
    closed = closed_rows([known], now=now) if known is not None else []
    conclusion = Conclusion(
        targets=came.targets,
        changes=(_journal(ended, came, occasion, now=now), *closed, *_rules_look(came, now=now)),
        events=(act_event("Taglock.ImageRelocked", ended, came.targets, now=now, more=more),),
    )
    return await conclude(app, act.id, lambda current: replace(current, phase=Phase.ENDED), conclusion), came.targets


def _journal(act: Act, came: _Came, occasion: Occasion, *, now: datetime) -> Change:
    by = act.ended_by or act.by
    decision = "end unlock"
    tag = next((each for each in came.targets if each.target.kind is TargetKind.TAG), None)
    if came.replaced is not None and tag is not None and tag.digest != came.replaced.digest:
        decision = f"end unlock: {tag.digest} was replaced by {came.replaced.digest}"
    return act_journal(act, decision, came.targets, by=by, now=now, trigger=occasion.trigger)


def _rules_look(came: _Came, *, now: datetime) -> list[Change]:
    """Return the due work that lets the rules look at what an unlocked tag that was no release points to now."""
    push = came.replaced.push if came.replaced is not None else None
    if push is None:
        return []
    due = DueWork(subject=push, created_at=now, due_at=now, attempts=0, reason="it moved while it was unlocked")
    return [Upsert(due_key(push), stored(due))]


# -- the finding that a grant outlives its time -------------------------------------------------------------------


async def _known_finding(app: Enforcement, act: Act) -> Finding | None:
    (row,) = await app.rows.read([finding_key(FindingKind.GRANT_OVERDUE, act.registry, str(act.places[0]))])
    found = restored(Finding, row.body) if row is not None else None
    return found if found is not None and found.closed_at is None else None


async def _overdue(app: Enforcement, act: Act, came: _Came) -> list[Change]:
    known = await _known_finding(app, act)
    now = app.clock.now()
    subject = str(act.places[0])
    ended_at = act.ended_at or act.expires_at or now
    found = Finding(
        kind=FindingKind.GRANT_OVERDUE,
        severity=Severity.CRITICAL,
        registry=act.registry,
        subject=subject,
        expected=f"locked again at {ended_at.isoformat()}",
        observed=came.setback.reason,
        first_seen=known.first_seen if known is not None else now,
        last_seen=now,
        rule=f"{act.kind} {act.id}",
    )
    return [Upsert(finding_key(found.kind, found.registry, subject), stored(found))]
