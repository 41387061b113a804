"""What the outside and the journal are told about an act."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from taglock.domain.acts.act import Act, Actor, ActTarget, Outcome
from taglock.domain.attributes import spelled
from taglock.domain.ledger import JournalEntry, derived_id, journal_key, stored
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import Change, Upsert

MOST_TARGETS = 100
"""Targets that one event names; an event has at most a mebibyte, and the act's own address tells the rest."""


def act_event(
    event_type: str,
    act: Act,
    targets: Sequence[ActTarget],
    *,
    now: datetime,
    more: Mapping[str, object] = MappingProxyType({}),
) -> OutboundEvent:
    """Return an event such as `Taglock.ImageQuarantined`; once for an act as far as it came, once when complete."""
    unfinished = sum(target.outcome in (Outcome.WAITING, Outcome.FAILED) for target in targets)
    body: dict[str, object] = {
        "act": act.id,
        "kind": act.kind,
        "images": [str(place) for place in act.places],
        "reason": act.end_reason or act.reason,
        "actor": str(act.ended_by or act.by),
        "complete": unfinished == 0,
        "targets": [_target(target) for target in targets[:MOST_TARGETS]],
        "targetCount": len(targets),
        "unfinished": unfinished,
        **({"ticket": act.ticket} if act.ticket else {}),
        **more,
    }
    return OutboundEvent(
        id=derived_id(event_type, act.id, "complete" if unfinished == 0 else "begun"),
        type=event_type,
        source=f"/registries/{act.registry}",
        subject=str(act.places[0]),
        time=now,
        body=body,
    )


def _target(target: ActTarget) -> dict[str, object]:
    return {"target": str(target.target), "outcome": target.outcome, "prior": spelled(target.prior)}


def act_journal(
    act: Act, decision: str, targets: Sequence[ActTarget], *, by: Actor, now: datetime, trigger: str
) -> Change:
    """Return the journal entry of one call or one piece of due work of an act."""
    left = [target for target in targets if target.outcome in (Outcome.WAITING, Outcome.FAILED)]
    entry = JournalEntry(
        at=now,
        trigger=trigger,
        event_id=act.id,
        image=str(act.places[0]),
        decision=decision,
        outcome="unfinished" if left else "complete",
        applied=sum(target.outcome in (Outcome.APPLIED, Outcome.RESTORED) for target in targets),
        already=sum(target.outcome is Outcome.ALREADY for target in targets),
        failed=len(left),
        problems=tuple(f"{target.target}: {target.message or 'not reached yet'}" for target in left[:20]),
        actor=str(by),
        reason=act.end_reason or act.reason,
    )
    return Upsert(journal_key(entry, registry=act.registry), stored(entry))
