"""What people may expect of a repository in which they act: facts in dicts, with no line of the app's own reckoning.

A target is a tag by its name, or a manifest by its digest. Attributes are named as people say them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

Off = frozenset[str]
NOTHING: Off = frozenset()
DELETE: Off = frozenset({"delete"})
WRITE_AND_DELETE: Off = frozenset({"write", "delete"})
READ_AND_DELETE: Off = frozenset({"read", "delete"})


@dataclass
class Grant:
    """One unlock: until when, and how each target of it shows meanwhile."""

    tag: str
    root: str
    began: datetime
    ends: datetime
    shows: dict[str, Off]


@dataclass(frozen=True)
class Hold:
    """One hold: what it turned off on which targets; its tag, or its root when it is about a digest."""

    about: str
    off: Mapping[str, Off]


@dataclass
class Facts:
    """One repository as it should be."""

    children: Mapping[str, tuple[str, ...]]
    """What each index of the test names."""
    tags: dict[str, str] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    base: dict[str, Off] = field(default_factory=dict)
    """Off were there no quarantine, hold and grant."""
    releases: dict[str, str] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    """Manifests that were locked for a release, until somebody retires or replaces it."""
    workloads: dict[str, str] = field(default_factory=dict)
    """What each workload runs."""
    given_up: set[str] = field(default_factory=set)
    """Tags that were retired and not pushed since."""
    quarantines: dict[str, str] = field(default_factory=dict)
    """The roots of open quarantines, by act."""
    holds: dict[str, Hold] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)
    """Pushed releases that wait, as due work, for something of them that is unlocked."""
    suspended: set[str] = field(default_factory=set)
    """Tags that a rule protects and that were pushed while they were unlocked."""
    meddled: set[str] = field(default_factory=set)
    """What an outsider changed under an act: nothing is promised until it is made good."""
    loosened: set[str] = field(default_factory=set)
    """What an outsider unlocked where no act was: drift, until an audit or a lock."""

    # -- looking ----------------------------------------------------------------------------------------------------

    def closure(self, root: str) -> set[str]:
        """Return what a root reaches and is there."""
        return {digest for digest in self.reach([root]) if digest in self.present}

    def reach(self, roots: Iterable[str]) -> set[str]:
        """Return all that roots reach, whether it is there or not."""
        found: set[str] = set()
        left = list(roots)
        while left:
            digest = left.pop()
            if digest not in found:
                found.add(digest)
                left += self.children.get(digest, ())
        return found

    def targets(self) -> Iterator[str]:
        """Return every tag and manifest that is there."""
        yield from sorted(self.tags)
        yield from sorted(self.present)

    def quarantined(self, target: str) -> Off:
        """Return what open quarantines want off on a target: read and delete, or nothing."""
        digest = self.tags.get(target, target)
        return READ_AND_DELETE if digest in self.reach(self.quarantines.values()) else NOTHING

    def held(self, target: str) -> Off:
        """Return what open holds want off on a target."""
        return NOTHING.union(*(hold.off.get(target, NOTHING) for hold in self.holds.values()))

    def grant_of(self, target: str) -> Grant | None:
        """Return the unlock that a target is under."""
        return next((grant for grant in self.grants.values() if target in grant.shows), None)

    def covered(self, target: str) -> bool:
        """Tell whether a quarantine or a hold is on a target."""
        return bool(self.quarantined(target)) or any(target in hold.off for hold in self.holds.values())

    def recorded(self, target: str) -> Off:
        """Return what releases want off on a target."""
        if target in self.tags:
            return WRITE_AND_DELETE if target in self.releases else NOTHING
        return DELETE if target in self.locked or target in self.reach(self.releases.values()) else NOTHING

    def may_wait(self, target: str) -> bool:
        """Tell whether a target's lock is due work, so that the end of an act may turn it on until then."""
        return any(target == tag or target in self.closure(root) for tag, root in self.pending.items())

    def expected(self, target: str) -> Off:
        """Return what must be off on a target, and nothing else may."""
        grant = self.grant_of(target)
        rest = grant.shows[target] if grant is not None else self.base.get(target, NOTHING) | self.held(target)
        return rest | self.quarantined(target)

    def kept(self, tag: str, root: str) -> set[str]:
        """Return the targets of an image that somebody else wants as they are."""
        closure = self.closure(root)
        roots = {digest for digest in self.workloads.values() if digest != root}
        roots |= {digest for digest in self.locked if digest in self.children and digest not in closure}
        roots |= {digest for name, digest in self.releases.items() if name != tag}
        others = self.reach(roots)
        return {each for each in (tag, *closure) if each in others or self.covered(each) or self.grant_of(each)}

    # -- what people do ---------------------------------------------------------------------------------------------

    def released(self, tag: str, digest: str) -> None:
        """A release was locked, apart from what is unlocked for a time."""
        self.given_up.discard(tag)
        self.releases[tag] = digest
        self.lock_also(tag, WRITE_AND_DELETE)
        for each in self.closure(digest):
            self.locked.add(each)
            self.lock_also(each, DELETE)

    def pushed(self, tag: str, digest: str) -> None:
        """The rules looked at a tag that they protect."""
        if self.grant_of(tag) is not None:
            self.suspended.add(tag)
        elif any(self.grant_of(each) for each in self.closure(digest)):
            self.waits(tag, digest)
        else:
            self.released(tag, digest)

    def waits(self, tag: str, digest: str) -> None:
        """A release was pushed of which something is unlocked: the rest is locked, all of it later.

        An index is never locked over a child that is not.
        """
        self.pending[tag] = digest
        self.lock_also(tag, WRITE_AND_DELETE)
        for each in self.closure(digest):
            if not any(self.grant_of(below) for below in self.closure(each)):
                self.lock_also(each, DELETE)

    def lock_also(self, target: str, off: Off) -> None:
        """More is off on a target, whatever was."""
        self.base[target] = self.base.get(target, NOTHING) | off
        self.loosened.discard(target)

    def restored(self, targets: Iterable[str], *, exactly: bool) -> None:
        """A quarantine or hold ended on these targets: what releases want is wanted now."""
        for target in targets:
            if self.grant_of(target) is None:
                self.lock_also(target, self.recorded(target))
            if exactly:
                self.meddled.discard(target)

    def unlocked(self, grant: Grant, act: str) -> None:
        """A grant began on what nobody else wants."""
        kept = self.kept(grant.tag, grant.root)
        targets = {grant.tag, *self.closure(grant.root)} - kept
        grant.shows |= {target: self.expected(target) - WRITE_AND_DELETE for target in targets}
        self.grants[act] = grant

    def relocked(self, act: str) -> None:
        """A grant ended: its targets are as before, or the tag moved and its new digest is the release."""
        grant = self.grants.pop(act)
        now_at = self.tags.get(grant.tag)
        left: set[str] = set()
        if grant.tag in grant.shows and now_at is not None and grant.tag not in self.releases:
            if grant.tag in self.suspended:
                self.pushed(grant.tag, now_at)
        elif grant.tag in grant.shows and now_at not in (None, grant.root):
            self.released(grant.tag, str(now_at))
            old = {each for each in grant.shows if each != grant.tag}
            roots = {digest for digest in self.locked if digest in self.children and digest not in old}
            still = self.reach(roots | set(self.workloads.values()) | set(self.releases.values()))
            left = {each for each in old if each not in still and not self.covered(each)}
        self.suspended.discard(grant.tag)
        for target, shown in grant.shows.items():
            if target in left:
                self.base[target] = shown
                self.locked.discard(target)
            else:
                self.lock_also(target, self.recorded(target))

    def retired(self, tag: str, root: str) -> None:
        """A release was given up: what nobody else wants of it is open."""
        kept = self.kept(tag, root)
        for target in {tag, *self.closure(root)} - kept:
            self.base[target] = self.base.get(target, NOTHING) - WRITE_AND_DELETE
            self.locked.discard(target)
            self.loosened.discard(target)
        if tag not in kept:
            self.releases.pop(tag, None)
            self.given_up.add(tag)

    def gone(self, target: str) -> None:
        """A tag or manifest was deleted."""
        self.tags.pop(target, None)
        self.present.discard(target)
        self.base.pop(target, None)
        self.meddled.discard(target)
        self.loosened.discard(target)
