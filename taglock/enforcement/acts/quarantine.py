"""Make an image or a whole repository impossible to pull, by tag and by digest, and lift that again."""

import asyncio
from contextlib import suppress
from copy import replace
from functools import partial
from itertools import chain
from uuid import uuid4

from taglock.domain.acts.act import Act, ActKind, ActTarget, Phase, Place
from taglock.domain.acts.answer import ActAnswer, Runs, Surroundings
from taglock.domain.acts.going_on import leased
from taglock.domain.acts.request import EndAsked, QuarantineAsked
from taglock.domain.attributes import QUARANTINED
from taglock.domain.reference import Digest
from taglock.enforcement.acts.aiming import JoinsOther, anchor, manifest_targets, same_act, tag_targets
from taglock.enforcement.acts.ending import end_act
from taglock.enforcement.acts.listing import show, undo_by_hand
from taglock.enforcement.acts.passing import Occasion, carry_on
from taglock.enforcement.acts.reaching import Found, find, within
from taglock.enforcement.acts.storing import beginning_rows, forget, read_targets
from taglock.enforcement.acts.surroundings import (
    elsewhere,
    surroundings,
    to_acknowledge,
    who_runs_any,
    who_runs_repository,
)
from taglock.enforcement.acts.survey import Surveyed, survey_below, tags_named
from taglock.enforcement.acts.tightening import Tightening
from taglock.enforcement.context import Enforcement
from taglock.errors import ActRefused, LedgerError, Refusal


async def quarantine(app: Enforcement, asked: QuarantineAsked) -> ActAnswer:
    """Turn read and delete off on an image's closure and every tag that points at it; root and tags first.

    The same image again is answered with the quarantine that is open. Raises InvalidRequest, ActRefused,
    RegistryError and LedgerError; nothing was changed then. What could not be reached is due work.
    """
    deadline = asyncio.get_running_loop().time() + app.limits.event_seconds
    found = await within(deadline, find(app, asked.place))
    act = _act(app, asked, found.place)
    if other := same_act(act, found.place, found.marks_of(anchor(act.kind, found.place))):
        return replace(await show(app, ActKind.QUARANTINE, other), joined=True)
    runs = await _who_runs(app, found)
    _expect_acknowledged(asked, found.place, runs)
    if asked.everywhere and found.root is not None:
        act = replace(act, places=(found.place, *await elsewhere(app, found.place)))
    passed = Tightening(app, act)
    try:
        await found.begin(passed, beginning_rows(act, leased(act, now=app.clock.now())))
    except JoinsOther as joins:
        await forget(app, act, await read_targets(app, act.id))
        return replace(await show(app, ActKind.QUARANTINE, joins.act_id), joined=True)

    async def work() -> None:
        await passed.go_on(found.place, found.root)
        for place in act.places[1:]:
            await passed.again(place)

    act, _ = await carry_on(app, passed, work, (act, Occasion(trigger="quarantine", deadline=deadline)))
    around = Surroundings(runs=runs, acknowledge=to_acknowledge(found.place, runs))
    return await _answered(app, act, passed.all_targets, around)


async def preview_quarantine(app: Enforcement, asked: QuarantineAsked) -> ActAnswer:
    """Answer what `quarantine` would change and whom it concerns, and change nothing.

    Raises InvalidRequest, ActRefused, RegistryError and LedgerError.
    """
    deadline = asyncio.get_running_loop().time() + app.limits.event_seconds
    found = await within(deadline, find(app, asked.place))
    act = _act(app, asked, found.place)
    if found.root is None:
        runs = await who_runs_repository(app, found.place)
        around = Surroundings(runs=runs, acknowledge=to_acknowledge(found.place, runs))
        target = ActTarget(target=anchor(act.kind, found.place), prior=found.off, want=act.off, root=True)
        return replace(await _answered(app, act, (target,), around), preview=True)
    targets, unread = await within(deadline, _planned(app, act, found))
    closure = [found.root.manifest.digest, *(Digest(each.target.name) for each in targets if _is_below(each))]
    around = replace(await surroundings(app, found.place, closure), unread=unread)
    if asked.everywhere:
        act = replace(act, places=(found.place, *around.elsewhere))
    return replace(await _answered(app, act, targets, around), preview=True)


async def lift(app: Enforcement, asked: EndAsked) -> ActAnswer:
    """Give each target of a quarantine its prior attributes back, apart from what is wanted now; children first.

    Raises UnknownAct, ActRefused (another principal must lift; somebody changed a target meanwhile), RegistryError
    and LedgerError; nothing was changed then.
    """
    return await end_act(app, asked, ActKind.QUARANTINE)


def _act(app: Enforcement, asked: QuarantineAsked, place: Place) -> Act:
    return Act(
        id=str(uuid4()),
        kind=ActKind.QUARANTINE,
        phase=Phase.BEGINNING,
        places=(place,),
        reason=asked.reason,
        by=asked.by,
        created_at=app.clock.now(),
        off=QUARANTINED.off,
        manifest_off=QUARANTINED.off,
        ticket=asked.ticket,
        review_by=asked.review_by,
    )


async def _who_runs(app: Enforcement, found: Found) -> tuple[Runs, ...]:
    if found.root is None:
        return await who_runs_repository(app, found.place)
    return await who_runs_any(app, found.place.registry, [found.root.manifest.digest, *found.children])


def _expect_acknowledged(asked: QuarantineAsked, place: Place, runs: tuple[Runs, ...]) -> None:
    """Raise ActRefused unless nobody runs it, or exactly what may run was acknowledged."""
    needed = to_acknowledge(place, runs)
    if asked.acknowledge is not None and place.digest not in (None, asked.acknowledge):
        reason = f"{asked.acknowledge} was acknowledged, and {place} is about {place.digest}"
        raise ActRefused(Refusal.DIGEST_DIFFERS, reason, digest=place.digest)
    if needed and asked.acknowledge != needed:
        answer = runs[0].who
        workloads = sorted({run.workload for each in runs for run in each.who.deployments})
        reason = f"whether {place} runs: {answer.answer} ({answer.reason}); acknowledge {needed}"
        members = {"acknowledge": needed, "runs": answer.answer, "workloads": workloads}
        raise ActRefused(Refusal.ACKNOWLEDGE_REQUIRED, reason, **members)


async def _planned(app: Enforcement, act: Act, found: Found) -> tuple[tuple[ActTarget, ...], tuple[str, ...]]:
    root, registry = found.root, app.registries(found.place.registry)
    assert root is not None
    seen = {root.manifest.digest}
    below = await survey_below(registry, found.place.repository, [root.manifest], seen=seen, limit=app.limits.closure)
    level = [root.manifest, *(each for each in below if isinstance(each, Surveyed))]
    named = [await tags_named(registry, each.state, each.state.tags) for each in level[1:]]
    tags = {tag.target: tag for tag in chain(root.tags, *named)}
    targets = [
        *manifest_targets(act, level, root=root.manifest.digest),
        *tag_targets(act, tags.values(), root=root.manifest.digest),
    ]
    unread = [f"{each.digest}: {each.error}" for each in below if not isinstance(each, Surveyed)]
    unread += [f"{each.digest}: nobody names its children" for each in level if each.children is None]
    prior = partial(_with_prior, found)
    return tuple(sorted(map(prior, targets), key=lambda each: (not each.root, each.target))), tuple(unread)


def _with_prior(found: Found, target: ActTarget) -> ActTarget:
    marks = found.marks_of(target.target)
    return replace(target, prior=marks.prior) if marks is not None and marks.wants else target


def _is_below(target: ActTarget) -> bool:
    return not target.root and ":" in target.target.name


async def _answered(app: Enforcement, act: Act, targets: tuple[ActTarget, ...], around: Surroundings) -> ActAnswer:
    told = tuple(f"{each.target}: {each.message}" for each in targets if each.message)
    by_hand: tuple[str, ...] = ()
    with suppress(LedgerError):  # the quarantine stands; whoever asks for it again is told
        by_hand = await undo_by_hand(app, act, targets)
    around = replace(around, unread=(*around.unread, *told))
    return ActAnswer(act=act, targets=targets, surroundings=around, undo=by_hand)
