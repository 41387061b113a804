"""A workload was deployed: record what runs now, then lock it."""

from collections.abc import Sequence
from copy import replace

import msgspec

from taglock.domain.arm_resource import parse_resource_id
from taglock.domain.deployment import ResourceChanged, Running, Source, Workload, WorkloadDeployed
from taglock.domain.deployment_change import Standing, carried, next_run, next_workload, standing
from taglock.domain.due import Setback
from taglock.domain.handled import Handled
from taglock.domain.outcome import Failure
from taglock.domain.reference import ImageReference
from taglock.enforcement.arm_reading import INSTANT, ask_arm, postponed
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.enforcement.resolving import Resolving
from taglock.enforcement.running import lock_workload
from taglock.enforcement.subject import Work
from taglock.enforcement.workload_rows import Held, held_workload, replace_workload, workload_journal
from taglock.errors import HandOverFailed, LedgerConflict, LedgerError

CONFLICTS = 10
"""Each means that another event of the same workload was recorded meanwhile."""


async def deploy(app: Enforcement, deployed: WorkloadDeployed, work: Work) -> Sequence[Handled]:
    """Record a deployment and lock its images; raise HandOverFailed when it could be neither done nor stored."""
    return await _Deploying(app, deployed, work).run()


class _Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment came to: the workload to lock, or the outcome in one word."""

    workload: Workload
    outcome: str = ""
    reason: str = ""


class _Deploying:
    """One handling of one deployment."""

    def __init__(self, app: Enforcement, deployed: WorkloadDeployed, work: Work) -> None:
        self._app = app
        self._deployed = deployed
        self._work = work
        known = set(app.known_registries.values())
        self._ours = tuple(image for image in deployed.images if image.registry in known)
        self._resolving = Resolving(app, work.budget.deadline)
        self._asked = False
        self._confirmed: list[Handled] = []
        """What became of what Azure Resource Manager said when it was asked."""

    async def run(self) -> Sequence[Handled]:
        for _ in range(CONFLICTS):
            try:
                recorded = await self._record()
            except LedgerConflict:
                continue  # somebody recorded the same workload meanwhile: look again at what is known
            except LedgerError as error:
                await self._lock_unrecorded()
                raise HandOverFailed(f"{self._deployed.workload}: the ledger does not answer: {error}") from error
            return await self._lock(recorded)
        raise HandOverFailed(f"{self._deployed.workload}: its row changed {CONFLICTS} times in a row")

    async def _record(self) -> _Recorded:
        held = await held_workload(self._app, self._deployed.workload)
        if self._asked:
            return await self._replace(held, kept=held.workload.runs if held.workload else ())
        match standing(held.workload, self._deployed, self._ours):
            case Standing.REPEATED if held.workload is not None:
                return _Recorded(workload=held.workload)
            case Standing.SUPERSEDED if held.workload is not None:
                return await self._superseded(held.workload)
            case Standing.DOUBTFUL:
                await self._ask(held)
                self._asked = True
                return await self._record()
        return await self._replace(held, kept=())

    async def _replace(self, held: Held, *, kept: Sequence[Running]) -> _Recorded:
        deployed = self._deployed
        if held.workload is None and not deployed.images and deployed.source is Source.ARM:
            nothing = next_workload(None, deployed, (), now=self._app.clock.now())
            return _Recorded(workload=nothing, outcome="ignored", reason="the resource runs no image")
        known = carried(held.workload, deployed)
        await self._resolving.resolve([image for image in self._ours if image not in known])
        workload = self._workload(held.workload, [*kept, *self._runs(held.workload, kept)])
        await replace_workload(self._app, held, workload)
        if workload.runs:
            return _Recorded(workload=workload)
        if workload.ended_at is None:
            return _Recorded(workload=workload, outcome="ignored", reason="no image of TAGLOCK_REGISTRIES runs")
        await self._journal("ended")
        return _Recorded(workload=workload, outcome="ended", reason="the workload runs nothing any more")

    def _workload(self, before: Workload | None, runs: Sequence[Running]) -> Workload:
        return next_workload(before, self._deployed, runs, now=self._app.clock.now())

    def _runs(self, before: Workload | None, kept: Sequence[Running] = ()) -> list[Running]:
        known = carried(before, self._deployed)
        named = [image for image in self._ours if image not in {run.image for run in kept}]
        return [known.get(image) or self._run(image, before) for image in named]

    def _run(self, image: ImageReference, before: Workload | None) -> Running:
        found = self._resolving.found.get(image)
        return next_run(image, found, before, self._deployed, now=self._app.clock.now())

    async def _ask(self, held: Held) -> None:
        """Let Azure Resource Manager say what ends; without its answer nothing does, and it is asked again later."""
        deployed = self._deployed
        resource = parse_resource_id(deployed.workload)
        if resource is None or held.workload is None:
            return
        at = max(deployed.occurred_at, held.workload.changed_at + INSTANT)
        changed = ResourceChanged(resource=resource, event_id=f"{deployed.event_id}/confirm", occurred_at=at)
        answer = await ask_arm(self._app, changed, self._work.budget.deadline)
        if isinstance(answer, Failure):
            setback = Setback(reason=answer.message, retry_after=answer.retry_after or 0.0)
            await write(self._app, postponed(changed, None, setback, self._app.clock.now()) or ())
            return
        self._confirmed += await _Deploying(self._app, replace(answer, observed=True), self._work).run()

    async def _superseded(self, workload: Workload) -> _Recorded:
        await self._journal("superseded")
        return _Recorded(workload=workload, outcome="superseded", reason="something later is recorded")

    async def _journal(self, outcome: str) -> None:
        entry = workload_journal(self._deployed, trigger=self._work.trigger, outcome=outcome, now=self._app.clock.now())
        await write(self._app, [entry])

    async def _lock(self, recorded: _Recorded) -> Sequence[Handled]:
        if recorded.outcome or not recorded.workload.runs:
            return [*self._confirmed, self._handled(recorded.outcome or "already", recorded.reason)]
        locked = await lock_workload(self._app, recorded.workload, self._work, self._resolving.failures)
        return [*self._confirmed, *locked]

    async def _lock_unrecorded(self) -> None:
        """Lock first when the ledger is down: the event comes again, the image may not last."""
        await self._resolving.resolve(self._ours)
        workload = self._workload(None, self._runs(None))
        await lock_workload(self._app, workload, self._work, self._resolving.failures)

    def _handled(self, outcome: str, reason: str) -> Handled:
        deployed = self._deployed
        return Handled(
            trigger=self._work.trigger,
            outcome=outcome,
            event_id=deployed.event_id,
            image=deployed.workload,
            decision=reason,
        )
