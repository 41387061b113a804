"""Judge one repository: each tag with its release, each manifest with its proof, each image with its closure.

Pure, and fed in the order in which listings come: tags first, manifests with the tags that name them, then what no
listing showed, then the children of indexes.
"""

from collections import defaultdict
from collections.abc import Sequence

from taglock.domain.acts.marks import RepositoryMarks
from taglock.domain.attributes import Attribute, Off
from taglock.domain.audit.acts_here import ActsHere, Strayed
from taglock.domain.audit.differences import NAMED, Differences
from taglock.domain.audit.rows import PlannedImage, is_audit_event
from taglock.domain.audit.scene import Draft, Judged, Scene, TagMark, Terms, severity_of
from taglock.domain.closure import is_index
from taglock.domain.ledger import FindingKind, ProvenManifest, Release, Severity
from taglock.domain.listing import ListedManifest, ListedTag
from taglock.domain.plan import LockPlan
from taglock.domain.reference import Digest, Tag
from taglock.domain.rule import Mode

SAMPLES = 20
"""Of times to lock, for each repository."""


class RepositoryJudge:
    """The judgement of one repository; `result` is complete after `finish`."""

    def __init__(self, scene: Scene) -> None:
        self.result = Judged()
        self.scene = scene
        self.acts = ActsHere(scene.registry, scene.repository, RepositoryMarks())
        """Of people; to be set before the first tag."""
        self.recorded: dict[Digest, list[Draft]] = {}
        """What moved tags were locked with; each has to be found among the manifests."""
        self.closures: list[Draft] = []
        """Images whose root is an index: their children are still to be judged."""
        self._differences = Differences(scene, self.result)
        self._marks: dict[TagMark, TagMark] = {}
        self._terms: dict[Terms, Terms] = {}
        self._unlocked: dict[str, list[Tag]] = defaultdict(list)
        self._unlocked_counts: dict[str, int] = defaultdict(int)
        self._loosened_manifests: set[Digest] = set()
        """Those that no planned image covers so far."""

    # -- tags and manifests as they come ----------------------------------------------------------------------------

    def tag(self, tag: ListedTag, release: Release | None) -> TagMark:
        """Judge a tag by its release, and return what has to be remembered of it until its manifest comes."""
        scene, moved, terms = self.scene, False, None
        spared = self.acts.spares_tag(tag.name, tag.digest, release)
        if release is not None and release.mode is Mode.ENFORCE:
            self.result.releases += 1
            self._sample(release)
            same, fixed = release.digest == tag.digest, Attribute.WRITE in release.tag_off
            if not spared:
                moved = fixed and not same
                self._loosened(release, tag)
                terms = Terms.of(release) if same else None
        mark = TagMark(
            off=tag.off,
            young=scene.is_young(tag.updated_at),
            old=tag.updated_at < scene.since,
            announced=tag.name in scene.announced or (release is not None and release.digest == tag.digest),
            terms=self._terms.setdefault(terms, terms) if terms is not None else None,
            moved=moved,
            spared=spared,
            by_acts=self.acts.off_tag(tag.name),
        )
        mark = self._marks.setdefault(mark, mark)
        self.result.strayed += self.acts.tag(tag)
        if moved and release is not None:
            self._moved(release, tag, mark)
        return mark

    def manifest(self, manifest: ListedManifest, proof: ProvenManifest | None) -> None:
        """Judge a manifest by its own proof, and as what a moved tag was locked with."""
        self.result.strayed += self.acts.manifest(manifest.digest, manifest.off)
        spared = self.acts.spares_manifest(manifest.digest, proof)
        if proof is not None and proof.mode is Mode.ENFORCE and not (spared or proof.off <= manifest.off):
            if self.scene.is_young(proof.proven_at):
                self.result.pending += 1
            else:
                self._differences.loosened_manifest(proof, manifest.off)
                self._loosened_manifests.add(manifest.digest)
        if self.recorded:
            self.recorded_root(manifest.digest, manifest.off, names_children=is_index(manifest.media_type))

    def recorded_root(self, digest: Digest, off: Off, *, names_children: bool) -> None:
        """Judge a manifest as what moved tags were locked with."""
        for draft in self.recorded.pop(digest, ()):
            draft.root_off, draft.root_granted = off, self.acts.is_granted(digest)
            self._conclude_or_keep(draft, names_children=names_children)

    def image(self, manifest: ListedManifest, name: Tag, mark: TagMark) -> None:
        """Judge a tag together with the manifest that it points to."""
        self._membership(self.acts.image(name, manifest.digest, mark.off), mark)
        if mark.moved or mark.spared:
            return
        plan = self.scene.plan(manifest, name)
        if plan is not None:
            self.result.protected += 1
        elif mark.terms is None:
            return
        draft = Draft(tag=name, digest=manifest.digest, mark=mark, plan=plan, root_off=manifest.off)
        draft.root_granted = self.acts.is_granted(manifest.digest)
        self._conclude_or_keep(draft, names_children=is_index(manifest.media_type))

    def missing_release(self, release: Release) -> None:
        """Judge that a tag with a release is gone."""
        if release.mode is Mode.ENFORCE:
            self.result.releases += 1
            if not self.acts.spares_tag(release.tag, None, release):
                self._differences.missing_tag(release)

    def missing_manifest(self, digest: Digest, proof: ProvenManifest | None) -> None:
        """Judge that a manifest that was proved, or that a moved tag was locked with, is gone."""
        rule = self.recorded.pop(digest, [None])[0]
        if self.acts.spares_manifest(digest, proof):
            return
        if proof is not None and proof.mode is Mode.ENFORCE:
            self._differences.missing_manifest(digest, proof.rule, since=proof.proven_at)
        elif rule is not None and rule.mark.terms is not None:
            self._differences.missing_manifest(digest, rule.mark.terms.rule)

    def dangling(self, digest: Digest, name: Tag, mark: TagMark) -> None:
        """Judge that the manifest that a tag points to is not there."""
        if mark.terms is not None and not mark.young:
            self._differences.missing_manifest(digest, mark.terms.rule)

    # -- closures ---------------------------------------------------------------------------------------------------

    def closure(self, draft: Draft, lacking: Sequence[str]) -> None:
        """Judge an image whose root is an index, with the children that lack what they must have off."""
        self._conclude(draft, self.acts.not_granted(lacking))

    def closure_unknown(self, draft: Draft, reason: str) -> None:
        """Judge an image whose children nobody names."""
        self._conclude(draft, ())
        self._differences.closure_unknown(draft, reason)

    # -- what no tag protects ---------------------------------------------------------------------------------------

    @property
    def has_loosened(self) -> bool:
        """Whether a manifest was loosened that no planned image covers."""
        return bool(self._loosened_manifests)

    def running(self, manifest: ListedManifest, plan: LockPlan, lacking: Sequence[str]) -> None:
        """Judge an image that runs, with its lacking children: it is planned when something of it was loosened."""
        root = () if plan.manifest_off <= manifest.off else (manifest.digest,)
        lacks = self.acts.not_granted([*root, *lacking])
        if self._loosened_manifests.isdisjoint(lacks):
            return
        self._loosened_manifests.difference_update(lacks)
        self.result.planned.append(
            PlannedImage(
                repository=self.scene.repository,
                tag=None,
                digest=manifest.digest,
                rule=plan.rule,
                reason=FindingKind.LOOSENED,
                severity=severity_of(plan.mode),
                targets=len(lacks),
            )
        )

    def finish(self) -> Judged:
        """Return the judgement once everything was seen."""
        for rule, count in self._unlocked_counts.items():
            self._differences.unlocked(rule, count, self._unlocked[rule])
        return self.result

    # -- inside -----------------------------------------------------------------------------------------------------

    def _membership(self, strayed: Sequence[Strayed], mark: TagMark) -> None:
        if mark.young:
            self.result.pending += len(strayed)  # the event of a push takes the tag in, or lets it go
        else:
            self.result.strayed += strayed

    def _sample(self, release: Release) -> None:
        samples = self.result.seconds_to_lock
        if len(samples) < SAMPLES and release.pushed_at <= release.locked_at and not is_audit_event(release.event_id):
            samples.append((release.locked_at - release.pushed_at).total_seconds())

    def _loosened(self, release: Release, tag: ListedTag) -> None:
        if release.tag_off <= tag.off:
            return
        if self.scene.is_young(release.locked_at):
            self.result.pending += 1  # the page may have been read just before the lock
        else:
            self._differences.loosened_tag(release, tag.off)

    def _moved(self, release: Release, tag: ListedTag, mark: TagMark) -> None:
        if mark.young:
            self.result.pending += 1
            return
        self._differences.moved(release, tag)
        terms = Terms.of(release)
        kept = TagMark(off=tag.off, young=False, old=False, announced=True, terms=terms, moved=True)
        draft = Draft(tag=tag.name, digest=release.digest, mark=kept, plan=None, root_off=frozenset(), recorded=True)
        self.recorded.setdefault(release.digest, []).append(draft)

    def _conclude_or_keep(self, draft: Draft, *, names_children: bool) -> None:
        if names_children:
            self.closures.append(draft)
        else:
            self._conclude(draft, ())

    def _conclude(self, draft: Draft, lacking: Sequence[str]) -> None:
        if draft.recorded:
            self._conclude_recorded(draft, lacking)
        elif draft.mark.terms is not None:
            self._conclude_proven(draft, lacking)
        elif draft.plan is not None:
            self._conclude_unproven(draft, draft.plan, lacking)

    def _conclude_recorded(self, draft: Draft, lacking: Sequence[str]) -> None:
        if lacking:
            self._differences.closure_incomplete(draft, lacking)
        if draft.root_lacks or lacking:
            self._plan(FindingKind.TAG_MOVED, draft, lacking, targets=draft.root_lacks + len(lacking))

    def _conclude_proven(self, draft: Draft, lacking: Sequence[str]) -> None:
        terms, mark = draft.mark.terms, draft.mark
        assert terms is not None  # the caller looked
        root_held = draft.root_granted or terms.manifest_off <= draft.root_off
        loosened = not (terms.tag_off <= mark.off and root_held)
        lacks = (not draft.tag_off <= mark.off) + draft.root_lacks
        if draft.plan is None:
            self._differences.orphaned(draft)
        elif lacks and not loosened:
            self._differences.image(FindingKind.PARTLY_LOCKED, draft)
        if lacking:
            self._differences.closure_incomplete(draft, lacking)
        if draft.plan is not None and (lacks or lacking):
            weaker = FindingKind.PARTLY_LOCKED if lacks else FindingKind.CLOSURE_INCOMPLETE
            self._plan(FindingKind.LOOSENED if loosened else weaker, draft, lacking, targets=lacks + len(lacking))

    def _conclude_unproven(self, draft: Draft, plan: LockPlan, lacking: Sequence[str]) -> None:
        mark = draft.mark
        targets = (not plan.tag_off <= mark.off) + draft.root_lacks + len(lacking)
        if mark.young:
            self.result.pending += bool(targets)
        elif not targets:
            self._locked_unwitnessed(draft, plan)
        else:
            self._unlocked_image(draft, plan, lacking, targets=targets)

    def _locked_unwitnessed(self, draft: Draft, plan: LockPlan) -> None:
        if draft.mark.announced:
            return
        tag_off, root_off = draft.mark.off - draft.mark.by_acts, draft.root_off - self.acts.off_manifest(draft.digest)
        self.result.locked_unwitnessed += plan.tag_off <= tag_off and plan.manifest_off <= root_off
        if not draft.mark.old:
            self._differences.image(FindingKind.EVENT_MISSED, draft, severity=Severity.WARNING)
        self._plan(FindingKind.EVENT_MISSED, draft, (), targets=0)

    def _unlocked_image(self, draft: Draft, plan: LockPlan, lacking: Sequence[str], *, targets: int) -> None:
        mark = draft.mark
        tag_off, root_off = mark.off - mark.by_acts, draft.root_off - self.acts.off_manifest(draft.digest)
        kind = FindingKind.UNLOCKED
        if not (mark.announced or mark.old):
            kind = FindingKind.EVENT_MISSED
        elif targets == len(lacking):
            kind = FindingKind.CLOSURE_INCOMPLETE
        elif tag_off & plan.tag_off or root_off & plan.manifest_off:
            kind = FindingKind.PARTLY_LOCKED
        self._plan(kind, draft, lacking, targets=targets)
        if kind is FindingKind.CLOSURE_INCOMPLETE:
            self._differences.closure_incomplete(draft, lacking)
        elif kind is not FindingKind.UNLOCKED:
            self._differences.image(kind, draft)
        else:
            self._unlocked_counts[plan.rule] += 1
            if len(self._unlocked[plan.rule]) < NAMED:
                self._unlocked[plan.rule].append(draft.tag)

    def _plan(self, kind: FindingKind, draft: Draft, lacking: Sequence[str], *, targets: int) -> None:
        self._loosened_manifests.difference_update((draft.digest, *lacking))
        terms, plan = draft.mark.terms, draft.plan
        mode = plan.mode if plan is not None else self.scene.mode
        self.result.planned.append(
            PlannedImage(
                repository=self.scene.repository,
                tag=draft.tag,
                digest=draft.digest,
                rule=plan.rule if plan is not None else terms.rule if terms is not None else "",
                reason=kind,
                severity=severity_of(mode) if targets else Severity.INFORMATION,
                targets=targets,
                recorded_digest=draft.digest if draft.recorded else None,
            )
        )
