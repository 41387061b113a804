"""What the marks of people's acts mean for an image that is about to be locked, because it was pushed or runs."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from taglock.domain.acts.act import ActKind
from taglock.domain.acts.marks import Marks, RepositoryMarks, Retired
from taglock.domain.event import ImagePushed
from taglock.domain.reference import Digest, Target, TargetKind, manifest_target, repository_target, tag_target
from taglock.domain.subject import ImageRuns, Subject

UNDOING = timedelta(seconds=30)
"""How long what is being undone takes, unless something fails."""


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """An image that is about to be locked, and all marks in its repository."""

    subject: Subject
    marks: RepositoryMarks = RepositoryMarks()

    # -- quarantines --------------------------------------------------------------------------------------------------

    @property
    def unsettled(self) -> bool:
        """Whether the pushed tag may belong to other quarantines than it is in: to exactly those of its digest.

        The event may be late, so only the registry can tell where the tag points by now.
        """
        if not isinstance(self.subject, ImagePushed) or self._tag is None:
            return False
        if self._root is None:
            return any(_quarantines(marks) for marks in self.marks.by_target.values())
        return self._acts_on(self._root) != self._acts_on(self._tag)

    @property
    def runs_quarantined(self) -> tuple[str, ...]:
        """The quarantines of the digest that runs, by the ids of their acts."""
        return tuple(sorted(self._acts_on(self._root))) if isinstance(self.subject, ImageRuns) else ()

    # -- what is being undone -----------------------------------------------------------------------------------------

    @property
    def undone(self) -> bool:
        """Whether an act on the image is being undone just now: the lock has to wait, and look again."""
        return any(marks.loosening for marks in self._marks_of(self._root, self._own_tag))

    # -- grants -------------------------------------------------------------------------------------------------------

    @property
    def suspended_until(self) -> datetime | None:
        """Until when a pushed tag is unlocked; None when it is not. The end of that locks what it points to then."""
        found = [marks.grant.expires_at for marks in self._marks_of(self._own_tag) if marks.grant is not None]
        return found[0] if found else None

    @property
    def suspended_tag(self) -> Target | None:
        """The tag of an image that runs, while that tag is unlocked or an act on it is being undone."""
        if not isinstance(self.subject, ImageRuns):
            return None
        held = any(marks.grant is not None or marks.loosening for marks in self._marks_of(self._tag))
        return self._tag if held else None

    @property
    def suspended(self) -> frozenset[Digest]:
        """The manifests that are unlocked, or on which an act is being undone."""
        undone = [target for target, marks in self.marks.by_target.items() if marks.loosening]
        return self.marks.granted_manifests.union(
            Digest(target.name) for target in undone if target.kind is TargetKind.MANIFEST
        )

    @property
    def repository_suspended(self) -> bool:
        """Whether the repository's own attributes are unlocked, given up, or being undone."""
        own = self._marks_of(repository_target(self.subject.registry, self.subject.repository))
        return any(marks.grant is not None or marks.retired is not None or marks.loosening for marks in own)

    def unmarked(self, digests: Iterable[Digest]) -> Sequence[Digest]:
        """Return the manifests without any mark: what is marked may have been unlocked since it was proved."""
        place = (self.subject.registry, self.subject.repository)
        return [digest for digest in digests if self.marks.of(manifest_target(*place, digest)) is None]

    def seconds_until_free(self, targets: Iterable[Target], now: datetime) -> float:
        """Return how long to wait for suspended targets: to the end of the last grant, and for that to be made."""
        ends = [marks.grant.expires_at for marks in self._marks_of(*targets) if marks.grant is not None]
        return max((UNDOING, *(end - now + UNDOING for end in ends))).total_seconds()

    # -- what was given up --------------------------------------------------------------------------------------------

    @property
    def retired(self) -> Retired | None:
        """The retirement that rules the image out, unless it came back since: of a pushed tag, else of the digest."""
        found = [marks.retired for marks in self._marks_of(self._own_tag or self._root) if marks.retired is not None]
        return found[0] if found and self._is_outdated(found[0]) else None

    @property
    def another_digest(self) -> bool:
        """Whether a tag that was retired is told to point elsewhere: an old event, or a new release by a slow clock."""
        if self.retired is None or self.retired.digest is None or self.subject.digest is None:
            return False
        return self.subject.digest != self.retired.digest

    @property
    def tag_is_retired(self) -> bool:
        """Whether the tag of an image that runs was given up since it was deployed."""
        if not isinstance(self.subject, ImageRuns):
            return False
        found = [marks.retired for marks in self._marks_of(self._tag)]
        return any(each is not None and self._is_outdated(each) for each in found)

    def _is_outdated(self, retired: Retired) -> bool:
        return self.subject.occurred_at <= retired.at

    # -- targets ------------------------------------------------------------------------------------------------------

    @property
    def _tag(self) -> Target | None:
        about = self.subject
        return tag_target(about.registry, about.repository, about.tag) if about.tag is not None else None

    @property
    def _own_tag(self) -> Target | None:
        """The tag that was pushed; a deployment is about its digest."""
        return self._tag if isinstance(self.subject, ImagePushed) else None

    @property
    def _root(self) -> Target | None:
        about = self.subject
        return manifest_target(about.registry, about.repository, about.digest) if about.digest is not None else None

    def _marks_of(self, *targets: Target | None) -> list[Marks]:
        found = [self.marks.of(target) for target in targets if target is not None]
        return [marks for marks in found if marks is not None]

    def _acts_on(self, target: Target | None) -> set[str]:
        return {act for marks in self._marks_of(target) for act in _quarantines(marks)}


def _quarantines(marks: Marks) -> set[str]:
    return {want.act for want in marks.wants if want.kind is ActKind.QUARANTINE and not want.ending}
