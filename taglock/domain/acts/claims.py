"""Who else wants a manifest that a person unlocks: what other releases, indexes and workloads reach stays locked."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from taglock.domain.acts.marks import Marks
from taglock.domain.attributes import Attribute, Off
from taglock.domain.closure import is_index
from taglock.domain.ledger import ProvenManifest, Release
from taglock.domain.reference import Digest, Tag
from taglock.domain.rule import Mode

UNLOCKED: Off = frozenset({Attribute.WRITE, Attribute.DELETE})
"""What an unlock turns on at least, whoever turned it off."""
DEEPEST = 64
"""Indexes within indexes; deeper ones, which nobody builds, count as equally deep."""


def turned_on(observed: Off, *, recorded: Off) -> Off:
    """Return what an unlock turns on: what the lock turned off, as far as it is off, and never read."""
    return ((recorded | UNLOCKED) & observed) - {Attribute.READ}


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """What a loosening act is about, so that nobody else is taken for its own release."""

    tag: Tag | None
    root: Digest | None
    closure: frozenset[Digest]
    since: datetime
    """What was recorded for the same tag later is another release."""

    def is_own(self, release: Release) -> bool:
        """Tell whether a release is the one that the act is about."""
        return release.tag == self.tag and release.locked_at <= self.since


def other_roots(
    concern: Concern, releases: Iterable[Release], proofs: Iterable[ProvenManifest], running: Mapping[Digest, str]
) -> dict[Digest, str]:
    """Return from where others reach manifests, and why: other releases, locked indexes, and what runs.

    What runs the image itself is no other: an unlock of that is refused, or forced.
    """
    roots = {digest: f"{workload} runs it" for digest, workload in running.items() if digest != concern.root}
    for proof in proofs:
        if proof.mode is Mode.ENFORCE and proof.digest not in concern.closure and _may_be_index(proof):
            roots.setdefault(proof.digest, f"{proof.digest}, which rule {proof.rule!r} locks, names it")
    for release in releases:
        if release.mode is Mode.ENFORCE and not concern.is_own(release):
            roots[release.digest] = f"the release {release.tag} needs it"
    return roots


def _may_be_index(proof: ProvenManifest) -> bool:
    return not proof.media_type or is_index(proof.media_type)


def reached(roots: Mapping[Digest, str], children: Mapping[Digest, Sequence[Digest]]) -> dict[Digest, str]:
    """Return all that roots reach by the children that are known, each with the reason of a root."""
    found: dict[Digest, str] = {}
    left = list(roots.items())
    while left:
        digest, reason = left.pop()
        if digest not in found:
            found[digest] = reason
            left += [(child, reason) for child in children.get(digest, ())]
    return found


def depths(root: Digest, children: Mapping[Digest, Sequence[Digest]]) -> dict[Digest, int]:
    """Return how far below a root each manifest lies at most, so that no manifest lies above what names it."""
    found = {root: 0}
    level = {root}
    for depth in range(1, DEEPEST):
        level = {child for digest in level for child in children.get(digest, ())} - {root}
        if not level:
            break
        found |= dict.fromkeys(level, depth)
    return found


def mark_reason(marks: Marks | None, act: str) -> str:
    """Return why the marks of others keep a target as it is, '' when none does."""
    if marks is None:
        return ""
    wants = [want for want in marks.wants if want.act != act]
    if wants:
        return f"{wants[0].kind} {wants[0].act} wants it"
    if marks.grant is not None and marks.grant.act != act:
        return f"it is unlocked already, until {marks.grant.expires_at.isoformat()} by {marks.grant.act}"
    return ""
