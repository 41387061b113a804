"""What one audit of one registry found, how much it could look at, and what it did about it: one frozen value."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from taglock.domain.reference import LoginServer, Repository
from taglock.domain.rule import Mode


class AuditVerdict(StrEnum):
    """What an audit as a whole says about a registry."""

    CLEAN = "CLEAN"  # everything was read, and nothing differs from what is wanted
    DRIFT = "DRIFT"  # everything was read, and something differs
    INCOMPLETE = "INCOMPLETE"  # something could not be read: nothing is said about it
    BASELINE_MISSING = "BASELINE_MISSING"  # locked releases, and a ledger that knows of none


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the audit could not look at, and why."""

    subject: str
    """The registry, repository, tag or manifest as text."""
    reason: str


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many of one kind were looked at, out of how many that there are as far as anybody tells."""

    listed: int = 0
    looked_up: int = 0
    """Not in any listing (hidden), but found by asking for them by name."""
    expected: int = 0
    """The denominator: what the registry's own counts and the ledger say there is."""

    @property
    def seen(self) -> int:
        """Everything that was looked at."""
        return self.listed + self.looked_up

    def __add__(self, other: "Count") -> "Count":
        return Count(
            listed=self.listed + other.listed,
            looked_up=self.looked_up + other.looked_up,
            expected=self.expected + other.expected,
        )


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a registry was looked at; `unread` is empty exactly when all of it was."""

    repositories: Count = Count()
    tags: Count = Count()
    manifests: Count = Count()
    indexes_read: int = 0
    """Indexes whose children were read from the registry in this audit."""
    indexes_remembered: int = 0
    """Indexes whose children the ledger knew from an earlier one."""
    protected: int = 0
    """Tags that a rule protects."""
    releases: int = 0
    """Releases that the ledger held."""
    pending: int = 0
    """Differences that are younger than the grace (TAGLOCK_AUDIT_GRACE), and so no findings yet."""
    remarks: tuple[str, ...] = ()
    """What was odd about the listings without leaving anything unread, at most twenty sentences."""
    unread: tuple[Unread, ...] = ()
    unread_total: int = 0
    """All of them; `unread` names the first hundred."""


class FoundDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One open finding as the audit saw it."""

    kind: str
    """A value of FindingKind."""
    severity: str
    """A value of Severity."""
    subject: str
    rule: str
    expected: str
    observed: str
    first_seen: datetime
    last_seen: datetime
    new: bool
    """First seen in this audit."""


class ActionState(StrEnum):
    """How far a planned repair has come."""

    PLANNED = "planned"
    APPLIED = "applied"
    FAILED = "failed"
    SKIPPED = "skipped"  # a person has unlocked it for a time or given it up since it was planned


class RepairAction(msgspec.Struct, frozen=True, kw_only=True):
    """What would be, or was, tightened for one image."""

    image: str
    rule: str
    reason: str
    """The kind of finding that it mends."""
    severity: str
    targets: int
    """How many attribute updates it needs."""
    state: ActionState
    message: str = ""
    """Why it failed or was skipped."""


class PlannedCount(msgspec.Struct, frozen=True, kw_only=True):
    """How much a rule's releases need."""

    images: int = 0
    targets: int = 0
    """Attribute updates."""

    def __add__(self, other: "PlannedCount") -> "PlannedCount":
        return PlannedCount(images=self.images + other.images, targets=self.targets + other.targets)


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """The repair of one audit: what was planned, and whether it was carried out."""

    enabled: bool = False
    """TAGLOCK_AUDIT_REPAIR is `locks` and the mode is enforce; otherwise the actions are only listed."""
    actions: tuple[RepairAction, ...] = ()
    """The first thousand, by severity."""
    images: int = 0
    planned: int = 0
    """Attribute updates over all images."""
    by_rule: Mapping[str, PlannedCount] = {}
    applied: int = 0
    failed: int = 0
    refused: str = ""
    """Why the second phase did not start, such as the limit on actions; '' when nothing stood against it."""


class PastAudit(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier audit in a few numbers, for a trend."""

    audit_id: str
    started_at: datetime
    finished_at: datetime
    verdict: AuditVerdict
    findings: int
    new: int
    tags: int
    manifests: int
    by_kind: Mapping[str, int] = {}
    coverage: Coverage | None = None
    """Its counts, without the names of what was not looked at; None of an audit that kept none."""


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about one finished audit of one registry."""

    registry: LoginServer
    audit_id: str
    started_at: datetime
    finished_at: datetime
    mode: Mode
    verdict: AuditVerdict
    coverage: Coverage
    findings: tuple[FoundDifference, ...]
    """Open ones, by severity, then newest first; at most ten thousand."""
    findings_total: int
    new_total: int
    closed_total: int
    """Findings that this audit ended, because they no longer hold."""
    by_kind: Mapping[str, int]
    by_rule: Mapping[str, int]
    by_repository: Mapping[Repository, int] = {}
    repair: Repair = Repair()
    requests: int = 0
    """What the audit asked of the registry, repair and token requests excluded."""
    history: tuple[PastAudit, ...] = ()
    """Earlier audits of this registry, oldest first."""
    seconds_to_lock: tuple[float, ...] = ()
    """Time from push to proved lock of a sample of releases that events announced, in seconds."""

    @property
    def duration(self) -> timedelta:
        """From the start to the end, pauses between invocations included."""
        return self.finished_at - self.started_at
