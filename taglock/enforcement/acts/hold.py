"""Lock an image or a repository by hand until the hold is ended, whatever the rules say."""

import asyncio
from copy import replace
from uuid import uuid4

from taglock.domain.acts.act import Act, ActKind, Phase, Place
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.acts.going_on import leased
from taglock.domain.acts.request import EndAsked, HoldAsked
from taglock.enforcement.acts.aiming import JoinsOther, anchor, same_act
from taglock.enforcement.acts.ending import end_act
from taglock.enforcement.acts.listing import show
from taglock.enforcement.acts.passing import Occasion, carry_on
from taglock.enforcement.acts.reaching import find, within
from taglock.enforcement.acts.storing import beginning_rows, forget, read_targets
from taglock.enforcement.acts.tightening import Tightening
from taglock.enforcement.context import Enforcement


async def hold(app: Enforcement, asked: HoldAsked) -> ActAnswer:
    """Turn the profile off on a tag and its closure, on a digest's closure, or on a repository.

    The same hold again is answered with the one that is open. Raises InvalidRequest, ActRefused, RegistryError and
    LedgerError; nothing was changed then. What could not be reached is due work.
    """
    deadline = asyncio.get_running_loop().time() + app.limits.event_seconds
    found = await within(deadline, find(app, asked.place))
    act = _act(app, asked, found.place)
    if other := same_act(act, found.place, found.marks_of(anchor(act.kind, found.place))):
        return replace(await show(app, ActKind.HOLD, other), joined=True)
    passed = Tightening(app, act)
    try:
        await found.begin(passed, beginning_rows(act, leased(act, now=app.clock.now())))
    except JoinsOther as joins:
        await forget(app, act, await read_targets(app, act.id))
        return replace(await show(app, ActKind.HOLD, joins.act_id), joined=True)

    async def work() -> None:
        await passed.go_on(found.place, found.root)

    act, _ = await carry_on(app, passed, work, (act, Occasion(trigger="hold", deadline=deadline)))
    return ActAnswer(act=act, targets=passed.all_targets)


async def end_hold(app: Enforcement, asked: EndAsked) -> ActAnswer:
    """Give each target of a hold its prior attributes back, apart from what is wanted now; children first.

    Raises UnknownAct, ActRefused, RegistryError and LedgerError; nothing was changed then.
    """
    return await end_act(app, asked, ActKind.HOLD)


def _act(app: Enforcement, asked: HoldAsked, place: Place) -> Act:
    by_tag = place.tag is not None
    return Act(
        id=str(uuid4()),
        kind=ActKind.HOLD,
        phase=Phase.BEGINNING,
        places=(place,),
        reason=asked.reason,
        by=asked.by,
        created_at=app.clock.now(),
        off=asked.profile.off,
        manifest_off=asked.manifest_profile.off if by_tag else asked.profile.off,
        profile=asked.profile.name,
    )
