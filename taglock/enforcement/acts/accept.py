"""Accept a moved tag: what it points to now is locked as the release was, and becomes the release."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from copy import replace
from uuid import uuid4

from taglock.domain.acts.act import Act, ActKind, ActTarget, Outcome, Phase, Place
from taglock.domain.acts.announcing import act_event, act_journal
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.acts.going_on import act_again, leased
from taglock.domain.acts.marks import Marks
from taglock.domain.acts.request import AcceptAsked
from taglock.domain.due import Setback
from taglock.domain.outcome import Locking
from taglock.domain.plan import LockPlan, united
from taglock.domain.reference import manifest_target, tag_target
from taglock.domain.row import Change
from taglock.domain.rule import Candidate, Mode
from taglock.domain.state import ManifestState, TagState
from taglock.enforcement.acts.passing import Occasion
from taglock.enforcement.acts.preparing import expect_free
from taglock.enforcement.acts.releasing import (
    NewRelease,
    lock_release,
    moved_finding,
    plan_as_recorded,
    plan_by_rule,
    release_rows,
    why_not_released,
)
from taglock.enforcement.acts.storing import (
    Conclusion,
    beginning_rows,
    conclude,
    due_changes,
    mark_change,
    read_targets,
    target_rows,
)
from taglock.enforcement.acts.wanting import RepositoryRows, repository_rows
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.enforcement.side_by_side import both_ended
from taglock.errors import ActRefused, InvalidConfiguration, InvalidRequest, LedgerError, Refusal

TRIGGER = "accept"


async def accept(app: Enforcement, asked: AcceptAsked) -> ActAnswer:
    """Make the digest that a tag points to now the release.

    Raises ActRefused when it points elsewhere, is quarantined or unlocked, or when neither a release nor a rule knows
    the tag; RegistryError and LedgerError. Nothing was changed then.
    """
    if asked.place.tag is None:
        raise InvalidRequest.at("$.image", str(asked.place), "an image with a tag")
    place = replace(asked.place, digest=asked.digest)
    rows = await repository_rows(app, place.registry, place.repository)
    expect_free(rows, place, "")
    registry = app.registries(place.registry)
    tag, root = await both_ended(
        registry.tag(place.repository, asked.place.tag), registry.manifest(place.repository, asked.digest)
    )
    if tag.digest != asked.digest:
        reason = f"{place.repository}:{place.tag} points at {tag.digest}, expected {asked.digest}"
        raise ActRefused(Refusal.DIGEST_DIFFERS, reason, digest=tag.digest)
    deadline = asyncio.get_running_loop().time() + app.limits.event_seconds
    act = _act(app, asked, place, _plan(app, place, rows, root))
    targets = _targets(act, tag, root)
    await write(app, [*beginning_rows(act, leased(act, now=act.created_at)), *target_rows(act.id, targets)])
    with suppress(LedgerError):  # the intent is stored: due work goes on
        act, targets = await accept_pass(app, act, Occasion(trigger=TRIGGER, deadline=deadline))
    return ActAnswer(act=act, targets=targets)


def _act(app: Enforcement, asked: AcceptAsked, place: Place, plan: LockPlan) -> Act:
    return Act(
        id=str(uuid4()),
        kind=ActKind.ACCEPT,
        phase=Phase.BEGINNING,
        places=(place,),
        reason=asked.reason,
        by=asked.by,
        created_at=app.clock.now(),
        off=plan.tag_off,
        manifest_off=plan.manifest_off,
        rule=plan.tag_rule,
    )


def _plan(app: Enforcement, place: Place, rows: RepositoryRows, root: ManifestState) -> LockPlan:
    """Return how to lock: as the release was, and as the rules want it now while they can be used."""
    assert place.tag is not None  # what `accept` has checked
    release, plans = rows.releases.get(place.tag), []
    if release is not None and release.mode is Mode.ENFORCE:
        offs = {"tag_off": release.tag_off, "manifest_off": release.manifest_off}
        plans.append(plan_as_recorded(app, release.rule, **offs))
    candidate = Candidate(
        registry=place.registry,
        repository=place.repository,
        tag=place.tag,
        media_type=root.media_type,
        artifact_type=root.artifact_type or "",
    )
    try:
        by_rule = plan_by_rule(app.rules(), candidate)
    except InvalidConfiguration:
        if not plans:
            raise
        by_rule = None
    plans += [by_rule] if by_rule is not None else []
    if not plans:
        reason = f"{place.repository}:{place.tag} is no release, and no rule protects it; a hold locks it all the same"
        raise ActRefused(Refusal.NOT_LOCKED, reason)
    return united(plans)


def _targets(act: Act, tag: TagState, root: ManifestState) -> tuple[ActTarget, ...]:
    """Return the tag and its root; what lies below is locked with them, and counted in the answer."""
    return (
        ActTarget(target=tag.target, prior=tag.off, want=act.off, root=True, digest=tag.digest),
        ActTarget(target=root.target, prior=root.off, want=act.manifest_off, root=True, media_type=root.media_type),
    )


async def accept_pass(app: Enforcement, act: Act, occasion: Occasion) -> tuple[Act, tuple[ActTarget, ...]]:
    """Lock the tag and its closure, and record the release when all of it is proved; raises LedgerError.

    A tag that moved once more while it was being locked is not what was accepted: the act ends, and says so.
    """
    place = act.places[0]
    assert place.tag is not None and place.digest is not None
    targets = tuple(await read_targets(app, act.id))
    await write(app, due_changes(leased(act, occasion.known, now=app.clock.now())))
    rows = await repository_rows(app, place.registry, place.repository)
    plan = plan_as_recorded(app, act.rule, tag_off=act.off, manifest_off=act.manifest_off)
    new = NewRelease(
        registry=place.registry, repository=place.repository, tag=place.tag, digest=place.digest, plan=plan
    )
    locking = await lock_release(app, new, deadline=occasion.deadline)
    if locking.tag is not None and locking.tag.digest != new.digest:
        return await _ended(app, act, _failed(targets, why_not_released(new, locking)), occasion)
    reason = why_not_released(new, locking)
    if reason:
        retry_after = max((failure.retry_after or 0.0 for failure in locking.failures), default=0.0)
        return await _unfinished(app, act, targets, (occasion, Setback(reason=reason, retry_after=retry_after)))
    moved = await moved_finding(app, new.registry, new.repository, new.tag)
    await write(app, [*release_rows(app, act, new, (locking, rows, moved)), *_unretired(place, rows)])
    return await _ended(app, act, _locked(targets, locking), occasion)


def _locked(targets: Sequence[ActTarget], locking: Locking) -> tuple[ActTarget, ...]:
    message = f"{locking.manifests} manifests of its closure are locked"
    return tuple(
        replace(
            each,
            outcome=Outcome.ALREADY if each.want <= each.prior else Outcome.APPLIED,
            message=message if each.digest is None else "",
        )
        for each in targets
    )


def _failed(targets: Sequence[ActTarget], reason: str) -> tuple[ActTarget, ...]:
    return tuple(replace(each, outcome=Outcome.FAILED, message=reason) for each in targets)


def _unretired(place: Place, rows: RepositoryRows) -> list[Change]:
    """Return what takes the mark of an earlier retirement off: an accepted tag is wanted again."""
    assert place.tag is not None and place.digest is not None
    names = [
        tag_target(place.registry, place.repository, place.tag),
        manifest_target(place.registry, place.repository, place.digest),
    ]
    held = [rows.held[name] for name in names if name in rows.held]
    return [change for each in held for change in mark_change(each.marks.target, each, _without_retired(each.marks))]


def _without_retired(marks: Marks) -> Marks:
    return replace(marks, retired=None)


async def _unfinished(
    app: Enforcement, act: Act, targets: tuple[ActTarget, ...], when: tuple[Occasion, Setback]
) -> tuple[Act, tuple[ActTarget, ...]]:
    occasion, setback = when
    now = app.clock.now()
    waiting = tuple(replace(each, outcome=Outcome.WAITING, message=setback.reason) for each in targets)
    conclusion = Conclusion(
        targets=waiting,
        changes=(act_journal(act, "accept", waiting, by=act.by, now=now, trigger=occasion.trigger),),
        due=act_again(act, occasion.known, setback, now=now),
    )
    return await conclude(app, act.id, lambda current: current, conclusion), waiting


async def _ended(
    app: Enforcement, act: Act, targets: tuple[ActTarget, ...], occasion: Occasion
) -> tuple[Act, tuple[ActTarget, ...]]:
    now = app.clock.now()
    accepted = not any(each.outcome is Outcome.FAILED for each in targets)
    ended = replace(act, phase=Phase.ENDED, ended_at=now)
    more = {"digest": act.places[0].digest}
    event = act_event("Taglock.TagAccepted", ended, targets, now=now, more=more)
    conclusion = Conclusion(
        targets=targets,
        changes=(act_journal(ended, "accept", targets, by=act.by, now=now, trigger=occasion.trigger),),
        events=(event,) if accepted else (),
    )
    done = await conclude(app, act.id, lambda current: replace(current, phase=Phase.ENDED, ended_at=now), conclusion)
    return done, targets
