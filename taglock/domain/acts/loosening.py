"""What a person's unlock or retirement does to each target, and what it leaves there."""

from collections.abc import Mapping, Sequence
from copy import replace
from datetime import datetime

from taglock.domain.acts.act import Act, ActTarget, Outcome
from taglock.domain.acts.marks import Grant, Marks, Retired
from taglock.domain.acts.wanted import wanted
from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.reference import Target, TargetKind

SETTLED_AT_END = (Outcome.RESTORED, Outcome.GONE, Outcome.KEPT, Outcome.LEFT)
"""Nothing is left to be locked again."""


def with_kept(targets: Sequence[ActTarget], reasons: Mapping[Target, str]) -> tuple[ActTarget, ...]:
    """Return the targets, those that something else wants as kept."""
    return tuple(
        replace(target, outcome=Outcome.KEPT, message=reasons[target.target]) if target.target in reasons else target
        for target in targets
    )


def granted(act: Act, target: ActTarget, marks: Marks | None) -> Marks | None:
    """Return the marks with the act's grant; a target that is kept gets none."""
    if target.outcome is Outcome.KEPT or act.expires_at is None:
        return marks
    held = marks if marks is not None else Marks(target=target.target)
    return replace(held, grant=Grant(act=act.id, expires_at=act.expires_at, root=is_anchor(act, target.target)))


def retired(act: Act, target: ActTarget, marks: Marks | None, *, at: datetime) -> Marks | None:
    """Return the marks that say a person gave the target up; a target that is kept gets none."""
    if target.outcome is Outcome.KEPT:
        return marks
    held = marks if marks is not None else Marks(target=target.target)
    digest = target.digest if target.target.kind is TargetKind.TAG else None
    return replace(held, retired=Retired(act=act.id, at=at, digest=digest))


def is_anchor(act: Act, target: Target) -> bool:
    """Tell whether a target is the very thing that the act names; by its marks the same act is found again."""
    place = act.places[0]
    if place.whole_repository:
        return target.kind is TargetKind.REPOSITORY
    if place.tag is not None:
        return target.kind is TargetKind.TAG
    return target.kind is TargetKind.MANIFEST and target.name == place.digest


def wanted_at_end(target: ActTarget, marks: Marks | None, *, locked: Off) -> Off:
    """Return what must be off when a grant ends: what was before, and all that is wanted now."""
    rest = replace(marks, grant=None) if marks is not None else None
    return target.prior | wanted(locked, rest)


def ungranted(act: Act, target: ActTarget, marks: Marks | None, *, locked: Off) -> Marks | None:
    """Return the marks without the act's grant.

    What was locked again counts as prior for the quarantines and holds that began meanwhile, or their end would unlock
    it for good.
    """
    if marks is None or marks.grant is None or marks.grant.act != act.id:
        return marks
    again = target.prior | locked if target.outcome is Outcome.RESTORED else NOTHING_OFF
    return replace(marks, grant=None, prior=marks.prior | again if marks.wants else marks.prior)


def holds_grant(act: Act, marks: Marks | None) -> bool:
    """Tell whether a target still has the act's grant: without it nothing of the act is on it."""
    return marks is not None and marks.grant is not None and marks.grant.act == act.id


def is_marked(act: Act, marks: Marks | None) -> bool:
    """Tell whether a target has a mark of a loosening act: without one it was not updated yet."""
    return holds_grant(act, marks) or (marks is not None and marks.retired is not None and marks.retired.act == act.id)
