"""Write what came of a pass over a quarantine or hold: outcomes, journal, findings, event, and what is still due."""

from collections.abc import Sequence
from copy import replace

import msgspec

from taglock.domain.acts.act import Act, ActKind, ActTarget, Phase
from taglock.domain.acts.announcing import act_event, act_journal
from taglock.domain.acts.going_on import act_again, look_again
from taglock.domain.announcement import outbox_rows
from taglock.domain.due import Setback
from taglock.domain.ledger import DueWork, Finding, FindingKind, Severity, finding_key, restored, stored
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import Change, Upsert
from taglock.enforcement.acts.storing import Conclusion, advance, conclude, read_targets
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import publish, write

EVENTS = {ActKind.QUARANTINE: "Taglock.ImageQuarantined", ActKind.HOLD: "Taglock.ImageHeld"}
ENDED_EVENTS = {ActKind.QUARANTINE: "Taglock.QuarantineLifted", ActKind.HOLD: "Taglock.HoldEnded"}
FINDINGS = {ActKind.QUARANTINE: FindingKind.QUARANTINE_BROKEN, ActKind.HOLD: FindingKind.LOCK_FAILED}


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """How far a pass has come, and what it was."""

    targets: tuple[ActTarget, ...]
    complete: bool
    reason: str = ""
    """Why it is not complete."""
    retry_after: float = 0.0
    trigger: str
    known: DueWork | None = None
    """The due work that was resumed; None for a call."""


def why(targets: Sequence[ActTarget]) -> str:
    """Return why something is left: the first reason that there is."""
    return next((f"{each.target}: {each.message}" for each in targets if each.message), "not finished in time")


async def conclude_tightening(app: Enforcement, act: Act, came: Came, stored_targets: Sequence[ActTarget]) -> Act:
    """Write what came of a pass; an act that somebody ends meanwhile is left to its end. Raises LedgerError."""
    now = app.clock.now()
    first = act.first_finished_at is None
    opened = replace(act, phase=Phase.OPEN, first_finished_at=act.first_finished_at or now) if came.complete else act
    finding = await finding_changes(app, act, came)
    told = first if came.complete else came.known is None
    event = [act_event(EVENTS[act.kind], opened, came.targets, now=now)] if told else []

    def change(current: Act) -> Act:
        if current.phase in (Phase.ENDING, Phase.ENDED):
            raise Ending(current)
        finished_at = current.first_finished_at or now
        return replace(current, phase=Phase.OPEN, first_finished_at=finished_at) if came.complete else current

    journal = act_journal(opened, act.kind, came.targets, by=act.by, now=now, trigger=came.trigger)
    conclusion = Conclusion(
        targets=tuple(stored_targets),
        changes=(journal, *finding),
        events=tuple(event),
        due=_due(opened, came, app),
    )
    try:
        return await conclude(app, act.id, change, conclusion)
    except Ending as ending:
        return ending.act


class Ending(Exception):
    """The act is being ended."""

    def __init__(self, act: Act) -> None:
        self.act = act
        super().__init__(act.id)


def _due(act: Act, came: Came, app: Enforcement) -> DueWork | None:
    now = app.clock.now()
    if not came.complete:
        setback = Setback(reason=came.reason or why(came.targets), retry_after=came.retry_after)
        return act_again(act, came.known, setback, now=now)
    if act.review_by is not None and not act.overdue_told:
        return look_again(act, act.review_by, now=now)
    return None


async def finding_changes(app: Enforcement, act: Act, came: Came) -> tuple[Change, ...]:
    """Return what opens or closes the finding that an act is not as it should be: due work opens it, not the call."""
    kind, subject = FINDINGS[act.kind], str(act.places[0])
    known = await _finding(app, kind, act.registry, subject)
    now = app.clock.now()
    if came.complete:
        return _closed(known, app)
    if came.known is None:
        return ()
    found = Finding(
        kind=kind,
        severity=Severity.CRITICAL,
        registry=act.registry,
        subject=subject,
        expected=f"{act.kind} {act.id} on every target",
        observed=came.reason or why(came.targets),
        first_seen=known.first_seen if known is not None and known.closed_at is None else now,
        last_seen=now,
        rule=f"{act.kind} {act.id}",
    )
    return (Upsert(finding_key(kind, act.registry, subject), stored(found)),)


async def tell_overdue(app: Enforcement, act: Act) -> Act:
    """Raise QUARANTINE_OVERDUE once when the time to look at a quarantine again has passed; it stays as it is."""
    now = app.clock.now()
    if act.review_by is None or act.overdue_told or now < act.review_by:
        return act
    subject = str(act.places[0])
    finding = Finding(
        kind=FindingKind.QUARANTINE_OVERDUE,
        severity=Severity.WARNING,
        registry=act.registry,
        subject=subject,
        expected=f"looked at by {act.review_by.isoformat()}",
        observed=f"quarantine {act.id} is still open",
        first_seen=now,
        last_seen=now,
        rule=f"{act.kind} {act.id}",
    )
    event = act_event(
        "Taglock.QuarantineOverdue",
        act,
        await read_targets(app, act.id),
        now=now,
        more={"reviewBy": act.review_by.isoformat()},
    )
    events: list[OutboundEvent] = [event] if app.publisher is not None else []
    key = finding_key(finding.kind, finding.registry, subject)
    await write(app, [Upsert(key, stored(finding)), *outbox_rows(events)])
    await publish(app, events)
    return await advance(app, act.id, lambda current: replace(current, overdue_told=True))


async def closing_changes(app: Enforcement, act: Act) -> tuple[Change, ...]:
    """Return what closes the findings about an act that has ended."""
    subject = str(act.places[0])
    kinds = (FINDINGS[act.kind], FindingKind.QUARANTINE_OVERDUE)
    found = [await _finding(app, kind, act.registry, subject) for kind in kinds]
    return tuple(change for each in found for change in _closed(each, app))


def _closed(known: Finding | None, app: Enforcement) -> tuple[Change, ...]:
    if known is None or known.closed_at is not None:
        return ()
    closed = replace(known, closed_at=app.clock.now())
    return (Upsert(finding_key(known.kind, known.registry, known.subject), stored(closed)),)


async def _finding(app: Enforcement, kind: FindingKind, registry: str, subject: str) -> Finding | None:
    (row,) = await app.rows.read([finding_key(kind, registry, subject)])
    return restored(Finding, row.body) if row is not None else None
