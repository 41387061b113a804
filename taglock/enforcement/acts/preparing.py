"""Read what a loosening act is about, and tell of each target what would be turned on and what keeps it as it is."""

from collections.abc import Mapping, Sequence
from copy import replace

import msgspec

from taglock.domain.acts.act import ActTarget, Place
from taglock.domain.acts.answer import Runs, Surroundings
from taglock.domain.acts.claims import Concern, depths, mark_reason, turned_on
from taglock.domain.acts.loosening import with_kept
from taglock.domain.deployment import Answer, WhoRuns
from taglock.domain.reference import Digest, Tag, Target, manifest_target, repository_target, tag_target
from taglock.enforcement.acts.referring import locked_referrers
from taglock.enforcement.acts.surroundings import who_runs_repository
from taglock.enforcement.acts.survey import Root, Surveyed, survey_below, survey_root
from taglock.enforcement.acts.wanting import (
    RepositoryRows,
    kept_by_marks,
    kept_by_others,
    of_manifests,
    repository_rows,
    running_in,
)
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deployments import who_runs
from taglock.errors import ActRefused, NotFound, Refusal

NAMED_RUNS = 20
"""Workloads that a refusal names."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What a loosening act is about, as it was read; nothing was changed yet."""

    place: Place
    """Pinned to the digest."""
    targets: tuple[ActTarget, ...]
    children: Mapping[Digest, tuple[Digest, ...]]
    """What the indexes of the closure name."""
    rows: RepositoryRows
    surroundings: Surroundings


async def prepare(app: Enforcement, place: Place, act_id: str, *, own: Tag | None = None) -> Prepared:
    """Read an image or a repository, and who else wants what of it; `own` is its release's tag when that is gone.

    Raises RegistryError, LedgerError, and ActRefused when it is quarantined or already unlocked.
    """
    rows = await repository_rows(app, place.registry, place.repository)
    expect_free(rows, place, act_id)
    if place.whole_repository:
        return await _prepare_repository(app, place, act_id, rows)
    root = await survey_root(app.registries(place.registry), place)
    expect_free(rows, replace(root.place, tag=None), act_id)
    return await _prepare_image(app, root, (act_id, own or place.tag), rows)


async def _prepare_repository(app: Enforcement, place: Place, act_id: str, rows: RepositoryRows) -> Prepared:
    target = repository_target(place.registry, place.repository)
    off = (await app.registries(place.registry).repository(place.repository)).off
    planned = ActTarget(target=target, prior=off, on=turned_on(off, recorded=rows.locked(target)), root=True)
    return Prepared(
        place=place,
        targets=with_kept([planned], kept_by_marks(rows, [target], act_id)),
        children={},
        rows=rows,
        surroundings=Surroundings(runs=await who_runs_repository(app, place)),
    )


async def _prepare_image(app: Enforcement, root: Root, about: tuple[str, Tag | None], rows: RepositoryRows) -> Prepared:
    act_id, own = about
    place, digest = root.place, root.manifest.digest
    closure = await _closure(app, root)
    running = await running_in(app, place.registry, place.repository)
    concern = Concern(tag=own, root=digest, closure=frozenset(closure), since=app.clock.now())
    children = {each.digest: each.children or () for each in closure.values()}
    known = replace(rows, children={**rows.children, **children})
    home = (place.registry, place.repository)
    others = await kept_by_others(app, home, concern, (known, running))
    targets = _targets(root, closure, rows)
    kept = of_manifests(*home, others) | kept_by_marks(rows, [each.target for each in targets], act_id)
    targets = list(with_kept(targets, kept))
    referring = await locked_referrers(app, home, targets, rows)
    by_marks = kept_by_marks(rows, [each.target for each in referring.targets], act_id)
    below = [Runs(digest=each, who=_runs(running[each])) for each in closure if each in running and each != digest]
    first = Runs(digest=digest, who=await who_runs(app, place.registry, digest))
    return Prepared(
        place=place,
        targets=(*targets, *with_kept(referring.targets, by_marks)),
        children={index: named for index, named in children.items() if named},
        rows=rows,
        surroundings=Surroundings(runs=(first, *below), unread=referring.unread),
    )


def _runs(workload: str) -> WhoRuns:
    return WhoRuns(answer=Answer.YES, reason=f"{workload} runs it")


async def _closure(app: Enforcement, root: Root) -> dict[Digest, Surveyed]:
    """Return the closure as it was read; a child that is not there is no target, one that cannot be read refuses all.

    Nobody knows what an index holds that names no children, so its own lock is the only one that can be taken off.
    """
    place, seen = root.place, {root.manifest.digest}
    below = await survey_below(
        app.registries(place.registry), place.repository, [root.manifest], seen=seen, limit=app.limits.closure
    )
    found = {root.manifest.digest: root.manifest}
    for each in below:
        if isinstance(each, Surveyed):
            found[each.digest] = each
        elif not isinstance(each.error, NotFound):
            raise each.error
    return found


def _targets(root: Root, closure: Mapping[Digest, Surveyed], rows: RepositoryRows) -> list[ActTarget]:
    """Return the tag that was asked for and every manifest, with what an unlock would turn on."""
    digest = root.manifest.digest
    deep = depths(digest, {each.digest: each.children or () for each in closure.values()})
    tags = [
        ActTarget(
            target=tag.target,
            prior=tag.off,
            on=turned_on(tag.off, recorded=rows.locked(tag.target)),
            root=True,
            digest=tag.digest,
        )
        for tag in root.tags
        if tag.target.name == root.place.tag
    ]
    return tags + [
        ActTarget(
            target=each.state.target,
            prior=each.state.off,
            on=turned_on(each.state.off, recorded=rows.locked(each.state.target)),
            root=each.digest == digest,
            depth=deep.get(each.digest, len(deep)),
            media_type=each.state.media_type,
        )
        for each in closure.values()
    ]


# -- refusals -----------------------------------------------------------------------------------------------------


def expect_free(rows: RepositoryRows, place: Place, act_id: str) -> None:
    """Raise ActRefused when what is asked for is quarantined, or unlocked by another act."""
    for target in anchors(place):
        marks = rows.marks(target)
        if marks is None:
            continue
        if marks.quarantined:
            reason = f"{target} is quarantined: {mark_reason(marks, act_id)}"
            raise ActRefused(Refusal.QUARANTINED, f"{reason}; lift that first", acts=[w.act for w in marks.wants])
        if any(want.ending for want in marks.wants):
            raise ActRefused(Refusal.ENDING, f"{target} is being restored just now, try again in a minute")
        if marks.grant is not None and marks.grant.act != act_id:
            reason = f"{target} is unlocked until {marks.grant.expires_at.isoformat()}, end that first"
            raise ActRefused(Refusal.WRONG_STATE, reason, act=marks.grant.act)


def anchors(place: Place) -> list[Target]:
    """Return the targets that a place names by itself."""
    if place.whole_repository:
        return [repository_target(place.registry, place.repository)]
    tags = [tag_target(place.registry, place.repository, place.tag)] if place.tag is not None else []
    digests = [place.digest] if place.digest is not None else []
    return [*tags, *(manifest_target(place.registry, place.repository, digest) for digest in digests)]


def expect_not_running(runs: Sequence[Runs]) -> None:
    """Raise ActRefused when something of a closure runs, or when nobody can tell."""
    found = [each for each in runs if each.who.answer is not Answer.NO]
    if found:
        first = found[0]
        reason = f"{first.digest} runs" if first.who.answer is Answer.YES else f"it is unknown who runs {first.digest}"
        members = [_run_members(each) for each in found[:NAMED_RUNS]]
        raise ActRefused(Refusal.RUNNING, f"{reason}: {first.who.reason}; `force` does it all the same", runs=members)


def _run_members(runs: Runs) -> dict[str, object]:
    workloads = sorted({deployment.workload for deployment in runs.who.deployments})
    return {
        "digest": runs.digest,
        "answer": str(runs.who.answer),
        "reason": runs.who.reason,
        "workloads": workloads[:NAMED_RUNS],
    }
