"""How a deployment changes what is recorded of its workload: pure, so that order and repetition can be tested."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from taglock.domain.deployment import Running, Source, Workload, WorkloadDeployed
from taglock.domain.reference import Digest, ImageReference
from taglock.domain.subject import ImageRuns

MAXIMUM_ELSEWHERE = 200


class Standing(StrEnum):
    """How a deployment stands to what is recorded of its workload."""

    NEW = "new"  # it replaces what is recorded
    REPEATED = "repeated"  # it is what is recorded
    SUPERSEDED = "superseded"  # something later is recorded
    DOUBTFUL = "doubtful"  # it would end what Azure Resource Manager confirmed: ask there first


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a tag pointed to when it was resolved."""

    digest: Digest
    moved_at: datetime
    """When the tag last moved."""


def standing(before: Workload | None, deployed: WorkloadDeployed, ours: Sequence[ImageReference]) -> Standing:
    """Compare a deployment with what is recorded; `ours` are its images in registries of the allow-list."""
    if before is None:
        return Standing.NEW
    if before.event_id == deployed.event_id or (deployed.observed and _is_recorded(before, deployed, ours)):
        return Standing.REPEATED
    if (deployed.occurred_at, deployed.event_id) < (before.changed_at, before.event_id):
        return Standing.SUPERSEDED
    confirmed = before.source is Source.ARM and before.ended_at is None
    return Standing.DOUBTFUL if confirmed and deployed.source is Source.EVENT else Standing.NEW


def _is_recorded(before: Workload, deployed: WorkloadDeployed, ours: Sequence[ImageReference]) -> bool:
    same_images = {run.image for run in before.runs} == set(ours) and bool(ours) == (before.ended_at is None)
    return before.source is deployed.source and same_images and deployed.environment in ("", before.environment)


def carried(before: Workload | None, deployed: WorkloadDeployed) -> Mapping[ImageReference, Running]:
    """Return the runs whose digests stay as they are: nothing was deployed, the workload was only looked at."""
    return {run.image: run for run in (before.runs if before and deployed.observed else ()) if run.digest is not None}


def next_workload(
    before: Workload | None, deployed: WorkloadDeployed, runs: Sequence[Running], *, now: datetime
) -> Workload:
    """Return what is recorded from now on."""
    elsewhere = tuple(str(image) for image in deployed.images if image not in {run.image for run in runs})
    return Workload(
        key=deployed.workload,
        environment=deployed.environment or (before.environment if before else ""),
        source=Source.ARM if any(run.source is Source.ARM for run in runs) else deployed.source,
        changed_at=max(deployed.occurred_at, before.changed_at) if before else deployed.occurred_at,
        event_id=deployed.event_id,
        recorded_at=now,
        runs=tuple(runs),
        elsewhere=elsewhere[:MAXIMUM_ELSEWHERE],
        deployer=deployed.deployer,
        ended_at=None if runs or elsewhere else deployed.occurred_at,
    )


def next_run(
    image: ImageReference, found: Resolved | None, before: Workload | None, deployed: WorkloadDeployed, *, now: datetime
) -> Running:
    """Return one image of a deployment; what ran before and still runs keeps the time since when."""
    digest = image.digest or (found.digest if found else None)
    same = next((run for run in (before.runs if before else ()) if (run.image, run.digest) == (image, digest)), None)
    moved = found is not None and not deployed.observed and found.moved_at > deployed.occurred_at
    return Running(
        image=image,
        digest=digest,
        since=same.since if same else deployed.occurred_at,
        recorded_at=now,
        source=deployed.source,
        moved_at=found.moved_at if found and moved else None,
    )


def image_runs(workload: Workload, run: Running) -> ImageRuns:
    """Return what is to be locked for one image of a workload."""
    return ImageRuns(
        workload=workload.key,
        environment=workload.environment,
        registry=run.image.registry,
        repository=run.image.repository,
        tag=run.image.tag,
        digest=run.digest,
        event_id=workload.event_id,
        occurred_at=workload.changed_at,
        recorded_at=run.recorded_at,
        resolved=run.by_tag,
    )
