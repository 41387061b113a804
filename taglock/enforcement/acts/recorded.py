"""Ask the ledger what releases, deployments and the rules behind them want of targets: what is recorded as locked.

It never asks the rule file, so that a broken one keeps nobody from acting; a rule change never loosens anyway.
"""

from collections.abc import Mapping, Sequence

from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.ledger import (
    ProvenManifest,
    ProvenRepository,
    Release,
    manifest_key,
    release_key,
    repository_key,
    restored,
)
from taglock.domain.reference import Digest, Tag, Target, TargetKind
from taglock.domain.row import Row, RowKey
from taglock.domain.rule import Mode
from taglock.ports import RowStore

READ_AT_ONCE = 500


async def recorded_locks(rows: RowStore, targets: Sequence[Target]) -> Mapping[Target, Off]:
    """Return what must be off on each target by what was locked in enforce mode; raises LedgerError."""
    found: dict[Target, Off] = {}
    for start in range(0, len(targets), READ_AT_ONCE):
        part = targets[start : start + READ_AT_ONCE]
        held = await rows.read([_key(target) for target in part])
        found |= {target: _locked(target, row) for target, row in zip(part, held, strict=True)}
    return found


def _key(target: Target) -> RowKey:
    match target.kind:
        case TargetKind.TAG:
            return release_key(target.registry, target.repository, Tag(target.name))
        case TargetKind.MANIFEST:
            return manifest_key(target.registry, target.repository, Digest(target.name))
        case TargetKind.REPOSITORY:
            return repository_key(target.registry, target.repository)


def _locked(target: Target, row: Row | None) -> Off:
    if row is None:
        return NOTHING_OFF
    if target.kind is TargetKind.TAG:
        release = restored(Release, row.body)
        return release.tag_off if release.mode is Mode.ENFORCE else NOTHING_OFF
    if target.kind is TargetKind.MANIFEST:
        manifest = restored(ProvenManifest, row.body)
        return manifest.off if manifest.mode is Mode.ENFORCE else NOTHING_OFF
    proof = restored(ProvenRepository, row.body)
    return proof.off if proof.mode is Mode.ENFORCE else NOTHING_OFF
