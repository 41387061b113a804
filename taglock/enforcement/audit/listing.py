"""The first phase of an audit: read every repository, a few at once, and store what was found as it goes."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from copy import replace

import msgspec

from taglock.domain.acts.act import Act
from taglock.domain.audit.rows import (
    AuditedRepository,
    AuditRun,
    Baseline,
    Planned,
    PlannedImage,
    baseline_key,
    known_repository_key,
    plan_key,
)
from taglock.domain.audit.scene import Scene
from taglock.domain.audit.sums import MAXIMUM_SAMPLES, added, counted
from taglock.domain.audit_report import Count, Coverage, Unread
from taglock.domain.ledger import Finding, due_partition, restored, stored
from taglock.domain.reference import LoginServer, Repository
from taglock.domain.row import Change, Insert, Upsert
from taglock.domain.rule import RuleSet
from taglock.enforcement.audit.asking import Asker, cancelled
from taglock.enforcement.audit.audited import AuditedResult, unread_repository
from taglock.enforcement.audit.catalog import Named, repositories
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.findings import record_findings
from taglock.enforcement.audit.kept import Kept
from taglock.enforcement.audit.reasserting import reassert
from taglock.enforcement.audit.repository import audit_repository
from taglock.enforcement.audit.running_images import RunningImages
from taglock.enforcement.recording import write
from taglock.errors import LedgerConflict, LimitExceeded, RegistryError

ATTEMPTS = 3
"""Invocations that may fail to get past one repository, with nothing kept of it, before it is left out."""
PATIENCE_SECONDS = 1.0
"""How long a repository is waited for before it is looked whether something was kept meanwhile."""
LISTED_ACTIONS = 1000
"""Planned actions that are kept for the report even when none is carried out."""
FLUSH_AT = 500

Progress = Callable[[AuditRun], None]
"""Told of the run after each checkpoint."""


class _Under(msgspec.Struct, frozen=True):
    """A repository under way."""

    named: Named
    task: asyncio.Task[AuditedResult]


class ListingPhase:
    """Reads one registry from the cursor on; use once."""

    def __init__(self, auditing: Auditing, registry: LoginServer, kept: Kept, rules: RuleSet) -> None:
        self._auditing = auditing
        self._app = auditing.app
        self._registry = registry
        self._kept = kept
        self._rules = rules
        self._began = asyncio.get_running_loop().time()
        limits = auditing.limits
        self._asker = Asker(self._began + limits.invocation_seconds + limits.closing_seconds)
        self._run = kept.run
        self._changes: list[Change] = []
        self._findings: list[Finding] = []
        self._reasserted: list[Act] = []
        self._stored_at = time.monotonic()
        self._requests = kept.run.requests
        self._last = kept.run.cursor
        self._left_out = False
        self._running = RunningImages(auditing.app, registry)
        self._kept_before = 0
        """Of what the asker has kept: until the last checkpoint."""

    async def go_on(self, progress: Progress) -> bool:
        """Read on until the whole registry was read (True) or the time is used up (False)."""
        scene = await self._scene()
        names = repositories(self._auditing, self._registry, self._asker, after=self._run.cursor)
        window: deque[_Under] = deque()
        try:
            ended = await self._read(names, window, scene, progress)
        except LimitExceeded:
            ended = False
        finally:
            await cancelled([under.task for under in window])
        await self._checkpoint(progress)
        return ended

    async def _read(self, names: AsyncIterator[Named], window: deque[_Under], scene: Scene, progress: Progress) -> bool:
        ended = False
        while True:
            while not ended and not self._over and len(window) < self._auditing.limits.parallel_repositories:
                named = await self._next(names)
                if named is None:
                    ended = True
                elif named.in_order or not await self._came_already(named.name, window):
                    window.append(_Under(named, asyncio.create_task(self._audited(scene, named.name))))
            if not window:
                return ended
            under = window[0]
            result = await self._ended(under, progress)
            window.popleft()
            self._take(under.named, result)
            if self._is_due:
                await self._checkpoint(progress)

    async def _ended(self, under: _Under, progress: Progress) -> AuditedResult:
        """Wait for a repository, and store meanwhile that something of it was kept."""
        patience = max(PATIENCE_SECONDS, self._auditing.limits.checkpoint_seconds)
        while not (await asyncio.wait([under.task], timeout=patience))[0]:
            if self._asker.kept > self._kept_before:
                await self._checkpoint(progress)
        return under.task.result()

    @property
    def _over(self) -> bool:
        return asyncio.get_running_loop().time() - self._began >= self._auditing.limits.invocation_seconds

    @property
    def _is_due(self) -> bool:
        waiting = len(self._changes) + len(self._findings)
        return waiting >= FLUSH_AT or time.monotonic() - self._stored_at >= self._auditing.limits.checkpoint_seconds

    async def _next(self, names: AsyncIterator[Named]) -> Named | None:
        try:
            return await anext(names, None)
        except RegistryError as error:
            self._unread(self._registry, str(error))
            return None

    async def _audited(self, scene: Scene, name: Repository) -> AuditedResult:
        scene = replace(scene, repository=name)
        if self._kept.run.attempts > ATTEMPTS and not self._left_out:
            self._left_out = True
            return unread_repository(scene, f"{ATTEMPTS} invocations did not get past it")
        announced = frozenset(_tags_of(scene.announced, name))
        scene = replace(scene, announced=announced)
        return await audit_repository(self._auditing, scene, self._asker, self._running)

    async def _came_already(self, name: Repository, window: deque[_Under]) -> bool:
        """Tell whether a name that is out of order has been read in this audit; it costs a look into the ledger."""
        remark = Coverage(remarks=("the catalog is not in order, or names repositories twice",))
        if not any("catalog" in text for text in self._run.coverage.remarks):
            self._run = replace(self._run, coverage=added(self._run.coverage, remark, repository=self._registry))
        if any(under.named.name == name for under in window):
            return True
        key = known_repository_key(self._registry, name)
        if any(change.key == key for change in self._changes):
            return True
        (row,) = await self._app.rows.read([key])
        return row is not None and restored(AuditedRepository, row.body).seen_at == self._run.started_at

    # -- what was found ---------------------------------------------------------------------------------------------

    def _take(self, named: Named, result: AuditedResult) -> None:
        run, judged, coverage = self._run, result.judged, result.coverage
        if not named.listed:
            coverage = replace(coverage, repositories=Count(looked_up=coverage.repositories.listed, expected=1))
        self._findings += judged.findings.values()
        self._reasserted += judged.reasserted
        self._changes += [self._planned(action) for action in judged.planned if self._is_stored(action)]
        seen = AuditedRepository(seen_at=run.started_at)
        self._changes.append(Upsert(known_repository_key(self._registry, named.name), stored(seen)))
        images = sum(isinstance(action, PlannedImage) for action in judged.planned)
        self._run = replace(
            run,
            coverage=added(run.coverage, coverage, repository=named.name),
            planned_images=run.planned_images + images,
            planned_repositories=run.planned_repositories + len(judged.planned) - images,
            planned_targets=run.planned_targets + sum(action.targets for action in judged.planned),
            planned_by_rule=counted(run.planned_by_rule, judged.planned),
            locked_unwitnessed=run.locked_unwitnessed + judged.locked_unwitnessed,
            seconds_to_lock=(*run.seconds_to_lock, *judged.seconds_to_lock)[:MAXIMUM_SAMPLES],
        )
        self._last = max(self._last, named.name) if named.in_order else self._last

    def _is_stored(self, action: Planned) -> bool:
        """Tell whether an action is kept: beyond the limit nothing is carried out, so counting is enough."""
        limit = max(LISTED_ACTIONS, self._auditing.max_actions)
        return self._run.planned_images < limit or bool(action.targets and self._run.planned_targets < limit)

    def _planned(self, action: Planned) -> Change:
        return Upsert(plan_key(self._registry, self._run.audit_id, action), stored(action))

    def _unread(self, subject: str, reason: str) -> None:
        unread = Coverage(unread=(Unread(subject=subject, reason=reason),), unread_total=1)
        self._run = replace(self._run, coverage=added(self._run.coverage, unread, repository=self._registry))

    async def _checkpoint(self, progress: Progress) -> None:
        """Store what was found, then how far it came: a crash between the two repeats the reading, not the counting."""
        changes, self._changes = self._changes, []
        findings, self._findings = self._findings, []
        reasserted, self._reasserted = self._reasserted, []
        await record_findings(self._app, findings)
        await reassert(self._auditing, reasserted)
        await write(self._app, changes)
        kept = self._asker.kept
        got_on = self._last != self._kept.run.cursor or kept > self._kept_before
        await self._kept.change(
            cursor=self._last,
            attempts=0 if got_on else self._kept.run.attempts,
            coverage=self._run.coverage,
            planned_images=self._run.planned_images,
            planned_repositories=self._run.planned_repositories,
            planned_targets=self._run.planned_targets,
            planned_by_rule=self._run.planned_by_rule,
            locked_unwitnessed=self._run.locked_unwitnessed,
            seconds_to_lock=self._run.seconds_to_lock,
            requests=self._requests + self._asker.requests,
        )
        self._run, self._stored_at, self._kept_before = self._kept.run, time.monotonic(), kept
        progress(self._run)

    # -- what is known before ---------------------------------------------------------------------------------------

    async def _scene(self) -> Scene:
        return Scene(
            registry=self._registry,
            repository=Repository(""),
            rules=self._rules,
            mode=self._app.mode,
            now=self._run.started_at,
            grace=self._auditing.grace,
            since=(await self._baseline()).since,
            announced=await self._announced(),
        )

    async def _baseline(self) -> Baseline:
        key = baseline_key(self._registry)
        (row,) = await self._app.rows.read([key])
        if row is not None:
            return restored(Baseline, row.body)
        baseline = Baseline(since=self._run.started_at)
        try:
            await self._app.rows.write([Insert(key, stored(baseline))])
        except LedgerConflict:
            return await self._baseline()
        return baseline

    async def _announced(self) -> frozenset[str]:
        """Return the images whose lock is due work, as `repository:tag`."""
        announced: set[str] = set()
        start = ""
        while True:
            rows = await self._app.rows.scan(due_partition(self._registry), start=start)
            announced.update(row.key.key.partition("@")[0] for row in rows)
            if not rows:
                return frozenset(announced)
            start = rows[-1].key.key + "\0"


def _tags_of(announced: frozenset[str], name: Repository) -> list[str]:
    prefix = f"{name}:"
    return [image.removeprefix(prefix) for image in announced if image.startswith(prefix)]
