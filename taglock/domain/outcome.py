"""What came of an attempt to lock an image, and what follows from it."""

from collections.abc import Sequence
from copy import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

import msgspec

from taglock.domain.attributes import Attribute
from taglock.domain.closure import is_index
from taglock.domain.event import ImagePushed
from taglock.domain.ledger import ProvenManifest, Release
from taglock.domain.plan import LockPlan
from taglock.domain.reference import Digest, Target
from taglock.domain.rule import Mode
from taglock.domain.state import TagState
from taglock.domain.subject import ImageRuns
from taglock.errors import NotFound, RegistryError

YOUNG = timedelta(minutes=15)
"""How long a missing tag or manifest may be on its way: a replica or an import that lags (import: 12-15 s seen)."""


class Relation(StrEnum):
    """How a push stands to the release that the ledger holds for its tag."""

    FRESH = "fresh"  # nothing held, or something that this push replaces or proves anew
    DUPLICATE = "duplicate"  # the ledger holds the proof for this very push or a later one of the same image
    SUPERSEDED = "superseded"  # the ledger holds a later push of another image
    MOVED = "moved"  # a locked tag points elsewhere now


def relate(push: ImagePushed, release: Release | None, plan: LockPlan) -> Relation:
    """Compare a push with the ledger's release of its tag."""
    if release is None:
        return Relation.FRESH
    not_later = push.event_id == release.event_id or push.occurred_at <= release.pushed_at
    if push.digest is None or push.digest == release.digest:
        return Relation.DUPLICATE if not_later and _covers(release, plan) else Relation.FRESH
    if push.occurred_at < release.pushed_at:
        return Relation.SUPERSEDED
    return _relate_other_digest(release)


def relate_running(
    runs: ImageRuns, plan: LockPlan, *, release: Release | None, proof: ProvenManifest | None
) -> Relation:
    """Compare an image that runs with the ledger's release of its tag and proof of its root."""
    if not plan.tag_off:
        return Relation.DUPLICATE if _is_proved(runs, plan, proof) else Relation.FRESH
    if release is None:
        return Relation.FRESH
    if release.digest != runs.digest:
        return _relate_other_digest(release)
    return Relation.DUPLICATE if _is_proved(runs, plan, proof) and _covers(release, plan) else Relation.FRESH


def relate_answer(relation: Relation, release: Release | None, tag: TagState | None) -> Relation:
    """Return MOVED when the registry shows that a locked tag points elsewhere, whatever the event said of it."""
    if relation is not Relation.FRESH or release is None or tag is None or tag.digest == release.digest:
        return relation
    return _relate_other_digest(release)


def _relate_other_digest(release: Release) -> Relation:
    was_fixed = release.mode is Mode.ENFORCE and Attribute.WRITE in release.tag_off
    return Relation.MOVED if was_fixed else Relation.FRESH


def is_handled(runs: ImageRuns, proof: ProvenManifest | None) -> bool:
    """Tell whether the root was proved since the ledger recorded the deployment, by whatever rule."""
    return proof is not None and proof.proven_at >= runs.recorded_at


def _is_proved(runs: ImageRuns, plan: LockPlan, proof: ProvenManifest | None) -> bool:
    if proof is None or not is_handled(runs, proof):
        return False
    return plan.manifest_off <= proof.off and (proof.mode is Mode.ENFORCE or plan.mode is Mode.REPORT)


def _covers(release: Release, plan: LockPlan) -> bool:
    proven_for_real = release.mode is Mode.ENFORCE or plan.mode is Mode.REPORT
    return proven_for_real and plan.tag_off <= release.tag_off and plan.manifest_off <= release.manifest_off


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One target that could not be locked, and whether trying again may help."""

    target: str
    message: str
    transient: bool
    missing: bool = False
    """The registry said that it is not there (404)."""
    retry_after: float | None = None
    """Seconds that the registry asked to wait."""

    @classmethod
    def of(cls, target: str, error: RegistryError, *, may_be_gone: bool) -> Self:
        """Return the failure that a registry error means for a target; a child of an index is late, never gone."""
        return cls(
            target=target,
            message=error.without_target if error.target == target else str(error),
            transient=error.transient,
            missing=may_be_gone and isinstance(error, NotFound),
            retry_after=error.retry_after,
        )


class Locking(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt to lock an image did; digests come with their media type."""

    tag: TagState | None = None
    """The tag as its update answered it; None when there is no tag or no answer."""
    applied: tuple[tuple[Digest, str], ...] = ()
    already: tuple[tuple[Digest, str], ...] = ()
    """Seen with the attributes off before anything was updated."""
    recalled: int = 0
    """How many manifests an earlier attempt of the same work has proved."""
    failures: tuple[Failure, ...] = ()
    unknown: tuple[Digest, ...] = ()
    """Indexes whose children nobody named."""
    exceeded: bool = False
    """The closure is larger than the limit."""
    children: tuple[tuple[Digest, tuple[Digest, ...]], ...] = ()
    """What each index names that was opened."""
    suspended: tuple[Target, ...] = ()
    """What a person unlocked for a time, when nothing else is left to be locked."""
    finished: bool = False
    """Tag and whole closure are proved."""

    @property
    def manifests(self) -> int:
        """How many manifests are proved."""
        return len(self.applied) + len(self.already) + self.recalled

    @property
    def progress(self) -> bool:
        """Whether a next attempt has less to do; indexes do not count, they are read again each time."""
        return any(not is_index(media_type) for _, media_type in self.applied)

    def lacking(self, failures: Sequence[Failure]) -> "Locking":
        """Return it with what kept it from being complete; without failures as it is."""
        return replace(self, failures=(*self.failures, *failures), finished=False) if failures else self


class Verdict(StrEnum):
    """What follows from an attempt."""

    LOCKED = "locked"
    UNFINISHED = "unfinished"
    FAILED = "failed"


def judge(locking: Locking, *, pushed_at: datetime, now: datetime) -> Verdict:
    """Tell whether an attempt is complete, to be continued, or can never be completed as things are."""
    if locking.finished:
        return Verdict.LOCKED
    if locking.exceeded or any(_is_final(failure, age=now - pushed_at) for failure in locking.failures):
        return Verdict.FAILED
    return Verdict.UNFINISHED


def _is_final(failure: Failure, *, age: timedelta) -> bool:
    return not failure.transient or (failure.missing and age > YOUNG)
