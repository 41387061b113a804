"""Read and update one target of an act, whatever its kind, and say what became of it."""

from copy import replace

import msgspec

from taglock.domain.acts.act import ActTarget, Outcome
from taglock.domain.attributes import NOTHING_OFF, Off, spelled
from taglock.domain.reference import Digest, Tag, Target, TargetKind
from taglock.domain.state import AttributeUpdate, ManifestState, RepositoryState, TagState
from taglock.errors import NotFound, RegistryError
from taglock.ports import Registry

State = TagState | ManifestState | RepositoryState


async def observe(registry: Registry, target: Target) -> State:
    """Read a target's attributes; raises RegistryError."""
    match target.kind:
        case TargetKind.TAG:
            return await registry.tag(target.repository, Tag(target.name))
        case TargetKind.MANIFEST:
            return await registry.manifest(target.repository, Digest(target.name))
        case TargetKind.REPOSITORY:
            return await registry.repository(target.repository)


async def update(registry: Registry, target: Target, *, off: Off, on: Off = NOTHING_OFF) -> State:
    """Update a target's attributes; the answer is the proof. Raises RegistryError."""
    wanted = AttributeUpdate(target=target, off=off, on=on)
    match target.kind:
        case TargetKind.TAG:
            return await registry.update_tag(wanted)
        case TargetKind.MANIFEST:
            return await registry.update_manifest(wanted)
        case TargetKind.REPOSITORY:
            return await registry.update_repository(wanted)


class Updated(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one target, and what the registry showed."""

    target: ActTarget
    state: State | None = None
    retry_after: float = 0.0
    """Seconds that the registry asked for."""


def proved(target: ActTarget, outcome: Outcome, state: State, *, message: str = "") -> Updated:
    """Return that a target is as it should be."""
    return Updated(target=replace(target, outcome=outcome, message=message), state=state)


def unproved(target: ActTarget, state: State) -> Updated:
    """Return that the registry answered success and shows something else."""
    message = f"the registry answered success but shows off: {spelled(state.off)}"
    return Updated(target=replace(target, outcome=Outcome.WAITING, message=message), state=state)


def not_updated(target: ActTarget, error: RegistryError) -> Updated:
    """Return why a target was not updated: gone, refused for good, or not now."""
    if isinstance(error, NotFound):
        return Updated(target=replace(target, outcome=Outcome.GONE, message="not there any more"))
    outcome = Outcome.WAITING if error.transient else Outcome.FAILED
    message = error.without_target
    return Updated(target=replace(target, outcome=outcome, message=message), retry_after=error.retry_after or 0.0)


def left(target: ActTarget) -> bool:
    """Tell whether something is still to be done on a target."""
    return target.outcome in (Outcome.WAITING, Outcome.FAILED)
