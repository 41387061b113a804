"""Begin, join and go on with audits: one at a time for each registry, whoever asks for it."""

from collections.abc import Callable

import msgspec

from taglock.domain.audit.rows import AuditMessage, AuditRun, Phase, message_of
from taglock.domain.audit.sums import added
from taglock.domain.audit_report import AuditReport, Coverage, Unread
from taglock.domain.ledger import derived_id
from taglock.domain.reference import LoginServer
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.finishing import finish, report_again
from taglock.enforcement.audit.kept import Kept, begin_over_damage, begin_run, is_stale, read_run
from taglock.enforcement.audit.listing import ListingPhase
from taglock.enforcement.audit.reasserting import reassert_quarantines
from taglock.enforcement.audit.repairing import RepairPhase
from taglock.errors import InvalidConfiguration, LedgerConflict, LedgerError


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An audit that was begun, or joined because one is running."""

    audit_id: str
    joined: bool
    message: AuditMessage | None
    """To be put on the queue; None when one is there already."""


class WentOn(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one invocation."""

    outcome: str
    """dropped, continued, finished, or repeated when it was finished before and only its report is made again."""
    message: AuditMessage | None = None
    """To be put on the queue, so that another invocation goes on."""
    report: AuditReport | None = None


def _silent(_run: AuditRun) -> None:
    """Tell nobody."""


async def begin_audit(auditing: Auditing, registry: LoginServer) -> Begun:
    """Begin an audit of a registry or join the one under way; raise LedgerError when that cannot be stored."""
    app, now = auditing.app, auditing.app.clock.now()
    run = AuditRun(
        audit_id=derived_id("audit", registry, now.isoformat()),
        sequence=0,
        phase=Phase.LISTING,
        started_at=now,
        updated_at=now,
        mode=app.mode,
        repair=auditing.repairs,
    )
    try:
        kept = await read_run(app, registry)
    except LedgerConflict:
        raise
    except LedgerError:
        await begin_over_damage(app, registry, run)
        return _begun(registry, run)
    if kept is not None and kept.run.phase is not Phase.FINISHED:
        stale = is_stale(kept.run, now=now, seconds=auditing.limits.stale_seconds)
        message = message_of(registry, kept.run) if stale else None
        return Begun(audit_id=kept.run.audit_id, joined=True, message=message)
    try:
        await begin_run(app, registry, run, over=kept)
    except LedgerConflict:
        return await begin_audit(auditing, registry)
    return _begun(registry, run)


async def go_on(auditing: Auditing, message: AuditMessage, progress: Callable[[AuditRun], None] = _silent) -> WentOn:
    """Go on with an audit until it is finished or the invocation's time is used up.

    A message that is not the run's own is dropped. The message that finished the audit makes its report again: it comes
    back when the report could not be stored. Raises LedgerError when the ledger does not answer.
    """
    registry = message.registry
    kept = await read_run(auditing.app, registry)
    if kept is None or message != message_of(registry, kept.run):
        return WentOn(outcome="dropped")
    if kept.run.phase is Phase.FINISHED:
        return WentOn(outcome="repeated", report=await report_again(auditing.app, registry, kept.run))
    try:
        await kept.change(attempts=kept.run.attempts + 1)
        return await _go_on(auditing, registry, kept, progress)
    except LedgerConflict:
        return WentOn(outcome="dropped")  # another invocation went on with it meanwhile


async def _go_on(auditing: Auditing, registry: LoginServer, kept: Kept, progress: Callable[[AuditRun], None]) -> WentOn:
    if kept.run.phase is Phase.LISTING:
        if not await _listed(auditing, registry, kept, progress):
            return await _put_back(registry, kept)
        await _leave_listing(auditing, kept)
    if kept.run.repair and not kept.run.refused and not await RepairPhase(auditing, registry, kept).go_on(progress):
        return await _put_back(registry, kept)
    return WentOn(outcome="finished", report=await finish(auditing, registry, kept))


async def _listed(auditing: Auditing, registry: LoginServer, kept: Kept, progress: Callable[[AuditRun], None]) -> bool:
    try:
        rules = auditing.app.rules()
    except InvalidConfiguration as error:
        unread = Unread(subject=registry, reason=f"the rules cannot be used: {error}")
        coverage = added(kept.run.coverage, Coverage(unread=(unread,), unread_total=1), repository=registry)
        await kept.change(coverage=coverage)
        await reassert_quarantines(auditing, registry)
        return True
    return await ListingPhase(auditing, registry, kept, rules).go_on(progress)


async def _leave_listing(auditing: Auditing, kept: Kept) -> None:
    """Begin the second phase, unless it would do more than it may; nothing was changed so far."""
    run, refused = kept.run, ""
    if run.repair and run.planned_targets > auditing.max_actions:
        repositories = f" and {run.planned_repositories} repositories" if run.planned_repositories else ""
        refused = (
            f"{run.planned_targets} updates planned for {run.planned_images} images{repositories}, "
            f"expected at most {auditing.max_actions} (TAGLOCK_MAX_ACTIONS)"
        )
    cursor = "" if run.repair and not refused else run.cursor
    await kept.change(phase=Phase.REPAIRING, cursor=cursor, attempts=0, refused=refused)


async def _put_back(registry: LoginServer, kept: Kept) -> WentOn:
    await kept.change(sequence=kept.run.sequence + 1)
    return WentOn(outcome="continued", message=message_of(registry, kept.run))


def _begun(registry: LoginServer, run: AuditRun) -> Begun:
    return Begun(audit_id=run.audit_id, joined=False, message=message_of(registry, run))
