"""Where the ledger keeps deployments: one partition, so that a workload and its history change together.

A workload's row is the truth about what it runs. The rows by digest are found by a range and may be one event ahead
of it after a crash; who reads them asks the workload's row.
"""

from collections.abc import Sequence
from copy import replace
from datetime import datetime

from taglock.domain.deployment import Coverage, Deployment, Running, Workload
from taglock.domain.ledger import (
    Finding,
    FindingKind,
    Severity,
    finding_key,
    stored,
    workload_id,
)
from taglock.domain.reference import Digest, LoginServer
from taglock.domain.row import Change, Insert, Replace, RowKey, Upsert

DEPLOYMENTS = "deployments"
WORKLOADS = "workload/"
COVERAGE = "coverage/"
UNRESOLVED = "unresolved"


def workload_row_key(workload: str) -> RowKey:
    """Return where a workload is kept."""
    return RowKey(DEPLOYMENTS, f"{WORKLOADS}{workload_id(workload)}")


def coverage_key(subscription: str) -> RowKey:
    """Return where the coverage of a subscription is kept."""
    return RowKey(DEPLOYMENTS, f"{COVERAGE}{subscription}")


def deployments_of(registry: LoginServer, digest: Digest | None) -> str:
    """Return what the keys of all deployments of a digest start with; None for those whose tag is not resolved."""
    return f"runs/{registry}/{digest or UNRESOLVED}/"


def deployment_key(deployment: Deployment) -> RowKey:
    """Return where one deployment is kept: by digest, so that `who runs this` is one range."""
    start = deployments_of(deployment.registry, deployment.digest)
    where = workload_id(f"{deployment.workload}\n{deployment.repository}:{deployment.tag or ''}")
    return RowKey(DEPLOYMENTS, f"{start}{where}/{deployment.since:%Y-%m-%dT%H:%M:%S.%f}")


def after(prefix: str) -> str:
    """Return the first key behind all that start with a prefix that ends with `/`."""
    return f"{prefix[:-1]}0"


def deployment_of(workload: Workload, run: Running, *, ended_at: datetime | None = None) -> Deployment:
    """Return the history row of one image of a workload."""
    return Deployment(
        workload=workload.key,
        environment=workload.environment,
        registry=run.image.registry,
        repository=run.image.repository,
        tag=run.image.tag,
        digest=run.digest,
        since=run.since,
        source=run.source,
        event_id=workload.event_id,
        ended_at=ended_at,
    )


def workload_changes(before: Workload | None, version: str | None, now_runs: Workload) -> Sequence[Change]:
    """Return the changes from one state of a workload to the next, in the order that a crash may cut.

    What starts is written first and what ends last, so that a cut never hides a digest that runs.
    """
    key, body = workload_row_key(now_runs.key), stored(now_runs)
    kept = {deployment_key(deployment_of(now_runs, run)) for run in now_runs.runs}
    ended = [run for run in (before.runs if before else ()) if _key(now_runs, run) not in kept]
    return [
        *(_row(deployment_of(now_runs, run)) for run in now_runs.runs),
        Insert(key, body) if version is None else Replace(key, body, version),
        *(_row(deployment_of(before or now_runs, run, ended_at=now_runs.changed_at)) for run in ended),
        *_ambiguities(before, now_runs),
    ]


def _ambiguities(before: Workload | None, now_runs: Workload) -> Sequence[Change]:
    """Return the rows of the findings that hold, and of those that no longer do."""
    held, holding = (
        {finding.subject: finding for run in each.runs if (finding := ambiguity(each, run)) is not None}
        for each in (before or now_runs, now_runs)
    )
    closed = [replace(held[subject], closed_at=now_runs.recorded_at) for subject in sorted(held.keys() - holding)]
    return [_finding_row(finding) for finding in (*holding.values(), *closed)]


def ambiguity(workload: Workload, run: Running) -> Finding | None:
    """Return the finding that another digest may run, because the tag moved after the deployment."""
    if run.moved_at is None:
        return None
    return Finding(
        kind=FindingKind.DEPLOYMENT_AMBIGUOUS,
        severity=Severity.WARNING,
        registry=run.image.registry,
        subject=f"{run.image} in {workload.key}",
        expected=f"a tag that last moved before {run.since.isoformat()}",
        observed=f"it moved at {run.moved_at.isoformat()} to {run.digest}",
        first_seen=run.recorded_at,
        last_seen=run.recorded_at,
    )


def coverage_row(coverage: Coverage) -> Change:
    """Return the row of a coverage."""
    return Upsert(coverage_key(coverage.subscription), stored(coverage))


def _key(workload: Workload, run: Running) -> RowKey:
    return deployment_key(deployment_of(workload, run))


def _row(deployment: Deployment) -> Change:
    return Upsert(deployment_key(deployment), stored(deployment))


def _finding_row(finding: Finding) -> Change:
    return Upsert(finding_key(finding.kind, finding.registry, finding.subject), stored(finding))
