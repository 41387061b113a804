"""Read what the ledger knows of every registry; no registry is asked anything."""

from collections import Counter
from itertools import batched

from taglock.domain.audit.overview import KnownRegistry, Overview, UnderWay
from taglock.domain.audit.rows import AuditRun, Phase
from taglock.domain.audit_report import PastAudit
from taglock.domain.reference import LoginServer
from taglock.enforcement.audit.findings import open_findings
from taglock.enforcement.audit.kept import read_run
from taglock.enforcement.audit.past import numbers_of, past_audits
from taglock.enforcement.context import Enforcement
from taglock.enforcement.side_by_side import all_ended
from taglock.errors import LedgerError

AT_ONCE = 8


async def read_overview(app: Enforcement) -> Overview:
    """Return what is known of every registry of the allow-list; what cannot be read is told at the registry."""
    known: list[KnownRegistry] = []
    for part in batched(sorted(set(app.known_registries.values())), AT_ONCE, strict=False):
        known += await all_ended(_read(app, registry) for registry in part)
    return Overview(at=app.clock.now(), mode=app.mode, registries=tuple(known))


async def _read(app: Enforcement, registry: LoginServer) -> KnownRegistry:
    try:
        kept = await read_run(app, registry)
        if kept is None:
            return KnownRegistry(registry=registry, open_findings=await _open(app, registry))
        return KnownRegistry(
            registry=registry,
            last=await _last(app, registry, kept.run),
            under_way=_under_way(kept.run),
            open_findings=await _open(app, registry),
        )
    except LedgerError as error:
        return KnownRegistry(registry=registry, problem=str(error))


async def _last(app: Enforcement, registry: LoginServer, run: AuditRun) -> PastAudit | None:
    if run.phase is Phase.FINISHED:
        return await numbers_of(app, registry, run)
    last = None
    async for last in past_audits(app, registry):  # noqa: B007  # the last one counts
        pass
    return last


def _under_way(run: AuditRun) -> UnderWay | None:
    if run.phase is Phase.FINISHED:
        return None
    return UnderWay(
        audit_id=run.audit_id,
        phase=run.phase,
        started_at=run.started_at,
        updated_at=run.updated_at,
        tags=run.coverage.tags.seen,
    )


async def _open(app: Enforcement, registry: LoginServer) -> dict[str, int]:
    counts = Counter[str]()
    async for finding in open_findings(app, registry):
        counts[finding.severity] += 1
    return dict(counts)
