"""Lock one image: the tag and the walk over its closure, side by side, within a budget."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from taglock.domain.closure import ClosureWalk, Standing, Step, StepKind
from taglock.domain.outcome import Failure, Locking
from taglock.domain.plan import LockPlan
from taglock.domain.reference import Digest, LoginServer, Repository, Tag, Target, manifest_target, tag_target
from taglock.domain.state import AttributeUpdate, ManifestContent, ManifestState, TagState
from taglock.errors import RegistryError
from taglock.ports import Registry

Recall = Callable[[Sequence[Digest]], Awaitable[Iterable[Digest]]]
"""Returns those of some manifests that an earlier attempt of the same work has proved."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How far one attempt may go."""

    deadline: float
    """On the event loop's clock, in seconds."""
    manifests: int
    """Requests for manifests."""
    parallel: int
    closure: int
    """Manifests of one closure."""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """What to lock: a tag, a digest or both."""

    registry: LoginServer
    repository: Repository
    tag: Tag | None
    digest: Digest | None
    media_type: str | None
    suspended: frozenset[Digest] = frozenset()
    """Manifests that are never updated, and so keep what names them waiting: a person unlocked them for a time."""


class ImageLocker:
    """One attempt to lock one image; use once."""

    def __init__(self, registry: Registry, image: Image, plan: LockPlan, budget: Budget) -> None:
        self._registry = registry
        self._image = image
        self._plan = plan
        self._budget = budget
        self._walk = ClosureWalk(
            off=plan.manifest_off, limit=budget.closure, referrers=plan.referrers, suspended=image.suspended
        )
        self._roots: set[Digest] = set()
        self._tag: TagState | None = None
        self._failures: list[Failure] = []

    async def lock(self, recall: Recall | None = None) -> Locking:
        """Lock until all is proved, nothing more can be done now, or the budget is used up."""
        under_way: set[asyncio.Task[None]] = set()
        self._begin(under_way)
        try:
            async with asyncio.timeout_at(self._budget.deadline):
                await self._go_on(under_way, recall)
        except TimeoutError:
            self._failures.append(Failure(target=self._name(), message="the time was used up", transient=True))
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        return self._result()

    def _begin(self, under_way: set[asyncio.Task[None]]) -> None:
        image = self._image
        if image.tag is not None:
            under_way.add(asyncio.create_task(self._lock_tag(image.tag)))
        if image.digest is not None:
            self._add_root(image.digest, image.media_type)

    async def _go_on(self, under_way: set[asyncio.Task[None]], recall: Recall | None) -> None:
        left = self._budget.manifests
        while True:
            new = self._walk.take_new()
            if recall is not None and new:
                self._walk.recall(await recall(new))
            while left > 0 and len(under_way) < self._budget.parallel and (step := self._walk.next_step()):
                left -= 1
                under_way.add(asyncio.create_task(self._take(step)))
            if not under_way:
                return
            ended, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            under_way -= ended
            for task in ended:
                task.result()

    async def _lock_tag(self, tag: Tag) -> None:
        target = tag_target(self._image.registry, self._image.repository, tag)
        try:
            state = await self._registry.update_tag(AttributeUpdate(target=target, off=self._plan.tag_off))
        except RegistryError as error:
            self._failures.append(Failure.of(str(target), error, may_be_gone=True))
            return
        if not self._plan.tag_off <= state.off:
            self._failures.append(_unproven(str(target)))
        self._tag = state
        # Without a digest in the event its media type is all that is known of what the tag points to.
        self._add_root(state.digest, self._image.media_type if self._image.digest is None else None)

    def _add_root(self, digest: Digest, media_type: str | None) -> None:
        if digest not in self._roots:
            self._roots.add(digest)
            self._walk.add_root(digest, media_type=media_type)

    async def _take(self, step: Step) -> None:
        try:
            answer = await self._ask(step)
        except RegistryError as error:
            self._walk.no_answer(step)
            self._failures.append(Failure.of(self._name(step.digest), error, may_be_gone=step.digest in self._roots))
            return
        if isinstance(answer, ManifestState):
            self._walk.answered(step, answer)
            if step.kind is StepKind.LOCK and not self._plan.manifest_off <= answer.off:
                self._failures.append(_unproven(self._name(step.digest)))
        elif isinstance(answer, ManifestContent):
            self._walk.content(step, answer.references)
        else:
            self._walk.referrers(step, answer)

    async def _ask(self, step: Step) -> ManifestState | ManifestContent | Sequence[Digest]:
        repository = self._image.repository
        match step.kind:
            case StepKind.READ:
                return await self._registry.manifest(repository, step.digest)
            case StepKind.CONTENT:
                return await self._registry.content(repository, step.digest)
            case StepKind.REFERRERS:
                return await self._registry.referrers(repository, step.digest)
            case StepKind.LOCK:
                target = manifest_target(self._image.registry, repository, step.digest)
                return await self._registry.update_manifest(AttributeUpdate(target=target, off=self._plan.manifest_off))

    def _name(self, digest: Digest | None = None) -> str:
        name = f"{self._image.registry}/{self._image.repository}"
        return f"{name}@{digest}" if digest else name

    def _suspended(self) -> tuple[Target, ...]:
        image = self._image
        return tuple(manifest_target(image.registry, image.repository, digest) for digest in self._walk.suspended)

    def _result(self) -> Locking:
        tag_proved = self._image.tag is None or (self._tag is not None and self._plan.tag_off <= self._tag.off)
        return Locking(
            tag=self._tag,
            applied=tuple(self._walk.manifests(Standing.APPLIED)),
            already=tuple(self._walk.manifests(Standing.ALREADY)),
            recalled=sum(1 for _ in self._walk.manifests(Standing.RECALLED)),
            failures=tuple(self._failures),
            unknown=tuple(sorted(self._walk.unknown)),
            exceeded=self._walk.exceeded,
            children=tuple(self._walk.children()),
            suspended=self._suspended() if tag_proved else (),
            finished=tag_proved and self._walk.finished,
        )


def _unproven(target: str) -> Failure:
    return Failure(target=target, message="the registry answered success but shows the attributes on", transient=True)
