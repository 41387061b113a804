"""An Azure resource changed: read what it runs, then go on as with any deployment."""

from collections.abc import Sequence
from copy import replace

from taglock.domain.announcement import outbox_rows
from taglock.domain.deployment import ResourceChanged, Source, WorkloadDeployed
from taglock.domain.due import Setback, due_ended
from taglock.domain.handled import Handled
from taglock.domain.ledger import (
    DueWork,
    Finding,
    FindingKind,
    Severity,
    derived_id,
    due_key,
    finding_key,
    restored,
    stored,
)
from taglock.domain.outbound import OutboundEvent
from taglock.domain.outcome import Failure
from taglock.domain.row import Change, Row, Upsert
from taglock.domain.rule import Mode
from taglock.enforcement.arm_reading import INSTANT, ask_arm, postponed
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deploying import deploy
from taglock.enforcement.recording import publish, write
from taglock.enforcement.rejecting import NO_REGISTRY
from taglock.enforcement.running import lock_workload
from taglock.enforcement.subject import Work
from taglock.enforcement.workload_rows import Held, held_workload
from taglock.errors import HandOverFailed, LedgerError


async def read_resource(app: Enforcement, changed: ResourceChanged, work: Work) -> Sequence[Handled]:
    """Read a resource and lock what it runs, or store that it is to be read; raise HandOverFailed otherwise."""
    return await _ResourceReading(app, changed, work).run()


class _ResourceReading:
    def __init__(self, app: Enforcement, changed: ResourceChanged, work: Work) -> None:
        self._app = app
        self._changed = changed
        self._work = work
        self._finding: Finding | None = None
        self._due = work.due

    async def run(self) -> Sequence[Handled]:
        held = await self._recall()
        if held.workload is not None and held.workload.event_id == self._changed.event_id and self._due is None:
            return await self._repeat(held)
        if self._is_superseded(held):
            await self._write(due_ended(self._changed, self._due))
            return [self._handled("superseded", "something later is recorded")]
        answer = await ask_arm(self._app, self._changed, self._work.budget.deadline)
        if isinstance(answer, Failure):
            return [await self._fail(answer)]
        handled = await deploy(self._app, _current(answer, held), replace(self._work, due=None))
        await self._write([*due_ended(self._changed, self._due), *self._closed()])
        return handled

    async def _recall(self) -> Held:
        """Read what is known; when the ledger does not answer nothing is, and the write afterwards tells."""
        finding = finding_key(FindingKind.LOCK_FAILED, NO_REGISTRY, str(self._changed.resource))
        try:
            due_row, finding_row = await self._app.rows.read([due_key(self._changed), finding])
            self._due = self._due or _restored(DueWork, due_row)
            self._finding = _restored(Finding, finding_row)
            return await held_workload(self._app, str(self._changed.resource))
        except LedgerError:
            return Held(None, None)

    def _is_superseded(self, held: Held) -> bool:
        """Tell whether Resource Manager was asked after the change already; nobody else's word counts for that."""
        before, changed = held.workload, self._changed
        if before is None or before.source is not Source.ARM or self._due is not None:
            return False
        return (changed.occurred_at, changed.event_id) < (before.changed_at, before.event_id)

    async def _repeat(self, held: Held) -> Sequence[Handled]:
        if held.workload is None or not held.workload.runs:
            return [self._handled("already", "")]
        return await lock_workload(self._app, held.workload, self._work, {})

    async def _fail(self, failure: Failure) -> Handled:
        now = self._app.clock.now()
        setback = Setback(reason=failure.message, retry_after=failure.retry_after or 0.0)
        later = postponed(self._changed, self._due, setback, now) if failure.transient else None
        if later is not None:
            await self._write(later)
            return self._handled("unfinished", "", failure.message)
        finding = self._failed(failure.message)
        events = [self._event(finding)] if self._publishes(finding) else []
        key = finding_key(finding.kind, finding.registry, finding.subject)
        rows = [Upsert(key, stored(finding)), *outbox_rows(events)]
        await self._write([*rows, *due_ended(self._changed, self._due)])
        await publish(self._app, events)
        return self._handled("failed", "", failure.message)

    def _failed(self, reason: str) -> Finding:
        now = self._app.clock.now()
        known = self._finding
        still_open = known is not None and known.closed_at is None
        return Finding(
            kind=FindingKind.LOCK_FAILED,
            severity=Severity.WARNING if self._app.mode is Mode.REPORT else Severity.CRITICAL,
            registry=NO_REGISTRY,
            subject=str(self._changed.resource),
            expected="what the resource runs, to lock it",
            observed=reason,
            first_seen=known.first_seen if known is not None and still_open else now,
            last_seen=now,
        )

    def _publishes(self, finding: Finding) -> bool:
        fresh = finding.first_seen == finding.last_seen
        return fresh and self._app.publisher is not None and self._app.mode is Mode.ENFORCE

    def _event(self, finding: Finding) -> OutboundEvent:
        return OutboundEvent(
            id=derived_id("Taglock.LockFailed", self._changed.event_id, finding.subject),
            type="Taglock.LockFailed",
            source="/deployments",
            subject=finding.subject,
            time=finding.first_seen,
            body={
                "workload": finding.subject,
                "finding": finding.kind,
                "expected": finding.expected,
                "observed": finding.observed,
                "deploymentEventId": self._changed.event_id,
            },
        )

    def _closed(self) -> Sequence[Change]:
        known = self._finding
        if known is None or known.closed_at is not None:
            return []
        key = finding_key(known.kind, known.registry, known.subject)
        return [Upsert(key, stored(replace(known, closed_at=self._app.clock.now())))]

    async def _write(self, changes: Sequence[Change]) -> None:
        try:
            await write(self._app, changes)
        except LedgerError as error:
            raise HandOverFailed(f"{self._changed.resource}: the ledger does not answer: {error}") from error

    def _handled(self, outcome: str, decision: str, *problems: str) -> Handled:
        return Handled(
            trigger=self._work.trigger,
            outcome=outcome,
            event_id=self._changed.event_id,
            image=str(self._changed.resource),
            decision=decision,
            problems=problems,
        )


def _current(answer: WorkloadDeployed, held: Held) -> WorkloadDeployed:
    """Return an answer that was read just now as newer than whatever somebody else's event said."""
    before = held.workload
    if before is None or before.changed_at <= answer.occurred_at:
        return answer
    return replace(answer, occurred_at=before.changed_at + INSTANT)


def _restored[T: DueWork | Finding](kind: type[T], row: Row | None) -> T | None:
    try:
        return restored(kind, row.body) if row is not None else None
    except LedgerError:
        return None  # it is written anew
