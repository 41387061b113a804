"""A tag that moved while it was unlocked: what it points to now becomes the release, the old digest is let go.

The old digest's manifests are locked again only where something else still wants them (docs/decisions/acts.md).
"""

from collections.abc import Mapping, Sequence
from copy import replace

import msgspec

from taglock.domain.acts.act import Act, ActTarget, Outcome
from taglock.domain.acts.claims import Concern
from taglock.domain.event import ImagePushed
from taglock.domain.ledger import Release, manifest_key
from taglock.domain.reference import Digest, Tag, Target, TargetKind, manifest_target
from taglock.domain.row import Change, Delete
from taglock.domain.rule import Mode
from taglock.domain.state import TagState
from taglock.enforcement.acts.releasing import (
    NewRelease,
    lock_release,
    moved_finding,
    plan_as_recorded,
    release_rows,
    why_not_released,
)
from taglock.enforcement.acts.wanting import RepositoryRows, kept_by_others, repository_rows, running_in
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write

WAITS = "waits until what the tag points to now is locked"


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """What a tag that moved leaves of a grant."""

    settled: Mapping[Target, ActTarget]
    """What is not to be locked as it was: the tag itself, and manifests that nothing wants any more."""
    reason: str = ""
    """Why the new digest is not locked yet."""
    digest: Digest
    """Where the tag points now."""
    push: ImagePushed | None = None
    """For a tag that was no release: the rules are to look at what it points to now, as at any push."""


async def replaced_release(
    app: Enforcement, act: Act, known: tuple[RepositoryRows, Sequence[ActTarget], TagState], *, deadline: float
) -> Replaced:
    """Lock and record what a tag points to now, and tell what of the old digest is let go.

    `known` are the rows, the targets that have the grant, and the tag. Raises LedgerError and RegistryError.
    """
    rows, targets, tag = known
    release = rows.releases.get(Tag(tag.target.name))
    if release is None or release.mode is not Mode.ENFORCE:
        return Replaced(settled={}, digest=tag.digest, push=_push(act, tag))
    new = NewRelease(
        registry=release.registry,
        repository=release.repository,
        tag=release.tag,
        digest=tag.digest,
        plan=plan_as_recorded(app, release.rule, tag_off=release.tag_off, manifest_off=release.manifest_off),
    )
    locking = await lock_release(app, new, deadline=deadline)
    reason = why_not_released(new, locking)
    if reason:
        waiting = {each.target: replace(each, outcome=Outcome.WAITING, message=WAITS) for each in targets}
        return Replaced(settled=waiting, reason=reason, digest=tag.digest)
    moved = await moved_finding(app, new.registry, new.repository, new.tag)
    await write(app, release_rows(app, act, new, (locking, rows, moved)))
    locked = {digest for digest, _ in (*locking.applied, *locking.already)}
    return await _let_go(app, release, (targets, tag, locked))


def _push(act: Act, tag: TagState) -> ImagePushed:
    return ImagePushed(
        registry=tag.target.registry,
        repository=tag.target.repository,
        tag=Tag(tag.target.name),
        digest=tag.digest,
        media_type=None,
        event_id=f"act/{act.id}",
        occurred_at=tag.updated_at,
    )


async def _let_go(
    app: Enforcement, release: Release, known: tuple[Sequence[ActTarget], TagState, set[Digest]]
) -> Replaced:
    targets, tag, locked = known
    home = (release.registry, release.repository)
    rows = await repository_rows(app, *home)
    closure = frozenset(Digest(each.target.name) for each in targets if each.target.kind is TargetKind.MANIFEST)
    running = await running_in(app, *home)
    nothing_own = Concern(tag=None, root=None, closure=closure, since=app.clock.now())
    wanted = await kept_by_others(app, home, nothing_own, (rows, running))
    still = {manifest_target(*home, digest) for digest in (*wanted, *locked)}
    still |= {each.target for each in targets if (marks := rows.marks(each.target)) is not None and marks.wants}
    message = f"{tag.target.name} points to {tag.digest} now, and nothing else wants it"
    left = [each for each in targets if each.target.kind is TargetKind.MANIFEST and each.target not in still]
    await write(app, _unproved(rows, left))
    settled = {each.target: replace(each, outcome=Outcome.LEFT, message=message) for each in left}
    own = next(each for each in targets if each.target == tag.target)
    shown = replace(own, outcome=Outcome.RESTORED, message=f"points to {tag.digest} now, which is the release")
    return Replaced(settled={**settled, own.target: shown}, digest=tag.digest)


def _unproved(rows: RepositoryRows, targets: Sequence[ActTarget]) -> list[Change]:
    """Return what ends the record that manifests are locked."""
    return [
        Delete(manifest_key(each.target.registry, each.target.repository, Digest(each.target.name)))
        for each in targets
        if Digest(each.target.name) in rows.proofs
    ]
