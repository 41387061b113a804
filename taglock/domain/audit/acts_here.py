"""What people's acts mean for the audit of one repository: what it leaves alone, and what they want off."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from taglock.domain.acts.act import ActKind
from taglock.domain.acts.marks import Marks, RepositoryMarks, Want
from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.ledger import ProvenManifest, Release
from taglock.domain.listing import ListedTag
from taglock.domain.reference import (
    Digest,
    LoginServer,
    Repository,
    Tag,
    Target,
    TargetKind,
    manifest_target,
    repository_target,
    tag_target,
)


class Straying(StrEnum):
    """How a target is not as an act wants it."""

    LOOSE = "loose"  # what the act turned off is on
    OUTSIDE = "outside"  # a tag points at a quarantined manifest and is no part of the quarantine
    STAYED = "stayed"  # a tag points elsewhere by now and still is a part of the quarantine


class Strayed(msgspec.Struct, frozen=True, kw_only=True):
    """One target that is not as one open quarantine or hold wants it."""

    straying: Straying
    target: Target
    want: Want
    off: Off
    """What it shows off."""
    digest: Digest | None = None
    """Where a tag points."""


class ActsHere:
    """The marks of one repository, as an audit asks for them."""

    def __init__(self, registry: LoginServer, repository: Repository, marks: RepositoryMarks) -> None:
        self._registry = registry
        self._repository = repository
        self._marks = marks
        by_target = marks.by_target.items()
        self._tags = {target.name: each for target, each in by_target if target.kind is TargetKind.TAG}
        self._manifests = {target.name: each for target, each in by_target if target.kind is TargetKind.MANIFEST}
        self._own = marks.of(repository_target(registry, repository))
        self._unseen = {target for target, each in by_target if _in_effect(each)}

    # -- what is left alone -----------------------------------------------------------------------------------------

    def spares_tag(self, name: Tag, digest: Digest | None, release: Release | None) -> bool:
        """Tell whether nothing is expected of a tag: it is unlocked for a time, or was given up and not pushed since.

        `digest` is where it points, None when it is gone.
        """
        marks = self._tags.get(name)
        if marks is None or marks.grant is not None:
            return marks is not None
        retired = marks.retired
        if retired is None or (digest is not None and retired.digest not in (None, digest)):
            return False
        return release is None or release.locked_at <= retired.at

    def spares_manifest(self, digest: Digest, proof: ProvenManifest | None) -> bool:
        """Tell the same of a manifest by itself; an image that needs it may expect more (see `is_granted`)."""
        marks = self._manifests.get(digest)
        if marks is None or marks.grant is not None:
            return marks is not None
        return marks.retired is not None and (proof is None or proof.proven_at <= marks.retired.at)

    def is_granted(self, digest: Digest) -> bool:
        """Tell whether a manifest is unlocked for a time; what needs it has to wait for the end of that."""
        marks = self._manifests.get(digest)
        return marks is not None and marks.grant is not None

    def not_granted(self, lacking: Sequence[str]) -> list[str]:
        """Return digests without those unlocked for a time; what is gone has ` (gone)` behind its digest."""
        return [each for each in lacking if not self.is_granted(Digest(each.partition(" ")[0]))]

    @property
    def spares_repository(self) -> bool:
        """Whether nothing is expected of the repository's own attributes."""
        return self._own is not None and (self._own.grant is not None or self._own.retired is not None)

    @property
    def granted_manifests(self) -> frozenset[Digest]:
        """The manifests that are unlocked for a time."""
        return self._marks.granted_manifests

    @property
    def has_grants(self) -> bool:
        """Whether anything in the repository is unlocked for a time."""
        return bool(self._marks.granted)

    def spared_since(self, moment: datetime) -> dict[Target, str]:
        """Return why each target is to be left alone that is unlocked now or was given up after a moment."""
        spared: dict[Target, str] = {}
        for target, marks in self._marks.by_target.items():
            if marks.grant is not None:
                spared[target] = (
                    f"unlocked until {marks.grant.expires_at:%Y-%m-%dT%H:%M:%SZ} by unlock {marks.grant.act}"
                )
            elif marks.retired is not None and marks.retired.at >= moment:
                spared[target] = f"given up by retire {marks.retired.act}"
        return spared

    # -- what acts turned off ---------------------------------------------------------------------------------------

    def off_tag(self, name: Tag) -> Off:
        """Return what only acts turned off on a tag."""
        return _off_by(self._tags.get(name))

    def off_manifest(self, digest: Digest) -> Off:
        """Return what only acts turned off on a manifest."""
        return _off_by(self._manifests.get(digest))

    @property
    def off_repository(self) -> Off:
        """What only acts turned off of the repository's own attributes."""
        return _off_by(self._own)

    # -- what is not as acts want it --------------------------------------------------------------------------------

    def tag(self, tag: ListedTag) -> list[Strayed]:
        """Return what is not as it should be of a tag by itself."""
        marks = self._tags.get(tag.name)
        if marks is None:
            return []
        return self._loose(tag_target(self._registry, self._repository, tag.name), marks, tag.off)

    def manifest(self, digest: Digest, off: Off) -> list[Strayed]:
        """Return what is not as it should be of a manifest."""
        marks = self._manifests.get(digest)
        if marks is None:
            return []
        return self._loose(manifest_target(self._registry, self._repository, digest), marks, off)

    def repository(self, off: Off) -> list[Strayed]:
        """Return what is not as it should be of the repository's own attributes."""
        if self._own is None:
            return []
        return self._loose(self._own.target, self._own, off)

    def image(self, name: Tag, digest: Digest, off: Off) -> list[Strayed]:
        """Return which quarantines a tag should be a part of, and which not, as it points at this manifest."""
        of_tag, of_manifest = self._tags.get(name), self._manifests.get(digest)
        if of_tag is None and of_manifest is None:
            return []
        present, wanted = _quarantines(of_tag), _quarantines(of_manifest)
        target = tag_target(self._registry, self._repository, name)
        found = [(Straying.OUTSIDE, want) for act, want in wanted.items() if act not in present]
        found += [(Straying.STAYED, want) for act, want in present.items() if act not in wanted]
        return [Strayed(straying=how, target=target, want=want, off=off, digest=digest) for how, want in found]

    def still(self, strayed: Strayed) -> bool:
        """Tell whether marks that were read later say the same of a target."""
        if strayed.straying is Straying.LOOSE:
            marks = self._marks.of(strayed.target)
            return any(want.act == strayed.want.act for want in _in_effect(marks))
        assert strayed.digest is not None  # it is about a tag, and where that points
        found = self.image(Tag(strayed.target.name), strayed.digest, strayed.off)
        return any((each.straying, each.want.act) == (strayed.straying, strayed.want.act) for each in found)

    # -- what no listing showed -------------------------------------------------------------------------------------

    @property
    def unseen_tags(self) -> list[Tag]:
        """Tags that an act wants something of and that did not come."""
        return [Tag(target.name) for target in self._unseen if target.kind is TargetKind.TAG]

    @property
    def unseen_manifests(self) -> list[Digest]:
        """Manifests that an act wants something of and that did not come."""
        return [Digest(target.name) for target in self._unseen if target.kind is TargetKind.MANIFEST]

    def _loose(self, target: Target, marks: Marks, off: Off) -> list[Strayed]:
        self._unseen.discard(target)
        loose = [want for want in _in_effect(marks) if not want.off <= off]
        return [Strayed(straying=Straying.LOOSE, target=target, want=want, off=off) for want in loose]


def _in_effect(marks: Marks | None) -> list[Want]:
    """Return what open quarantines and holds want now; a grant suspends holds (taglock.domain.acts.wanted)."""
    if marks is None:
        return []
    unlocked = marks.grant is not None
    return [want for want in marks.wants if not want.ending and not (unlocked and want.kind is ActKind.HOLD)]


def _quarantines(marks: Marks | None) -> dict[str, Want]:
    return {want.act: want for want in _in_effect(marks) if want.kind is ActKind.QUARANTINE}


def _off_by(marks: Marks | None) -> Off:
    return (marks.quarantined | marks.held) - marks.prior if marks is not None else NOTHING_OFF
