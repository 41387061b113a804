"""Turn the attributes of an act's targets on from the root down, or off again from the children up.

So no crash leaves a locked index over loose children (taglock.domain.closure tells why that matters): going down stops
at a level that could not be unlocked, and going up passes by the indexes above a manifest that could not be locked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import replace
from itertools import groupby

from taglock.domain.acts.act import ActTarget, Outcome
from taglock.domain.attributes import Off
from taglock.domain.closure import is_index
from taglock.domain.reference import Target, TargetKind
from taglock.enforcement.acts.updating import Updated, left, not_updated, proved, unproved, update
from taglock.enforcement.context import Enforcement
from taglock.enforcement.side_by_side import all_ended
from taglock.errors import RegistryError

Taking = Callable[[ActTarget], Awaitable[Updated]]
WAITS = "waits for what lies before it"


async def loosen(app: Enforcement, targets: Sequence[ActTarget], *, deadline: float) -> list[Updated]:
    """Turn on what each target says, tag and root first; one that is to be kept is never asked for."""
    applying = _Applying(app, deadline)
    for level in _levels((each for each in targets if each.outcome is not Outcome.KEPT), lambda each: each.depth):
        if not await applying.took(level, applying.loosened):
            break
    return applying.of(targets)


async def tighten(
    app: Enforcement, targets: Sequence[ActTarget], offs: Mapping[Target, Off], *, deadline: float
) -> list[Updated]:
    """Turn off what is asked for on each target: children, then what names them, then the tag."""
    applying = _Applying(app, deadline, offs)
    complete = True
    for level in _levels(targets, lambda each: (each.target.kind is TargetKind.TAG, -each.depth)):
        complete = await applying.took([each for each in level if complete or not _names(each)], applying.locked)
    return applying.of(targets)


def _names(target: ActTarget) -> bool:
    return target.target.kind is TargetKind.MANIFEST and is_index(target.media_type)


def _levels[K: (int, tuple[bool, int])](
    targets: Iterable[ActTarget], key: Callable[[ActTarget], K]
) -> list[list[ActTarget]]:
    return [list(level) for _, level in groupby(sorted(targets, key=key), key=key)]


class _Applying:
    def __init__(self, app: Enforcement, deadline: float, offs: Mapping[Target, Off] | None = None) -> None:
        self._app = app
        self._deadline = deadline
        self._offs = offs or {}
        self._places = asyncio.Semaphore(app.limits.parallel_requests)
        self._updated: dict[Target, Updated] = {}

    def of(self, targets: Sequence[ActTarget]) -> list[Updated]:
        """Return what became of each target; one that nobody asked for waits, unless it is kept."""
        return [self._updated.get(each.target) or Updated(target=_untouched(each)) for each in targets]

    async def took(self, level: Sequence[ActTarget], one: Taking) -> bool:
        """Update targets side by side; tell whether nothing of all so far is left."""
        try:
            async with asyncio.timeout_at(self._deadline):
                await all_ended(self._place(target, one) for target in level)
        except TimeoutError:
            for target in level:
                late = replace(target, outcome=Outcome.WAITING, message="the time was used up")
                self._updated.setdefault(target.target, Updated(target=late))
        return not any(left(updated.target) for updated in self._updated.values())

    async def _place(self, target: ActTarget, one: Taking) -> None:
        async with self._places:
            try:
                self._updated[target.target] = await one(target)
            except RegistryError as error:
                self._updated[target.target] = not_updated(target, error)

    async def loosened(self, target: ActTarget) -> Updated:
        if not target.on:
            return Updated(target=replace(target, outcome=Outcome.ALREADY, message=""))
        registry = self._app.registries(target.target.registry)
        state = await update(registry, target.target, off=frozenset(), on=target.on)
        return unproved(target, state) if state.off & target.on else proved(target, Outcome.APPLIED, state)

    async def locked(self, target: ActTarget) -> Updated:
        off = self._offs[target.target]
        if not off:
            return Updated(target=replace(target, outcome=Outcome.RESTORED, message=""))
        state = await update(self._app.registries(target.target.registry), target.target, off=off)
        return proved(target, Outcome.RESTORED, state) if off <= state.off else unproved(target, state)


def _untouched(target: ActTarget) -> ActTarget:
    return target if target.outcome is Outcome.KEPT else replace(target, outcome=Outcome.WAITING, message=WAITS)
