"""How far an audit has come, or what came of it."""

import msgspec

from taglock.domain.audit.rows import AuditRun, Phase
from taglock.domain.audit_report import PastAudit
from taglock.domain.reference import LoginServer
from taglock.enforcement.audit.kept import read_run
from taglock.enforcement.audit.past import numbers_of, past_audit
from taglock.enforcement.context import Enforcement


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger knows of one audit: its run as long as no other has begun, its numbers once it is finished."""

    run: AuditRun | None = None
    past: PastAudit | None = None


async def progress_of(app: Enforcement, registry: LoginServer, audit_id: str) -> Progress | None:
    """Return what is known of an audit of a registry, None when there is none of this name."""
    kept = await read_run(app, registry)
    if kept is None or kept.run.audit_id != audit_id:
        past = await past_audit(app, registry, audit_id)
        return Progress(past=past) if past is not None else None
    ended = kept.run.phase is Phase.FINISHED
    return Progress(run=kept.run, past=await numbers_of(app, registry, kept.run) if ended else None)
