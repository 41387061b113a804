"""What every step of a repair works with, and how it ends."""

from datetime import datetime

import msgspec

from taglock.domain.audit.rows import Planned, audit_event_id
from taglock.domain.audit_report import ActionState
from taglock.domain.ledger import JournalEntry, journal_key, stored
from taglock.domain.reference import LoginServer
from taglock.domain.row import Change, Upsert
from taglock.enforcement.context import Enforcement
from taglock.enforcement.locking import Budget

TRIGGER = "audit_registry"


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """The repair of one audit, as far as one invocation carries it out."""

    app: Enforcement
    """With the registry that waits for the requests of events."""
    registry: LoginServer
    audit_id: str
    planned_since: datetime
    """When the audit began: what people did before is in the plan already."""
    budget: Budget

    def journal(self, planned: Planned, *, applied: int, problems: tuple[str, ...] = ()) -> Change:
        """Return the journal entry of an action that does not go the way of a push."""
        entry = JournalEntry(
            at=self.app.clock.now(),
            trigger=TRIGGER,
            event_id=audit_event_id(self.audit_id, planned),
            image=f"{self.registry}/{planned.shown}",
            decision="protect",
            outcome="failed" if problems else "locked",
            rule=planned.rule,
            mode=self.app.mode,
            applied=applied,
            failed=len(problems),
            problems=problems,
        )
        return Upsert(journal_key(entry, registry=self.registry), stored(entry))


def applied[P: Planned](planned: P) -> P:
    """Return an action that was carried out and proved."""
    return msgspec.structs.replace(planned, state=ActionState.APPLIED, message="")


def failed[P: Planned](planned: P, why: str) -> P:
    """Return an action that was not carried out, or not to its end."""
    return msgspec.structs.replace(planned, state=ActionState.FAILED, message=why)


def skipped[P: Planned](planned: P, why: str) -> P:
    """Return an action that nobody wants carried out any more."""
    return msgspec.structs.replace(planned, state=ActionState.SKIPPED, message=why)


def only_reported[P: Planned](planned: P) -> P:
    """Return an action that its rule forbids to carry out."""
    return msgspec.structs.replace(planned, message="its rule is in report mode")
