"""Findings in words: what was expected, what was observed; one for each kind and subject."""

from collections.abc import Sequence
from datetime import datetime

from taglock.domain.acts.act import ActKind
from taglock.domain.acts.marks import Want
from taglock.domain.attributes import Off, spelled
from taglock.domain.audit.acts_here import Strayed, Straying
from taglock.domain.audit.scene import Draft, Judged, Scene, severity_of
from taglock.domain.ledger import Finding, FindingKind, ProvenManifest, ProvenRepository, Release, Severity
from taglock.domain.listing import ListedTag
from taglock.domain.reference import Digest, Tag, manifest_target, tag_target

NAMED = 20
"""How many children or tags a finding names."""


class Differences:
    """Collects the findings about one repository."""

    def __init__(self, scene: Scene, judged: Judged) -> None:
        self._scene = scene
        self._judged = judged

    def moved(self, release: Release, tag: ListedTag) -> None:
        """A tag that was locked points elsewhere now."""
        expected = f"{release.digest}, locked since {moment_text(release.locked_at)}"
        observed = f"{tag.digest}, moved {moment_text(tag.updated_at)}"
        self.add(FindingKind.TAG_MOVED, self._tag(tag.name), (expected, observed), rule=release.rule)

    def loosened_tag(self, release: Release, off: Off) -> None:
        """A locked tag has attributes on again."""
        texts = _loosened(release.tag_off, off, release.locked_at)
        self.add(FindingKind.LOOSENED, self._tag(release.tag), texts, rule=release.rule)

    def loosened_manifest(self, proof: ProvenManifest, off: Off) -> None:
        """A locked manifest has attributes on again."""
        texts = _loosened(proof.off, off, proof.proven_at)
        self.add(FindingKind.LOOSENED, self._manifest(proof.digest), texts, rule=proof.rule)

    def missing_tag(self, release: Release) -> None:
        """A locked tag is gone."""
        expected = f"{release.digest}, locked since {moment_text(release.locked_at)}"
        texts = (expected, "no such tag")
        self.add(FindingKind.RELEASE_MISSING, self._tag(release.tag), texts, rule=release.rule)

    def missing_manifest(self, digest: Digest, rule: str, *, since: datetime | None = None) -> None:
        """A manifest of a release is gone."""
        expected = f"there, locked since {moment_text(since)}" if since is not None else "there"
        self.add(FindingKind.RELEASE_MISSING, self._manifest(digest), (expected, "no such manifest"), rule=rule)

    def orphaned(self, draft: Draft) -> None:
        """A release that no rule wants any more is still locked."""
        rule = draft.mark.terms.rule if draft.mark.terms is not None else ""
        texts = (f"a rule that wants it, as {rule!r} did", f"{_image(draft)}, and no rule wants it")
        self.add(FindingKind.ORPHAN_LOCK, self._tag(draft.tag), texts, rule=rule, severity=Severity.INFORMATION)

    def image(self, kind: FindingKind, draft: Draft, *, severity: Severity | None = None) -> None:
        """A protected image is not locked as wanted."""
        expected = f"tag {spelled(draft.tag_off)} off; manifests {spelled(draft.manifest_off)} off"
        self.add(kind, self._tag(draft.tag), (expected, _image(draft)), rule=self._rule(draft), severity=severity)

    def unlocked(self, rule: str, count: int, examples: Sequence[Tag]) -> None:
        """Releases from before the adoption are not locked: one finding for each rule and repository."""
        named = ", ".join(sorted(examples)) + (f" and {count - len(examples)} more" if count > len(examples) else "")
        subject = f"{self._scene.registry}/{self._scene.repository} (rule {rule})"
        self.add(FindingKind.UNLOCKED, subject, ("every release locked", f"{count} unlocked: {named}"), rule=rule)

    def closure_incomplete(self, draft: Draft, lacking: Sequence[str]) -> None:
        """Children of a locked index are not locked, or gone."""
        named = ", ".join(lacking[:NAMED]) + (f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else "")
        texts = (f"every child {spelled(draft.manifest_off)} off", f"{len(lacking)} not: {named}")
        subject = self._manifest(draft.digest)
        self.add(FindingKind.CLOSURE_INCOMPLETE, subject, texts, rule=self._rule(draft))

    def repository(self, kind: FindingKind, sets: tuple[Off, Off], rule: str) -> None:
        """A repository's own attributes are not those that its rule wants, or off although nobody wants it."""
        wanted, off = sets
        texts = (f"repository {spelled(wanted)} off", f"repository {spelled(off)} off")
        severity = Severity.INFORMATION if kind is FindingKind.ORPHAN_LOCK else None
        self.add(kind, self._repository, texts, rule=rule, severity=severity)

    def loosened_repository(self, proof: ProvenRepository, off: Off) -> None:
        """A locked repository has attributes of its own on again."""
        expected, observed = _loosened(proof.off, off, proof.proven_at)
        texts = (f"repository {expected}", f"repository {observed}")
        self.add(FindingKind.LOOSENED, self._repository, texts, rule=proof.rule)

    def strayed(self, strayed: Strayed) -> None:
        """A target is not as an open quarantine or hold wants it: a person's act runs, and is told, in both modes."""
        act = named_act(strayed.want)
        kind, severity = FindingKind.LOOSENED, Severity.CRITICAL
        expected, observed = f"{spelled(strayed.want.off)} off by {act}", f"{spelled(strayed.off)} off"
        if strayed.want.kind is ActKind.QUARANTINE:
            kind = FindingKind.QUARANTINE_BROKEN
        if strayed.straying is Straying.OUTSIDE:
            expected = f"{expected}, as it points at {strayed.digest}"
        elif strayed.straying is Straying.STAYED:
            kind, severity = FindingKind.EVENT_MISSED, Severity.WARNING
            expected = f"not in {act}, as it points at {strayed.digest} by now"
        self.add(kind, f"{strayed.target} ({act})", (expected, observed), rule=act, severity=severity)

    def closure_unknown(self, draft: Draft, reason: str) -> None:
        """Nobody names the children of an index."""
        subject = self._manifest(draft.digest)
        self.add(FindingKind.CLOSURE_UNKNOWN, subject, ("every child locked", reason), rule=self._rule(draft))

    def add(
        self,
        kind: FindingKind,
        subject: str,
        texts: tuple[str, str],
        *,
        rule: str = "",
        severity: Severity | None = None,
    ) -> None:
        """Add a finding with what was expected and what was observed."""
        scene = self._scene
        known = scene.rules.rule(rule)
        milder = known.mode if known is not None and known.mode is not None else scene.mode
        self._judged.findings[(kind, subject)] = Finding(
            kind=kind,
            severity=severity or severity_of(milder),
            registry=scene.registry,
            subject=subject,
            expected=texts[0],
            observed=texts[1],
            first_seen=scene.now,
            last_seen=scene.now,
            rule=rule,
        )

    def _rule(self, draft: Draft) -> str:
        if draft.plan is not None:
            return draft.plan.rule
        return draft.mark.terms.rule if draft.mark.terms is not None else ""

    @property
    def _repository(self) -> str:
        return f"{self._scene.registry}/{self._scene.repository}"

    def _tag(self, name: Tag) -> str:
        return str(tag_target(self._scene.registry, self._scene.repository, name))

    def _manifest(self, digest: Digest) -> str:
        return str(manifest_target(self._scene.registry, self._scene.repository, digest))


def named_act(want: Want) -> str:
    """Return an act as findings name it."""
    return f"{want.kind} {want.act}"


def _loosened(wanted: Off, off: Off, since: datetime) -> tuple[str, str]:
    return f"{spelled(wanted)} off, locked since {moment_text(since)}", f"{spelled(off)} off"


def _image(draft: Draft) -> str:
    return f"tag {spelled(draft.mark.off)} off; manifest {spelled(draft.root_off)} off"


def moment_text(moment: datetime) -> str:
    """Return a time as findings show it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
