"""Lock what a workload runs: each image for itself, all side by side, within one budget."""

import asyncio
from collections.abc import Mapping, Sequence
from copy import replace

from taglock.domain.deployment import Running, Workload
from taglock.domain.deployment_change import image_runs
from taglock.domain.due import due_ended
from taglock.domain.handled import Handled
from taglock.domain.outcome import Failure
from taglock.domain.reference import ImageReference
from taglock.domain.subject import ImageRuns
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.enforcement.resolving import Resolving
from taglock.enforcement.side_by_side import all_ended
from taglock.enforcement.subject import CONFLICTS, Work, lock_subject
from taglock.enforcement.workload_rows import held_workload, replace_workload
from taglock.errors import HandOverFailed, LedgerConflict, LedgerError

IMAGES_AT_ONCE = 8


async def lock_workload(
    app: Enforcement, workload: Workload, work: Work, failures: Mapping[ImageReference, Failure]
) -> Sequence[Handled]:
    """Lock every image of a workload; `failures` says why a tag could not be resolved just now.

    Images of a registry that has left the allow-list are recorded still, but their registry is not asked.
    """
    known = set(app.known_registries.values())
    runs = [run for run in workload.runs if run.image.registry in known]
    places = asyncio.Semaphore(IMAGES_AT_ONCE)
    share = max(1, work.budget.parallel // max(1, min(len(runs), IMAGES_AT_ONCE)))
    shared = replace(work, due=None, budget=replace(work.budget, parallel=share))

    async def lock(run: Running) -> Handled:
        async with places:
            return await lock_running(app, image_runs(workload, run), replace(shared, setback=failures.get(run.image)))

    return await all_ended(lock(run) for run in runs)


async def lock_running(app: Enforcement, runs: ImageRuns, work: Work) -> Handled:
    """Lock an image that runs; first resolve its tag if that was not possible yet."""
    if runs.digest is not None or work.setback is not None:
        return await lock_subject(app, runs, work)
    image = ImageReference(registry=runs.registry, repository=runs.repository, tag=runs.tag)
    resolving = Resolving(app, work.budget.deadline)
    await resolving.resolve([image])
    if image in resolving.failures:
        return await lock_subject(app, runs, replace(work, setback=resolving.failures[image]))
    resolved = await _record_resolved(app, runs, image, resolving)
    if resolved is None:
        await _end(app, runs, work)
        reason = "the workload no longer runs it"
        return Handled(
            trigger=work.trigger, outcome="superseded", event_id=runs.event_id, image=runs.image, decision=reason
        )
    return await lock_subject(app, resolved, work)


async def _record_resolved(
    app: Enforcement, runs: ImageRuns, image: ImageReference, resolving: Resolving
) -> ImageRuns | None:
    """Record what the tag points to, None when the workload has been deployed again since."""
    found = resolving.found[image]
    for _ in range(CONFLICTS):
        try:
            held = await held_workload(app, runs.workload)
            run = _run_of(held.workload, runs, image)
            if held.workload is None or run is None:
                return None
            if run.digest is None:
                moved = found.moved_at if found.moved_at > runs.occurred_at else None
                settled = replace(run, digest=found.digest, moved_at=moved)
                now_runs = [settled if each is run else each for each in held.workload.runs]
                await replace_workload(app, held, replace(held.workload, runs=tuple(now_runs)))
                run = settled
            return image_runs(held.workload, run)
        except LedgerConflict:
            continue
        except LedgerError as error:
            raise HandOverFailed(f"{runs.image}: the ledger does not answer: {error}") from error
    raise HandOverFailed(f"{runs.image}: its workload's row changed {CONFLICTS} times in a row")


def _run_of(workload: Workload | None, runs: ImageRuns, image: ImageReference) -> Running | None:
    if workload is None or workload.recorded_at < runs.recorded_at:
        return None
    return next((run for run in workload.runs if run.image == image and run.recorded_at == runs.recorded_at), None)


async def _end(app: Enforcement, runs: ImageRuns, work: Work) -> None:
    try:
        await write(app, due_ended(runs, work.due))
    except LedgerError as error:
        raise HandOverFailed(f"{runs.image}: the ledger does not answer: {error}") from error
