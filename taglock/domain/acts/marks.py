"""The marks of acts on one target: what open acts want of it, what it was before them, whether it is suspended.

Marks lie in the partition of the target's repository, beside releases and proofs, so that a lock reads all of them in
one go, and acts on shared targets meet in one versioned row.
"""

from collections.abc import Iterable
from copy import replace
from datetime import datetime

import msgspec

from taglock.domain.acts.act import ActKind
from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.reference import Digest, LoginServer, Repository, Target, TargetKind
from taglock.domain.row import RowKey


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """What one open quarantine or hold wants off on the target."""

    act: str
    kind: ActKind
    off: Off
    root: bool = False
    """Whether the act is about this very target: the same act asked twice is found by it."""
    ending: bool = False
    """It is being undone: it wants nothing any more, but its updates may be under way."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A time-limited unlock of the target."""

    act: str
    expires_at: datetime
    root: bool = False
    ending: bool = False


class Retired(msgspec.Struct, frozen=True, kw_only=True):
    """That a person gave the target up: rules want nothing of it until it is pushed again."""

    act: str
    at: datetime
    digest: Digest | None = None
    """Where a tag pointed then; another digest is another release."""


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """All marks on one target; the row goes when none is left."""

    target: Target
    prior: Off = NOTHING_OFF
    """Off before the first of the open quarantines and holds touched it."""
    wants: tuple[Want, ...] = ()
    grant: Grant | None = None
    retired: Retired | None = None

    @property
    def empty(self) -> bool:
        """Whether no act is left."""
        return not self.wants and self.grant is None and self.retired is None

    @property
    def quarantined(self) -> Off:
        """What open quarantines want off."""
        return _union(want for want in self.wants if want.kind is ActKind.QUARANTINE)

    @property
    def held(self) -> Off:
        """What open holds want off."""
        return _union(want for want in self.wants if want.kind is ActKind.HOLD)

    @property
    def loosening(self) -> bool:
        """Whether something is being undone on it: a lock must wait, and look again afterwards."""
        ending = any(want.ending for want in self.wants)
        return ending or (self.grant is not None and self.grant.ending)


def _union(wants: Iterable[Want]) -> Off:
    return NOTHING_OFF.union(*(want.off for want in wants if not want.ending))


def with_want(marks: Marks | None, target: Target, want: Want, *, observed: Off) -> Marks:
    """Return the marks with a want added, or renewed; `observed` counts as prior only when it is the first."""
    held = marks if marks is not None else Marks(target=target)
    if any(each.act == want.act for each in held.wants):
        return replace(held, wants=tuple(want if each.act == want.act else each for each in held.wants))
    prior = held.prior if held.wants else observed
    return replace(held, prior=prior, wants=(*held.wants, want))


def ending(marks: Marks, act: str) -> Marks:
    """Return the marks with an act's want or grant being undone."""
    wants = tuple(replace(want, ending=True) if want.act == act else want for want in marks.wants)
    grant = marks.grant
    if grant is not None and grant.act == act:
        grant = replace(grant, ending=True)
    return replace(marks, wants=wants, grant=grant)


def without(marks: Marks, act: str) -> Marks:
    """Return the marks with nothing of an act left."""
    return replace(
        marks,
        wants=tuple(want for want in marks.wants if want.act != act),
        grant=marks.grant if marks.grant is not None and marks.grant.act != act else None,
        retired=marks.retired if marks.retired is not None and marks.retired.act != act else None,
    )


MARK_PREFIX = "mark/"


def mark_key(target: Target) -> RowKey:
    """Return where the marks of a target are kept: in the partition of its repository."""
    return RowKey(_partition(target.registry, target.repository), f"{MARK_PREFIX}{target.kind}/{target.name}")


def marks_range(registry: LoginServer, repository: Repository) -> tuple[str, str, str]:
    """Return partition, start and end of all marks of a repository."""
    return _partition(registry, repository), MARK_PREFIX, f"{MARK_PREFIX[:-1]}0"


def _partition(registry: LoginServer, repository: Repository) -> str:
    return f"image/{registry}/{repository}"  # taglock.domain.ledger.image_partition, which imports these rows


class RepositoryMarks(msgspec.Struct, frozen=True):
    """All marks of one repository."""

    by_target: dict[Target, Marks] = {}

    def of(self, target: Target) -> Marks | None:
        """Return the marks of a target, None when there are none."""
        return self.by_target.get(target)

    @property
    def granted(self) -> frozenset[Target]:
        """The targets that no automatic trigger may lock now."""
        return frozenset(target for target, marks in self.by_target.items() if marks.grant is not None)

    @property
    def granted_manifests(self) -> frozenset[Digest]:
        """The manifests among them."""
        return frozenset(Digest(target.name) for target in self.granted if target.kind is TargetKind.MANIFEST)
