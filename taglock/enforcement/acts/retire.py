"""Unlock a release for good, so that it may be deleted: its row and the proofs that nobody else needs go with it.

The act stays open for a minute after its last update. A lock that was under way when it began has ended by then, and
what it recorded is seen and locked again. What stays is a mark on the tag and its root: no rule wants them until the
tag is pushed again.
"""

import asyncio
from collections.abc import Sequence
from copy import replace
from datetime import datetime
from functools import partial
from uuid import uuid4

from taglock.domain.acts.act import Act, ActKind, ActTarget, Outcome, Phase, Place
from taglock.domain.acts.announcing import act_event, act_journal
from taglock.domain.acts.answer import ActAnswer, Surroundings
from taglock.domain.acts.going_on import act_again, look_again
from taglock.domain.acts.loosening import is_marked, retired
from taglock.domain.acts.marks import Marks, without
from taglock.domain.acts.request import RetireAsked
from taglock.domain.due import Setback
from taglock.domain.outbound import OutboundEvent
from taglock.domain.reference import tag_target
from taglock.enforcement.acts.applying import loosen
from taglock.enforcement.acts.closing import closing_rows
from taglock.enforcement.acts.concluding import why
from taglock.enforcement.acts.intending import store_loosening, take_up
from taglock.enforcement.acts.passing import Occasion
from taglock.enforcement.acts.preparing import Prepared, anchors, expect_not_running, prepare
from taglock.enforcement.acts.reaching import within
from taglock.enforcement.acts.settling import settle, wanted_by_others
from taglock.enforcement.acts.storing import (
    Conclusion,
    Intent,
    advance,
    conclude,
    due_ended,
    held_marks_of,
    read_act,
    read_targets,
    store,
    target_rows,
)
from taglock.enforcement.acts.unlock import REPLANS, SETTLES_AFTER
from taglock.enforcement.acts.updating import left
from taglock.enforcement.acts.wanting import kept_by_marks, repository_rows, running_in
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.errors import ActRefused, InvalidRequest, LedgerConflict, LedgerError, NotFound, Refusal, RegistryError

TRIGGER = "retire"


async def retire(app: Enforcement, asked: RetireAsked) -> ActAnswer:
    """Unlock an image for good and close its release; one that is under way is answered as it is.

    Raises ActRefused, RegistryError and LedgerError; nothing was changed then.
    """
    if asked.place.whole_repository:
        raise InvalidRequest.at("$.image", str(asked.place), "an image with a tag, a digest or both")
    known = await _under_way(app, asked.place)
    if known is not None:
        return ActAnswer(act=known, targets=tuple(await read_targets(app, known.id)), joined=True)
    act = Act(
        id=str(uuid4()),
        kind=ActKind.RETIRE,
        phase=Phase.BEGINNING,
        places=(asked.place,),
        reason=asked.reason,
        by=asked.by,
        created_at=app.clock.now(),
        forced=asked.force,
    )
    return await retire_now(app, act, Occasion(trigger=TRIGGER, deadline=_deadline(app)))


def _deadline(app: Enforcement) -> float:
    return asyncio.get_running_loop().time() + app.limits.event_seconds


async def retire_now(app: Enforcement, act: Act, occasion: Occasion) -> ActAnswer:
    """Carry out a retirement whose targets are not stored yet; raises as `retire`."""
    for _ in range(REPLANS):
        prepared = await within(occasion.deadline, _prepared(app, act))
        pinned = replace(act, places=(prepared.place,))
        try:
            targets = await store_loosening(app, pinned, prepared, partial(_marking, pinned))
        except LedgerConflict:
            continue  # somebody acted on a part of it meanwhile: look again
        try:
            done, targets = await _retire_pass(app, pinned, targets, occasion)
        except LedgerError:  # the intent is stored: due work goes on
            done, targets = pinned, tuple(await read_targets(app, act.id))
        return ActAnswer(act=done, targets=targets, surroundings=prepared.surroundings)
    raise LedgerConflict(f"{act.places[0]}: somebody else acted on it {REPLANS} times in a row")


def _marking(act: Act, target: ActTarget, marks: Marks | None) -> Marks | None:
    return retired(act, target, marks, at=act.created_at)


async def _under_way(app: Enforcement, place: Place) -> Act | None:
    anchor = anchors(place)[0]
    held = (await held_marks_of(app.rows, [anchor])).get(anchor)
    mark = held.marks.retired if held is not None else None
    act = (await read_act(app, mark.act)).act if mark is not None else None
    return act if act is not None and act.phase is not Phase.ENDED else None


async def _prepared(app: Enforcement, act: Act) -> Prepared:
    place = act.places[0]
    try:
        prepared = await prepare(app, place, act.id)
    except NotFound:
        prepared = await _gone(app, act)
    if not act.forced:
        expect_not_running(prepared.surroundings.runs)
    release = prepared.rows.releases.get(place.tag) if place.tag is not None else None
    if release is None and not any(each.on for each in prepared.targets):
        raise ActRefused(Refusal.NOT_LOCKED, f"{place} is neither a release nor locked, so nothing is to be retired")
    return prepared


async def _gone(app: Enforcement, act: Act) -> Prepared:
    """Return what is left of a release whose tag, or whose manifests, are not there any more."""
    place = act.places[0]
    rows = await repository_rows(app, place.registry, place.repository)
    release = rows.releases.get(place.tag) if place.tag is not None else None
    if release is None or place.digest not in (None, release.digest):
        raise NotFound("neither in the registry nor a release", operation="retire", target=str(place), status=404)
    pinned = replace(place, digest=release.digest)
    tag = tag_target(place.registry, place.repository, release.tag)
    gone = ActTarget(target=tag, prior=frozenset(), root=True, digest=release.digest)
    try:
        found = await prepare(app, replace(pinned, tag=None), act.id, own=release.tag)
    except NotFound:
        return Prepared(place=pinned, targets=(gone,), children={}, rows=rows, surroundings=Surroundings())
    return replace(found, place=pinned, targets=(gone, *found.targets))


# -- going on -----------------------------------------------------------------------------------------------------


async def resume_retire(app: Enforcement, act: Act, occasion: Occasion) -> tuple[Act, tuple[ActTarget, ...]]:
    """Go on with a retirement that did not come to its end; raises LedgerError and RegistryError."""
    targets = tuple(await read_targets(app, act.id))
    if act.phase is Phase.OPEN:
        return await _settled(app, act, targets, occasion)
    if not await _any_marked(app, act, targets):
        return await _begun_anew(app, act, occasion)
    targets = await take_up(app, act, occasion, partial(_marking, act))
    targets = await settle(app, act, targets, deadline=occasion.deadline)
    return await _retire_pass(app, act, targets, occasion)


async def _any_marked(app: Enforcement, act: Act, targets: Sequence[ActTarget]) -> bool:
    """Tell whether the act came as far as its marks; before them no target was updated, and it may begin anew."""
    held = await held_marks_of(app.rows, [each.target for each in targets])
    return any(is_marked(act, each.marks) for each in held.values())


async def _begun_anew(app: Enforcement, act: Act, occasion: Occasion) -> tuple[Act, tuple[ActTarget, ...]]:
    """Begin what is only an intent yet: when it is refused as things are, it has ended, and says why."""
    try:
        answer = await retire_now(app, act, occasion)
    except (ActRefused, NotFound) as refused:
        return await end_refused(app, act, refused), ()
    return answer.act, answer.targets


async def end_refused(app: Enforcement, act: Act, refused: ActRefused | NotFound) -> Act:
    """Write that a retirement of a bulk was refused: nothing was changed."""
    now = app.clock.now()
    ended = replace(act, phase=Phase.ENDED, ended_at=now, end_reason=str(refused))
    journal = act_journal(ended, "retire refused", (), by=act.by, now=now, trigger=TRIGGER)

    def change(current: Act) -> Act:
        return replace(current, phase=Phase.ENDED, ended_at=now, end_reason=str(refused))

    act = await advance(app, act.id, change)
    await write(app, [journal, *due_ended(act)])
    return act


async def _retire_pass(
    app: Enforcement, act: Act, targets: Sequence[ActTarget], occasion: Occasion
) -> tuple[Act, tuple[ActTarget, ...]]:
    updated = await loosen(app, targets, deadline=occasion.deadline)
    targets, problem = tuple(each.target for each in updated), ""
    try:
        targets = await settle(app, act, targets, deadline=occasion.deadline)
    except RegistryError as error:
        problem = f"it cannot be told who else wants it: {error}"
    reason = problem or (why(targets) if any(left(each) for each in targets) else "")
    now = app.clock.now()
    journal = act_journal(act, "retire", targets, by=act.by, now=now, trigger=occasion.trigger)
    if reason:
        retry_after = max((each.retry_after for each in updated), default=0.0)
        due = act_again(act, occasion.known, Setback(reason=reason, retry_after=retry_after), now=now)
        told = _told(act, targets, app) if occasion.known is None else ()
        conclusion = Conclusion(targets=targets, changes=(journal,), events=told, due=due)
        return await conclude(app, act.id, lambda current: current, conclusion), targets
    opened = _opened(act, at=now)
    conclusion = Conclusion(
        targets=targets,
        changes=(*(await closing_rows(app, act, targets)), journal),
        events=_told(opened, targets, app),
        due=look_again(act, now + SETTLES_AFTER, now=now),
    )
    return await conclude(app, act.id, lambda current: _opened(current, at=now), conclusion), targets


def _opened(act: Act, *, at: datetime) -> Act:
    return replace(act, phase=Phase.OPEN, first_finished_at=act.first_finished_at or at)


def _told(act: Act, targets: Sequence[ActTarget], app: Enforcement) -> tuple[OutboundEvent, ...]:
    return (act_event("Taglock.ImageRetired", act, targets, now=app.clock.now()),)


async def _settled(
    app: Enforcement, act: Act, targets: Sequence[ActTarget], occasion: Occasion
) -> tuple[Act, tuple[ActTarget, ...]]:
    """End a retirement a minute after its last update: what a lock recorded meanwhile is locked again.

    What was kept for a release that has been retired itself since is let go now.
    """
    freed = await _freed(app, act, targets)
    if freed != tuple(targets):
        await write(app, target_rows(act.id, freed))
        taken = await take_up(app, act, occasion, partial(_marking, act))
        return await _retire_pass(app, act, taken, occasion)
    after = await settle(app, act, targets, deadline=occasion.deadline)
    now = app.clock.now()
    if any(left(each) for each in after):
        due = act_again(act, occasion.known, Setback(reason=why(after)), now=now)
        return await conclude(app, act.id, lambda current: current, Conclusion(targets=after, due=due)), after
    below = tuple(each for each in after if not each.root)
    await store(app, Intent(act_id=act.id, targets=below), lambda marks, _: without(marks, act.id) if marks else None)
    conclusion = Conclusion(targets=after, changes=tuple(await closing_rows(app, act, after)))
    ended = await conclude(app, act.id, lambda current: replace(current, phase=Phase.ENDED, ended_at=now), conclusion)
    return ended, after


async def _freed(app: Enforcement, act: Act, targets: Sequence[ActTarget]) -> tuple[ActTarget, ...]:
    kept = [each for each in targets if each.outcome is Outcome.KEPT]
    place = act.places[0]
    if not kept:
        return tuple(targets)
    rows = await repository_rows(app, place.registry, place.repository)
    running = await running_in(app, place.registry, place.repository)
    wanted = await wanted_by_others(app, act, kept, (rows, running))
    wanted |= kept_by_marks(rows, [each.target for each in kept], act.id)
    free = {each.target for each in kept} - wanted.keys()
    return tuple(replace(each, outcome=Outcome.WAITING) if each.target in free else each for each in targets)
