"""The second phase of an audit: carry out a complete plan, image by image, the most severe first."""

import asyncio
from collections.abc import Callable, Sequence
from copy import replace
from datetime import timedelta
from itertools import batched

from taglock.domain.attributes import NOTHING_OFF
from taglock.domain.audit.rows import AuditRun, PlannedImage, audit_event_id, plan_partition
from taglock.domain.audit_report import ActionState
from taglock.domain.event import ImagePushed
from taglock.domain.ledger import ProvenManifest, Release, manifest_key, release_key, restored, stored
from taglock.domain.outcome import Locking
from taglock.domain.plan import LockPlan
from taglock.domain.reference import Digest, LoginServer, Tag
from taglock.domain.row import Change, Row, Upsert
from taglock.domain.rule import Mode
from taglock.domain.state import TagState
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.kept import Kept
from taglock.enforcement.locking import Budget, Image, ImageLocker
from taglock.enforcement.recording import write
from taglock.enforcement.subject import Work, lock_subject
from taglock.errors import HandOverFailed, RegistryError

TRIGGER = "audit_registry"
PAGE = 100
PARALLEL = 4
MOMENT = timedelta(microseconds=1)
"""Makes a repair later than the push that it proves anew, so that it is no duplicate of it."""


class RepairPhase:
    """Locks what was planned; every image is recorded as soon as it is done, so that none is locked twice."""

    def __init__(self, auditing: Auditing, registry: LoginServer, kept: Kept) -> None:
        self._registry = registry
        self._auditing = auditing
        self._app = replace(auditing.app, registries=auditing.background)
        self._kept = kept
        self._deadline = asyncio.get_running_loop().time() + auditing.limits.invocation_seconds

    async def go_on(self, progress: Callable[[AuditRun], None]) -> bool:
        """Go on until the plan is carried out (True) or the time is used up (False)."""
        partition = plan_partition(self._registry, self._kept.run.audit_id)
        while asyncio.get_running_loop().time() < self._deadline:
            start = f"{self._kept.run.cursor}\0" if self._kept.run.cursor else ""
            rows = await self._app.rows.scan(partition, start=start, limit=PAGE)
            for part in batched(rows, PARALLEL, strict=False):
                await asyncio.gather(*(self._mend(row) for row in part))
            if rows:
                await self._kept.change(cursor=rows[-1].key.key)
                progress(self._kept.run)
            if len(rows) < PAGE:
                return True
        return False

    async def _mend(self, row: Row) -> None:
        planned = restored(PlannedImage, row.body)
        if planned.state is not ActionState.PLANNED:
            return  # an invocation that was killed had done it
        try:
            ended = await self._locked(planned)
        except (RegistryError, HandOverFailed) as error:
            ended = replace(planned, state=ActionState.FAILED, message=str(error))
        await write(self._app, [Upsert(row.key, stored(ended))])

    async def _locked(self, planned: PlannedImage) -> PlannedImage:
        release = await self._release(planned)
        if planned.recorded_digest is not None:
            return await self._tightened(planned, planned.recorded_digest, release)
        tag = await self._app.registries(self._registry).tag(planned.repository, planned.tag)
        if tag.digest != planned.digest:
            return replace(planned, state=ActionState.FAILED, message=f"moved to {tag.digest} since it was planned")
        work = Work(trigger=TRIGGER, budget=self._budget())
        handled = await lock_subject(self._app, self._push(planned, tag, release), work)
        if handled.mode == Mode.REPORT:
            return replace(planned, message="its rule is in report mode")
        if handled.outcome in ("locked", "already"):
            return replace(planned, state=ActionState.APPLIED)
        return replace(planned, state=ActionState.FAILED, message="; ".join((handled.outcome, *handled.problems)))

    def _push(self, planned: PlannedImage, tag: TagState, release: Release | None) -> ImagePushed:
        """Return the push that no event announced, or that has to be proved anew."""
        occurred_at = tag.updated_at
        if release is not None:
            occurred_at = max(occurred_at, release.pushed_at + MOMENT)
        return ImagePushed(
            registry=self._registry,
            repository=planned.repository,
            tag=planned.tag,
            digest=planned.digest,
            media_type=None,
            event_id=audit_event_id(self._kept.run.audit_id, planned),
            occurred_at=occurred_at,
            location="",
        )

    async def _tightened(self, planned: PlannedImage, digest: Digest, release: Release | None) -> PlannedImage:
        """Tighten what a moved tag was locked with, never what it points to now: a person has to accept that."""
        if release is None:
            return replace(planned, state=ActionState.FAILED, message="its release is no longer in the ledger")
        plan = LockPlan(rule=release.rule, mode=Mode.ENFORCE, tag_off=NOTHING_OFF, manifest_off=release.manifest_off)
        image = Image(registry=self._registry, repository=planned.repository, tag=None, digest=digest, media_type=None)
        locking = await ImageLocker(self._app.registries(self._registry), image, plan, self._budget()).lock()
        await write(self._app, self._proofs(planned, plan, locking))
        if locking.finished:
            return replace(planned, state=ActionState.APPLIED)
        why = "; ".join(f"{failure.target}: {failure.message}" for failure in locking.failures) or "not complete"
        return replace(planned, state=ActionState.FAILED, message=why)

    def _proofs(self, planned: PlannedImage, plan: LockPlan, locking: Locking) -> Sequence[Change]:
        return [
            Upsert(
                manifest_key(self._registry, planned.repository, digest),
                stored(
                    ProvenManifest(
                        digest=digest,
                        media_type=media_type,
                        off=plan.manifest_off,
                        rule=plan.rule,
                        mode=plan.mode,
                        proven_at=self._app.clock.now(),
                    )
                ),
            )
            for digest, media_type in (*locking.applied, *locking.already)
        ]

    async def _release(self, planned: PlannedImage) -> Release | None:
        (row,) = await self._app.rows.read([release_key(self._registry, planned.repository, Tag(planned.tag))])
        return restored(Release, row.body) if row is not None else None

    def _budget(self) -> Budget:
        limits = self._app.limits
        return Budget(
            deadline=self._deadline + self._auditing.limits.closing_seconds,
            manifests=4 * limits.closure,
            parallel=limits.parallel_requests,
            closure=limits.closure,
        )
