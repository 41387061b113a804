"""How far an audit has come."""

from taglock.domain.audit.rows import AuditRun
from taglock.domain.reference import LoginServer
from taglock.enforcement.audit.kept import read_run
from taglock.enforcement.context import Enforcement


async def progress_of(app: Enforcement, registry: LoginServer, audit_id: str) -> AuditRun | None:
    """Return the run of an audit, None when it is not the latest one of the registry."""
    kept = await read_run(app, registry)
    return kept.run if kept is not None and kept.run.audit_id == audit_id else None
