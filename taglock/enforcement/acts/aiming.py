"""What of an image an act is about, as targets; and whether the same act is open already."""

from collections.abc import Iterable, Sequence

from taglock.domain.acts.act import Act, ActKind, ActTarget, Place
from taglock.domain.acts.marks import Marks
from taglock.domain.record import children_row
from taglock.domain.reference import Digest, Target, TargetKind, manifest_target, repository_target, tag_target
from taglock.domain.row import Change
from taglock.domain.state import TagState
from taglock.enforcement.acts.survey import Surveyed
from taglock.errors import TaglockError


class JoinsOther(TaglockError):
    """The same act is open already; nothing of the new one is in effect."""

    def __init__(self, act_id: str) -> None:
        self.act_id = act_id
        super().__init__(f"act {act_id} wants the same already")


def anchor(kind: ActKind, place: Place) -> Target:
    """Return the target by whose marks the same act is found again; an image's place must name its digest."""
    if place.whole_repository:
        return repository_target(place.registry, place.repository)
    if kind is ActKind.HOLD and place.tag is not None:
        return tag_target(place.registry, place.repository, place.tag)
    assert place.digest is not None
    return manifest_target(place.registry, place.repository, place.digest)


def same_act(act: Act, place: Place, marks: Marks | None) -> str | None:
    """Return the id of another open act that wants the same of the same place, by the marks of its anchor."""
    off = act.manifest_off if anchor(act.kind, place).kind is TargetKind.MANIFEST else act.off
    for want in marks.wants if marks is not None else ():
        same = want.root and not want.ending and (want.kind, want.off) == (act.kind, off)
        if same and want.act != act.id:
            return want.act
    return None


def manifest_targets(act: Act, level: Iterable[Surveyed], *, root: Digest) -> list[ActTarget]:
    """Return the targets for manifests of a closure as they were read."""
    return [
        ActTarget(
            target=each.state.target,
            prior=each.state.off,
            want=act.manifest_off,
            root=each.digest == root,
            media_type=each.state.media_type,
        )
        for each in level
    ]


def tag_targets(act: Act, tags: Iterable[TagState], *, root: Digest) -> list[ActTarget]:
    """Return the targets for tags as they were read: a quarantine is about every tag, a hold about the one it names."""
    return [
        ActTarget(target=tag.target, prior=tag.off, want=act.off, root=tag.digest == root, digest=tag.digest)
        for tag in tags
        if act.kind is ActKind.QUARANTINE or tag.target.name == act.places[0].tag
    ]


def children_rows(level: Sequence[Surveyed]) -> tuple[Change, ...]:
    """Return the rows of children that only the content named: once read is off, nobody can read it again."""
    return tuple(
        children_row(each.state.target.registry, each.state.target.repository, each.digest, each.children)
        for each in level
        if each.read_from_content and each.children is not None
    )
