"""What the ledger remembers of an image: one read before the first request, and the proofs of an earlier attempt."""

from collections.abc import Iterable, Sequence
from copy import replace

import msgspec

from taglock.domain.attempt import Known
from taglock.domain.closure import is_index
from taglock.domain.deployment import ResourceChanged
from taglock.domain.ledger import (
    ActDue,
    DueWork,
    Finding,
    FindingKind,
    ProvenManifest,
    Release,
    Stored,
    due_key,
    finding_key,
    manifest_key,
    release_key,
    restored,
)
from taglock.domain.plan import LockPlan
from taglock.domain.reference import Digest, tag_target
from taglock.domain.row import Row, RowKey
from taglock.domain.subject import ImageRuns, Subject
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerError


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What was known, and what could not be read."""

    known: Known
    problems: tuple[str, ...] = ()


async def recall_known(app: Enforcement, subject: Subject, due: DueWork | None) -> Memory:
    """Read the due work, the findings and the release of an image in one go.

    When the ledger does not answer, nothing is known: lock first, the write afterwards tells.
    """
    try:
        due_row, unknown_row, failed_row, unresolved_row, proof_row, *tagged = await app.rows.read(_keys(subject))
    except LedgerError as error:
        return Memory(known=Known(due=due), problems=(str(error),))
    moved_row, release_row = tagged or (None, None)
    problems: list[str] = []
    found = [_restored(Finding, row, problems) for row in (unknown_row, failed_row, unresolved_row, moved_row)]
    known = Known(
        release=_restored(Release, release_row, problems),
        release_version=release_row.version if release_row is not None else None,
        proof=_restored(ProvenManifest, proof_row, problems),
        due=due or _restored(DueWork, due_row, problems),
        open_findings=tuple(finding for finding in found if finding is not None and finding.closed_at is None),
    )
    return Memory(known=known, problems=tuple(problems))


def _keys(subject: Subject) -> list[RowKey]:
    keys = [
        due_key(subject),
        finding_key(FindingKind.CLOSURE_UNKNOWN, subject.registry, subject.image),
        finding_key(FindingKind.LOCK_FAILED, subject.registry, subject.image),
        finding_key(FindingKind.LOCK_FAILED, subject.registry, _before_resolving(subject)),
        manifest_key(subject.registry, subject.repository, subject.digest or Digest("")),
    ]
    if subject.tag is not None:
        moved = str(tag_target(subject.registry, subject.repository, subject.tag))
        keys.append(finding_key(FindingKind.TAG_MOVED, subject.registry, moved))
        keys.append(release_key(subject.registry, subject.repository, subject.tag))
    return keys


def _before_resolving(subject: Subject) -> str:
    """Return the image as it was named while nobody had told what its tag points to."""
    return replace(subject, digest=None).image if isinstance(subject, ImageRuns) and subject.resolved else subject.image


def _restored[T: Stored](kind: type[T], row: Row | None, problems: list[str]) -> T | None:
    """Return the row's value; a row that cannot be read counts as none, is told of, and will be written anew."""
    try:
        return restored(kind, row.body) if row is not None else None
    except LedgerError as error:
        problems.append(str(error))
        return None


async def recall_proofs(app: Enforcement, plan: LockPlan, due: DueWork, digests: Sequence[Digest]) -> Iterable[Digest]:
    """Return those manifests that an earlier attempt of this work has proved. Never indexes (see ClosureWalk)."""
    subject = due.subject
    assert not isinstance(subject, ResourceChanged | ActDue)  # a resource is read, an act has targets of its own
    try:
        rows = await app.rows.read([manifest_key(subject.registry, subject.repository, digest) for digest in digests])
        proofs = [restored(ProvenManifest, row.body) for row in rows if row is not None]
    except LedgerError:
        return []  # what is not recalled is proved again
    return [proof.digest for proof in proofs if _still_counts(proof, plan, due)]


def _still_counts(proof: ProvenManifest, plan: LockPlan, due: DueWork) -> bool:
    same_work = proof.mode is plan.mode and proof.proven_at >= due.created_at
    return same_work and plan.manifest_off <= proof.off and not is_index(proof.media_type)
