"""One pass over a quarantine or hold: what it wants is stored, then turned off, level by level from the root down.

A begin, what due work makes good after a crash or a failure, and what an audit asks for when somebody undid an update
all are this same pass: every update is made again, which is always right.
"""

import asyncio
from collections.abc import Iterable, Sequence
from copy import replace

from taglock.domain.acts.act import Act, ActKind, ActTarget, Outcome, Place
from taglock.domain.acts.going_on import leased
from taglock.domain.acts.marks import Marks, Want, with_want
from taglock.domain.attributes import Off
from taglock.domain.audit.rows import IndexChildren, children_key
from taglock.domain.ledger import restored
from taglock.domain.reference import Digest, Tag, Target, TargetKind, manifest_target, repository_target, tag_target
from taglock.domain.row import Change
from taglock.domain.state import ManifestState, TagState
from taglock.enforcement.acts.aiming import JoinsOther, anchor, children_rows, manifest_targets, same_act, tag_targets
from taglock.enforcement.acts.recorded import recorded_locks
from taglock.enforcement.acts.restoring import restore_one
from taglock.enforcement.acts.storing import Held, Intent, due_changes, held_marks, held_marks_of, store
from taglock.enforcement.acts.survey import Root, Surveyed, Unread, children_of, survey_level, survey_root, tags_named
from taglock.enforcement.acts.updating import Updated, left, not_updated, observe, proved, unproved, update
from taglock.enforcement.context import Enforcement
from taglock.enforcement.side_by_side import all_ended
from taglock.errors import NotFound, RegistryError

YOUNG_SECONDS = 600
"""An import writes children seconds after their index; what is missing for longer is not waited for."""

SETTLED = (Outcome.MOVED, Outcome.GONE, Outcome.RESTORED)
"""What an act has nothing more to do with."""


class Tightening:
    """One pass over one act; use once. Once an intent is stored, only LedgerError is raised: what is left is told."""

    def __init__(self, app: Enforcement, act: Act, known: Iterable[ActTarget] = ()) -> None:
        self._app = app
        self._act = act
        self.targets: dict[Target, ActTarget] = {target.target: target for target in known}
        """All that the act is about, as far as it was found."""
        self.unread: dict[Target, ActTarget] = {}
        """What could not be read, and so is not stored yet."""
        self.moved: set[Target] = set()
        """Tags that turned out to point elsewhere."""
        self.retry_after = 0.0
        self._passed: set[Target] = set()
        self._suspended: set[Target] = set()

    @property
    def all_targets(self) -> tuple[ActTarget, ...]:
        """Return everything, what was asked for first."""
        found = [*self.targets.values(), *(each for name, each in self.unread.items() if name not in self.targets)]
        return tuple(sorted(found, key=lambda each: (not each.root, each.target)))

    @property
    def complete(self) -> bool:
        """Whether everything is as the act wants it."""
        return not self.unread and not any(left(target) for target in self.targets.values())

    # -- one place after the other ------------------------------------------------------------------------------------

    async def begin(self, root: Root, held: Held, first: tuple[Change, ...] = ()) -> None:
        """Store the intent for an image's root and tags; raises what `store` raises and JoinsOther."""
        digest = root.manifest.digest
        targets = manifest_targets(self._act, [root.manifest], root=digest)
        targets += tag_targets(self._act, root.tags, root=digest)
        await self._store(targets, held, (*first, *children_rows([root.manifest])))

    async def begin_repository(self, place: Place, off: Off, held: Held, first: tuple[Change, ...] = ()) -> None:
        """Store the intent for a whole repository's own attributes; raises what `begin` raises."""
        target = repository_target(place.registry, place.repository)
        await self._store([ActTarget(target=target, prior=off, want=self._act.off, root=True)], held, first)

    async def go_on(self, place: Place, root: Root | None) -> None:
        """Turn off what is stored at a place, and then what its root reaches; no root for a whole repository."""
        own = [each for each in self.targets.values() if self._at(place, each) and each.target in self._passed]
        await self._apply(own)
        if root is not None:
            await self._below(root)

    async def again(self, place: Place) -> None:
        """Make the whole pass for one place: what an act elsewhere, a resumption and a repair do."""
        registry = self._app.registries(place.registry)
        held = await held_marks(self._app.rows, place.registry, place.repository)
        root: Root | None = None
        try:
            if place.whole_repository:
                await self.begin_repository(place, (await registry.repository(place.repository)).off, held)
            else:
                root = await survey_root(
                    registry, replace(place, tag=None)
                )  # a tag may have moved; the digest is meant
                await self.begin(root, held)
        except RegistryError as error:
            self._not_read(anchor(ActKind.QUARANTINE, place), error)
        else:
            await self.go_on(place, root)
        await self._rest(place)

    # -- levels -------------------------------------------------------------------------------------------------------

    async def _below(self, root: Root) -> None:
        place, level, seen = root.place, [root.manifest], {root.manifest.digest}
        while following := children_of([await self._with_children(each) for each in level], seen):
            if len(seen) + len(following) > self._app.limits.closure:
                for each in level:
                    self._tell(each, "what it reaches is more than TAGLOCK_MAX_CLOSURE allows, and was left alone")
                return
            seen.update(following)
            names = [manifest_target(place.registry, place.repository, digest) for digest in following]
            held = await held_marks_of(self._app.rows, names)
            read = await survey_level(self._app.registries(place.registry), place.repository, following)
            for unread in read:
                if isinstance(unread, Unread):
                    self._not_read(manifest_target(place.registry, place.repository, unread.digest), unread.error)
            level = [each for each in read if isinstance(each, Surveyed)]
            await self._level(level, held, root.manifest.digest)

    async def _level(self, level: Sequence[Surveyed], held: Held, root: Digest) -> None:
        if level:
            targets = manifest_targets(self._act, level, root=root)
            tags, held_by_tags = await self._tags([each.state for each in level])
            targets += tag_targets(self._act, tags, root=root)
            await self._apply(await self._store(targets, {**held, **held_by_tags}, self._lease(level)))

    def _lease(self, level: Sequence[Surveyed]) -> tuple[Change, ...]:
        """Return what is written before a further level: the act may have ended meanwhile, and this pass may die."""
        return (*due_changes(leased(self._act, now=self._app.clock.now())), *children_rows(level))

    async def _with_children(self, index: Surveyed) -> Surveyed:
        """Return an index with its children from the ledger, when its content cannot be read any more."""
        if index.children is not None or index.error is None:
            return index
        target = index.state.target
        (row,) = await self._app.rows.read([children_key(target.registry, target.repository, index.digest)])
        if row is not None:
            return replace(index, children=restored(IndexChildren, row.body).children)
        self._tell(index, f"nobody names its children: {index.error.without_target}")
        if index.error.transient and index.error.status not in _FORBIDDEN:
            self._not_read(target, index.error)
        return index

    async def _tags(self, states: Sequence[ManifestState]) -> tuple[list[TagState], Held]:
        """Return tags that answers name and nobody has seen; only a quarantine is about every tag."""
        named = {state: self._unseen(state) for state in states} if self._act.kind is ActKind.QUARANTINE else {}
        targets = [_tag_of(state, name) for state, names in named.items() for name in names]
        held = await held_marks_of(self._app.rows, targets)
        read = await all_ended(self._named(state, names) for state, names in named.items() if names)
        return [tag for tags in read for tag in tags], held

    def _unseen(self, state: ManifestState) -> list[Tag]:
        return [name for name in state.tags if _tag_of(state, name) not in self._passed]

    async def _named(self, state: ManifestState, names: Sequence[Tag]) -> Sequence[TagState]:
        try:
            return await tags_named(self._app.registries(state.target.registry), state, names)
        except RegistryError as error:
            for name in names:
                self._not_read(_tag_of(state, name), error)
            return ()

    # -- one level ----------------------------------------------------------------------------------------------------

    async def _store(self, targets: Sequence[ActTarget], held: Held, first: tuple[Change, ...] = ()) -> list[ActTarget]:
        about = {each.target: held[each.target] for each in targets if each.target in held}
        intent = Intent(act_id=self._act.id, targets=tuple(targets), first=first, held=about, observe=self._observe)
        kept = await store(self._app, intent, self._tightened)
        self.targets |= {target.target: target for target in kept}
        self._passed |= {target.target for target in kept}
        return list(kept)

    def _tightened(self, marks: Marks | None, target: ActTarget) -> Marks | None:
        act = self._act
        wants = marks.wants if marks is not None else ()
        if marks is not None and marks.grant is not None and act.kind is ActKind.HOLD:
            self._suspended.add(target.target)
        own = any(want.act == act.id for want in wants)
        is_anchor = anchor(act.kind, act.places[0]) == target.target
        if is_anchor and not own and (other := same_act(act, act.places[0], marks)):
            raise JoinsOther(other)
        want = Want(act=act.id, kind=act.kind, off=target.want, root=target.root)
        return with_want(marks, target.target, want, observed=target.prior)

    async def _observe(self, target: ActTarget) -> Off | None:
        try:
            return (await observe(self._app.registries(target.target.registry), target.target)).off
        except RegistryError:
            return None

    async def _apply(self, targets: Sequence[ActTarget]) -> None:
        """Make updates side by side; each is told as soon as it is proved, as the time may be used up at any moment."""
        places = asyncio.Semaphore(self._app.limits.parallel_requests)

        async def one(target: ActTarget) -> Updated:
            async with places:
                updated = await self._update(target)
            self.targets[target.target] = updated.target
            self.retry_after = max(self.retry_after, updated.retry_after)
            return updated

        updated = await all_ended(one(target) for target in targets)
        await self._late_tags([each.state for each in updated if isinstance(each.state, ManifestState)])

    async def _update(self, target: ActTarget) -> Updated:
        if target.target in self._suspended:
            message = "suspended: it is unlocked for a time, and is locked when that ends"
            return Updated(target=replace(target, outcome=Outcome.KEPT, message=message))
        try:
            state = await update(self._app.registries(target.target.registry), target.target, off=target.want)
        except RegistryError as error:
            return not_updated(target, error)
        if not target.want <= state.off:
            return unproved(target, state)
        if isinstance(state, TagState) and state.digest != target.digest:
            self.moved.add(target.target)
        outcome = Outcome.ALREADY if target.want <= target.prior else Outcome.APPLIED
        return proved(target, outcome, state)

    async def _late_tags(self, states: Sequence[ManifestState]) -> None:
        """Take in tags that came between the listing and the update: the update's own answer names them."""
        tags, held = await self._tags(states)
        if tags:
            roots = {each.target.name for each in self.targets.values() if each.root}
            late = [
                replace(each, root=each.digest in roots)
                for each in tag_targets(self._act, tags, root=self._act.places[0].digest or Digest(""))
            ]
            await self._apply(await self._store(late, held))

    # -- what is left -------------------------------------------------------------------------------------------------

    async def _rest(self, place: Place) -> None:
        """Make the updates of what is stored and was not reached from the root in this pass; tags may have moved."""
        rest = [
            each
            for each in self.targets.values()
            if self._at(place, each) and each.target not in self._passed and each.outcome not in SETTLED
        ]
        held = await held_marks_of(self._app.rows, [each.target for each in rest])
        kept = [each for each in rest if each.target.kind is not TargetKind.TAG or self._act.kind is ActKind.HOLD]
        self.moved |= {each.target for each in rest} - {each.target for each in kept}
        if kept:
            await self._apply(await self._store(kept, held))

    async def check_wanted(self) -> None:
        """Put back what somebody ended while it was being turned off: that may not have seen the last updates."""
        targets = [each for each in self.targets.values() if each.outcome not in SETTLED]
        held = await held_marks_of(self._app.rows, [each.target for each in targets])
        strayed = [each for each in targets if not self._wants(held, each)]
        if strayed:
            locked = await recorded_locks(self._app.rows, [each.target for each in strayed])
            await all_ended(
                restore_one(self._app, self._act, each, (held.get(each.target), locked[each.target]))
                for each in strayed
            )

    def _wants(self, held: Held, target: ActTarget) -> bool:
        marked = held.get(target.target)
        return marked is not None and any(w.act == self._act.id and not w.ending for w in marked.marks.wants)

    def _not_read(self, target: Target, error: RegistryError) -> None:
        age = (self._app.clock.now() - self._act.created_at).total_seconds()
        if isinstance(error, NotFound) and age > YOUNG_SECONDS:
            return
        message = f"could not be read: {error.without_target}"
        self.unread[target] = ActTarget(target=target, prior=frozenset(), message=message)
        self.retry_after = max(self.retry_after, error.retry_after or 0.0)

    def _tell(self, index: Surveyed, message: str) -> None:
        known = self.targets.get(index.state.target)
        if known is not None:
            self.targets[known.target] = replace(known, message=message)

    def _at(self, place: Place, target: ActTarget) -> bool:
        return (target.target.registry, target.target.repository) == (place.registry, place.repository)


_FORBIDDEN = (401, 403, 404, 405)
"""Statuses after which content will not be readable later either: no permission, or the quarantine itself."""


def _tag_of(state: ManifestState, name: Tag) -> Target:
    return tag_target(state.target.registry, state.target.repository, name)
