"""What an audit knows before it looks at a repository, and the small shared values that it remembers of each tag."""

from datetime import datetime, timedelta

import msgspec

from taglock.domain.acts.act import Act
from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.audit.acts_here import Strayed
from taglock.domain.audit.rows import Planned
from taglock.domain.audit_report import Unread
from taglock.domain.ledger import Finding, FindingKind, Release, Severity
from taglock.domain.listing import ListedManifest
from taglock.domain.plan import LockPlan, plan_release
from taglock.domain.reference import Digest, LoginServer, Repository, Tag
from taglock.domain.rule import Candidate, Mode, Protect, RuleSet, Scope, decide


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One repository at one time: the rules that can apply to it, and when things count as young or old."""

    registry: LoginServer
    repository: Repository
    rules: RuleSet
    mode: Mode
    now: datetime
    """When the audit began."""
    grace: timedelta
    since: datetime
    """Since when events are watched; what moved last before is old."""
    announced: frozenset[str] = frozenset()
    """Tags whose lock is due work: an event did announce them."""

    def is_young(self, moment: datetime) -> bool:
        """Tell whether something is so new that its event may still be on its way."""
        return moment > self.now - self.grace

    def concerned(self) -> "Scene":
        """Return the scene with only those rules that can say anything about its repository: they are asked per tag."""
        rules = tuple(
            rule
            for rule in self.rules.rules
            if rule.scope is Scope.REPOSITORY or rule.applies_to(self.registry, self.repository)
        )
        return msgspec.structs.replace(self, rules=RuleSet(rules=rules, profiles=self.rules.profiles))

    def plan(self, manifest: ListedManifest, name: Tag) -> LockPlan | None:
        """Return what the rules want of a tag, None when they leave it alone."""
        decision = decide(
            self.rules,
            Candidate(
                registry=self.registry,
                repository=self.repository,
                tag=name,
                media_type=manifest.media_type,
                artifact_type=manifest.artifact_type,
            ),
        )
        return plan_release(decision.rule, mode=self.mode) if isinstance(decision, Protect) else None


class Terms(msgspec.Struct, frozen=True):
    """What an enforced release was locked with."""

    rule: str
    tag_off: Off
    manifest_off: Off

    @classmethod
    def of(cls, release: Release) -> "Terms":
        """Return the terms of a release."""
        return cls(release.rule, release.tag_off, release.manifest_off)


class TagMark(msgspec.Struct, frozen=True):
    """What is remembered of a tag between its listing and that of the manifests; equal marks are one object."""

    off: Off
    young: bool
    old: bool
    """Moved last before events were watched."""
    announced: bool
    """An event told of it, whatever came of that."""
    terms: Terms | None
    moved: bool = False
    """It points elsewhere than its release, which must not be taken for a release of its own."""
    spared: bool = False
    """A person unlocked it for a time or gave it up: nothing is expected of it."""
    by_acts: Off = NOTHING_OFF
    """What is off only because a person wants it."""


class Draft(msgspec.Struct, kw_only=True):
    """One image on its way to a judgement; children are judged when every manifest of the repository was seen."""

    tag: Tag
    digest: Digest
    mark: TagMark
    plan: LockPlan | None
    root_off: Off
    recorded: bool = False
    """`digest` is what a moved tag was locked with."""
    root_granted: bool = False
    """A person unlocked the manifest for a time: it is locked again when that ends."""

    @property
    def root_lacks(self) -> bool:
        """Whether the manifest has something on that must be off."""
        return not self.root_granted and not self.manifest_off <= self.root_off

    @property
    def manifest_off(self) -> Off:
        """What every manifest of the closure must have off."""
        terms, plan = self.mark.terms, self.plan
        wanted = terms.manifest_off if terms is not None else frozenset()
        return wanted | plan.manifest_off if plan is not None else wanted

    @property
    def tag_off(self) -> Off:
        """What the tag must have off."""
        terms, plan = self.mark.terms, self.plan
        wanted = terms.tag_off if terms is not None else frozenset()
        return wanted | plan.tag_off if plan is not None else wanted


class Judged(msgspec.Struct, kw_only=True):
    """What the judgement of one repository amounts to."""

    findings: dict[tuple[FindingKind, str], Finding] = {}
    planned: list[Planned] = []
    unread: list[Unread] = []
    remarks: list[str] = []
    protected: int = 0
    releases: int = 0
    pending: int = 0
    locked_unwitnessed: int = 0
    seconds_to_lock: list[float] = []
    """Of a few releases that an event announced."""
    strayed: list[Strayed] = []
    """What listings showed not to be as open quarantines and holds want it."""
    reasserted: list[Act] = []
    """The acts whose updates somebody undid: due work makes them again."""


def severity_of(mode: Mode) -> Severity:
    """Return how much a difference matters: what report mode would only tell of is a warning."""
    return Severity.WARNING if mode is Mode.REPORT else Severity.CRITICAL
