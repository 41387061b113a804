"""Ask the ledger what runs where, and who runs a digest."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from taglock.domain.deployment import Answer, Coverage, Deployment, WhoRuns, Workload
from taglock.domain.deployment_ledger import (
    COVERAGE,
    DEPLOYMENTS,
    WORKLOADS,
    after,
    deployment_of,
    deployments_of,
    workload_row_key,
)
from taglock.domain.ledger import DUE_RESOURCES, Stored, restored
from taglock.domain.reference import Digest, LoginServer
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerError

PAGE = 1000
COVERAGE_LASTS = timedelta(hours=48)
"""A subscription that was not listed for longer may run what no event told of."""


async def workloads(app: Enforcement) -> AsyncIterator[Workload]:
    """Yield every workload that runs something, in no particular order; raises LedgerError."""
    async for workload in _rows(app, Workload, WORKLOADS):
        if workload.ended_at is None:
            yield workload


async def coverage(app: Enforcement) -> Sequence[Coverage]:
    """Return which of the configured subscriptions were listed whole, and when; raises LedgerError."""
    listed = [found async for found in _rows(app, Coverage, COVERAGE)]
    return [found for found in listed if found.subscription in app.subscriptions]


async def who_runs(app: Enforcement, registry: LoginServer, digest: Digest) -> WhoRuns:
    """Tell who runs a digest as the root of an image: yes, no, or unknown, which must be treated as yes."""
    try:
        running = await active_deployments(app, registry, digest)
        covered = tuple(await coverage(app))
        if running:
            return WhoRuns(answer=Answer.YES, reason="the ledger holds it", deployments=running, coverage=covered)
        unresolved = await active_deployments(app, registry, None)
        unread = await app.rows.scan(DUE_RESOURCES, limit=1)
    except LedgerError as error:
        return WhoRuns(answer=Answer.UNKNOWN, reason=f"the ledger does not answer: {error}")
    reason = "a resource is still to be read" if unread else _doubt(app, covered, unresolved)
    answer = Answer.UNKNOWN if reason else Answer.NO
    return WhoRuns(answer=answer, reason=reason or "no workload runs it", deployments=unresolved, coverage=covered)


def _doubt(app: Enforcement, covered: Sequence[Coverage], unresolved: Sequence[Deployment]) -> str:
    """Return why `no` cannot be said, '' when it can."""
    if unresolved:
        return "a workload runs a tag that could not be resolved yet"
    if not app.subscriptions:
        return "no subscription is listed (TAGLOCK_SUBSCRIPTIONS)"
    oldest = app.clock.now() - COVERAGE_LASTS
    fresh = {found.subscription for found in covered if found.listed_at >= oldest}
    missing = sorted(set(app.subscriptions) - fresh)
    return (
        f"not listed within {COVERAGE_LASTS.total_seconds() / 3600:.0f} hours: {', '.join(missing)}" if missing else ""
    )


async def active_deployments(app: Enforcement, registry: LoginServer, digest: Digest | None) -> tuple[Deployment, ...]:
    """Return who runs a digest now: the rows by digest are the way there, the workloads' own rows the truth."""
    found = [row async for row in _rows(app, Deployment, deployments_of(registry, digest))]
    names = sorted({deployment.workload for deployment in found})
    held = await app.rows.read([workload_row_key(name) for name in names]) if names else []
    running = [restored(Workload, row.body) for row in held if row is not None]
    return tuple(
        deployment_of(workload, run)
        for workload in running
        for run in workload.runs
        if (run.image.registry, run.digest) == (registry, digest)
    )


async def _rows[T: Stored](app: Enforcement, kind: type[T], prefix: str) -> AsyncIterator[T]:
    start = prefix
    while True:
        rows = await app.rows.scan(DEPLOYMENTS, start=start, end=after(prefix), limit=PAGE)
        for row in rows:
            yield restored(kind, row.body)
        if len(rows) < PAGE:
            return
        start = rows[-1].key.key + "\0"
