"""Ask the ledger of a repository who else wants what a person unlocks; what the ledger cannot tell is read.

One scan of the repository's partition tells releases, proofs, marks and the children of indexes. Only where a locked
index is known without its children is the registry asked, and the answer is kept: it is true for ever.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from taglock.domain.acts.claims import Concern, mark_reason, other_roots, reached
from taglock.domain.acts.marks import MARK_PREFIX, Marks
from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.audit.rows import INDEX_PREFIX, MANIFEST_PREFIX, RELEASE_PREFIX, IndexChildren
from taglock.domain.closure import is_index
from taglock.domain.ledger import (
    ProvenManifest,
    ProvenRepository,
    Release,
    image_partition,
    repository_key,
    restored,
)
from taglock.domain.record import children_row
from taglock.domain.reference import Digest, LoginServer, Repository, Tag, Target, TargetKind, manifest_target
from taglock.domain.row import Row, Upsert
from taglock.domain.rule import Mode
from taglock.enforcement.acts.storing import HeldMarks
from taglock.enforcement.acts.survey import Surveyed, survey_level
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deployments import workloads
from taglock.enforcement.recording import write
from taglock.errors import NotFound

PAGE = 1000


class RepositoryRows(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger holds about one repository."""

    releases: Mapping[Tag, Release]
    versions: Mapping[Tag, str]
    """Of the releases' rows."""
    proofs: Mapping[Digest, ProvenManifest]
    children: Mapping[Digest, tuple[Digest, ...]]
    held: Mapping[Target, HeldMarks]
    own: ProvenRepository | None

    def marks(self, target: Target) -> Marks | None:
        """Return the marks on a target."""
        held = self.held.get(target)
        return held.marks if held is not None else None

    def locked(self, target: Target) -> Off:
        """Return what is recorded as locked in enforce mode."""
        proof: Release | ProvenManifest | ProvenRepository | None
        match target.kind:
            case TargetKind.TAG:
                release = self.releases.get(Tag(target.name))
                return release.tag_off if release is not None and release.mode is Mode.ENFORCE else NOTHING_OFF
            case TargetKind.MANIFEST:
                proof = self.proofs.get(Digest(target.name))
            case TargetKind.REPOSITORY:
                proof = self.own
        return proof.off if proof is not None and proof.mode is Mode.ENFORCE else NOTHING_OFF


async def repository_rows(app: Enforcement, registry: LoginServer, repository: Repository) -> RepositoryRows:
    """Read all that the ledger holds about a repository; raises LedgerError, also for a row that cannot be read."""
    partition, own_key = image_partition(registry, repository), repository_key(registry, repository).key
    rows = await _whole(app, partition)
    releases = [(restored(Release, row.body), row.version) for row in _with(rows, RELEASE_PREFIX)]
    marks = [HeldMarks(marks=restored(Marks, row.body), version=row.version) for row in _with(rows, MARK_PREFIX)]
    own = [restored(ProvenRepository, row.body) for row in rows if row.key.key == own_key]
    return RepositoryRows(
        releases={release.tag: release for release, _ in releases},
        versions={release.tag: version for release, version in releases},
        proofs={
            proof.digest: proof
            for proof in (restored(ProvenManifest, row.body) for row in _with(rows, MANIFEST_PREFIX))
        },
        children={
            Digest(row.key.key.removeprefix(INDEX_PREFIX)): restored(IndexChildren, row.body).children
            for row in _with(rows, INDEX_PREFIX)
        },
        held={each.marks.target: each for each in marks},
        own=own[0] if own else None,
    )


def _with(rows: Sequence[Row], prefix: str) -> Iterable[Row]:
    return (row for row in rows if row.key.key.startswith(prefix))


async def _whole(app: Enforcement, partition: str) -> list[Row]:
    found: list[Row] = []
    start = ""
    while True:
        page = await app.rows.scan(partition, start=start, limit=PAGE)
        found += page
        if len(page) < PAGE:
            return found
        start = page[-1].key.key + "\0"


async def running_in(app: Enforcement, registry: LoginServer, repository: Repository) -> Mapping[Digest, str]:
    """Return which manifests of a repository run, each with a workload that runs it; raises LedgerError."""
    found: dict[Digest, str] = {}
    async for workload in workloads(app):
        for run in workload.runs:
            if run.digest is not None and (run.image.registry, run.image.repository) == (registry, repository):
                found[run.digest] = workload.key
    return found


async def kept_by_others(
    app: Enforcement,
    place: tuple[LoginServer, Repository],
    concern: Concern,
    known: tuple[RepositoryRows, Mapping[Digest, str]],
) -> Mapping[Digest, str]:
    """Return which manifests of a closure something else wants, and what; `known` are the rows and what runs.

    Raises RegistryError when an index that may name some of them cannot be read: nobody is taken to want nothing.
    """
    rows, running = known
    roots = other_roots(concern, rows.releases.values(), rows.proofs.values(), running)
    children: dict[Digest, tuple[Digest, ...]] = dict(rows.children)
    while unknown := [digest for digest in reached(roots, children) if not _is_known(digest, children, rows)]:
        children |= await _read_children(app, place, unknown)
    found = reached(roots, children)
    return {digest: found[digest] for digest in concern.closure if digest in found}


def _is_known(digest: Digest, children: Mapping[Digest, Sequence[Digest]], rows: RepositoryRows) -> bool:
    proof = rows.proofs.get(digest)
    return digest in children or (proof is not None and bool(proof.media_type) and not is_index(proof.media_type))


async def _read_children(
    app: Enforcement, place: tuple[LoginServer, Repository], digests: Sequence[Digest]
) -> dict[Digest, tuple[Digest, ...]]:
    registry, repository = place
    found: dict[Digest, tuple[Digest, ...]] = {}
    for read in await survey_level(app.registries(registry), repository, digests):
        if isinstance(read, Surveyed) and read.children is not None:
            found[read.digest] = read.children
        elif isinstance(read.error, NotFound):
            found[read.digest] = ()  # what is gone names nothing
        else:
            assert read.error is not None
            raise read.error
    await write(app, children_rows(registry, repository, found))
    return found


def children_rows(
    registry: LoginServer, repository: Repository, children: Mapping[Digest, tuple[Digest, ...]]
) -> list[Upsert]:
    """Return the rows that keep what indexes name."""
    return [children_row(registry, repository, index, named) for index, named in children.items() if named]


def kept_by_marks(rows: RepositoryRows, targets: Iterable[Target], act: str) -> dict[Target, str]:
    """Return which targets the marks of others keep as they are, and why."""
    reasons = {target: mark_reason(rows.marks(target), act) for target in targets}
    return {target: reason for target, reason in reasons.items() if reason}


def of_manifests(registry: LoginServer, repository: Repository, reasons: Mapping[Digest, str]) -> dict[Target, str]:
    """Return the same reasons by target."""
    return {manifest_target(registry, repository, digest): reason for digest, reason in reasons.items()}
