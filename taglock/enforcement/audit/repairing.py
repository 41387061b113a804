"""The second phase of an audit: carry out a complete plan, images first, the most severe first of all."""

import asyncio
from collections.abc import Callable
from copy import replace
from functools import partial
from itertools import groupby

from taglock.domain.audit.acts_here import ActsHere
from taglock.domain.audit.planned import restored_planned
from taglock.domain.audit.rows import (
    AuditRun,
    Planned,
    PlannedRepository,
    plan_partition,
    planned_target,
    plans_repository,
)
from taglock.domain.audit_report import ActionState
from taglock.domain.ledger import stored
from taglock.domain.reference import LoginServer, Repository
from taglock.domain.row import Row, Upsert
from taglock.enforcement.acts.marking import marks_of
from taglock.enforcement.audit.asking import for_each
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.kept import Kept
from taglock.enforcement.audit.mending_images import mend_image
from taglock.enforcement.audit.mending_repositories import mend_repository
from taglock.enforcement.audit.reading_first import ReadingFirst
from taglock.enforcement.audit.repair import Repair, failed, skipped
from taglock.enforcement.locking import Budget
from taglock.enforcement.recording import write
from taglock.errors import HandOverFailed, InvalidConfiguration, RegistryError, UnreadableRow
from taglock.ports import Registries, Registry

PAGE = 100
PARALLEL = 4


class RepairPhase:
    """Carries out what was planned; every action is recorded as soon as it is done, so that none is done twice."""

    def __init__(self, auditing: Auditing, registry: LoginServer, kept: Kept) -> None:
        self._auditing = auditing
        self._registry = registry
        self._kept = kept
        self._deadline = asyncio.get_running_loop().time() + auditing.limits.invocation_seconds

    async def go_on(self, progress: Callable[[AuditRun], None]) -> bool:
        """Go on until the plan is carried out (True) or the time is used up (False)."""
        partition = plan_partition(self._registry, self._kept.run.audit_id)
        while asyncio.get_running_loop().time() < self._deadline:
            start = f"{self._kept.run.cursor}\0" if self._kept.run.cursor else ""
            rows = await self._auditing.app.rows.scan(partition, start=start, limit=PAGE)
            mend = partial(self._mend, self._repair())
            for _, part in groupby(rows, key=lambda row: plans_repository(row.key)):
                await for_each(part, mend, parallel=PARALLEL)  # no repository before every image is done
            if rows:
                await self._kept.change(cursor=rows[-1].key.key, attempts=0)
                progress(self._kept.run)
            if len(rows) < PAGE:
                return True
        return False

    def _repair(self) -> Repair:
        """Return what the next page works with."""
        limits = self._auditing.app.limits
        return Repair(
            app=replace(self._auditing.app, registries=self._registries()),
            registry=self._registry,
            audit_id=self._kept.run.audit_id,
            planned_since=self._kept.run.started_at,
            budget=Budget(
                deadline=self._deadline + self._auditing.limits.closing_seconds,
                manifests=4 * limits.closure,
                parallel=limits.parallel_requests,
                closure=limits.closure,
            ),
        )

    def _registries(self) -> Registries:
        """Return the registries in the background; another invocation that began at this cursor may have been killed.

        What it updated and did not record is among the first page, and is read before anything is updated.
        """
        background = self._auditing.background
        return background if not self._kept.run.attempts else _reading_first(background)

    async def _mend(self, repair: Repair, row: Row) -> None:
        planned = restored_planned(row)
        if planned.state is not ActionState.PLANNED:
            return  # an invocation that was killed had done it
        try:
            ended = await _mended(repair, planned)
        except (RegistryError, HandOverFailed, InvalidConfiguration, UnreadableRow) as error:
            ended = failed(planned, str(error))
        await write(repair.app, [Upsert(row.key, stored(ended))])


async def _mended(repair: Repair, planned: Planned) -> Planned:
    acts = await _acts_now(repair, planned.repository)
    if isinstance(planned, PlannedRepository):
        return await mend_repository(repair, planned, acts)
    spared = acts.spared_since(repair.planned_since).get(planned_target(repair.registry, planned))
    return skipped(planned, spared) if spared else await mend_image(repair, planned, acts)


async def _acts_now(repair: Repair, repository: Repository) -> ActsHere:
    """Read what people want of a repository just before it is touched; raises LedgerError."""
    return ActsHere(repair.registry, repository, await marks_of(repair.app.rows, repair.registry, repository))


def _reading_first(registries: Registries) -> Registries:
    def opened(login_server: LoginServer) -> Registry:
        return ReadingFirst(registries(login_server))

    return opened
