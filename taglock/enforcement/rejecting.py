"""Events that lead to no lock but must not be lost without a trace."""

from hashlib import sha256

from taglock.domain.announcement import outbox_rows
from taglock.domain.event import UnknownRegistry
from taglock.domain.handled import Handled
from taglock.domain.ledger import (
    Finding,
    FindingKind,
    JournalEntry,
    Severity,
    derived_id,
    finding_key,
    journal_key,
    stored,
)
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import Insert, Upsert
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import publish, write
from taglock.errors import HandOverFailed, InvalidEvent, LedgerConflict, LedgerError

NO_REGISTRY = "-"  # the partition of what belongs to no registry


async def reject_event(app: Enforcement, trigger: str, text: str, error: InvalidEvent) -> Handled:
    """Journal and publish an event that cannot be understood: its paths and what was expected, never its values."""
    now = app.clock.now()
    fingerprint = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    problems = tuple(f"{problem.path}: expected {problem.expected or 'something else'}" for problem in error.problems)
    entry = JournalEntry(
        at=now,
        trigger=trigger,
        event_id=fingerprint,
        image="",
        decision="reject",
        outcome="rejected",
        problems=problems,
    )
    event = OutboundEvent(
        id=derived_id("Taglock.EventRejected", fingerprint),
        type="Taglock.EventRejected",
        source=f"/triggers/{trigger}",
        subject=fingerprint,
        time=now,
        body={"sha256": fingerprint, "problems": list(problems)},
    )
    events = [event] if app.publisher is not None else []
    try:
        await write(app, [Upsert(journal_key(entry, registry=NO_REGISTRY), stored(entry)), *outbox_rows(events)])
    except LedgerError as ledger_error:
        raise HandOverFailed(f"a rejected event could not be journalled: {ledger_error}") from ledger_error
    await publish(app, events)
    return Handled(trigger=trigger, outcome="rejected", event_id=fingerprint, decision="reject", problems=problems)


async def note_unknown_registry(app: Enforcement, trigger: str, event: UnknownRegistry) -> Handled:
    """Record one warning for each registry that sends events but is not in the allow-list."""
    now = app.clock.now()
    finding = Finding(
        kind=FindingKind.UNKNOWN_REGISTRY,
        severity=Severity.WARNING,
        registry=event.registry,
        subject=event.registry,
        expected="a registry of TAGLOCK_REGISTRIES",
        observed="an event of another registry",
        first_seen=now,
        last_seen=now,
    )
    key = finding_key(finding.kind, NO_REGISTRY, finding.subject)
    try:
        await app.rows.write([Insert(key, stored(finding))])
    except LedgerConflict:
        pass  # one finding for each registry is enough
    except LedgerError as error:
        raise HandOverFailed(f"an unknown registry could not be recorded: {error}") from error
    reason = f"registry {event.registry!r} is not one of TAGLOCK_REGISTRIES"
    return Handled(trigger=trigger, outcome="ignored", event_id=event.event_id, decision=reason)
