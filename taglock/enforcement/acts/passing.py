"""Carry a stored quarantine or hold on until its time is used up, and write what came of it."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from taglock.domain.acts.act import Act, ActKind, Phase, Place
from taglock.domain.ledger import DueWork
from taglock.domain.reference import Tag
from taglock.enforcement.acts.concluding import Came, conclude_tightening
from taglock.enforcement.acts.joining import settle_tag
from taglock.enforcement.acts.restoring import restore_all
from taglock.enforcement.acts.tightening import Tightening
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerError, RegistryError


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Why a pass is made, and until when."""

    trigger: str
    deadline: float
    """On the event loop's clock, in seconds."""
    known: DueWork | None = None
    """The due work that is resumed; None for a call."""


async def carry_on(
    app: Enforcement, passed: Tightening, work: Callable[[], Awaitable[None]], about: tuple[Act, Occasion]
) -> tuple[Act, bool]:
    """Do the work within the occasion's time, then write what came of it; return the act as it is, and if complete.

    What the ledger does not take now is not lost: the intent is stored, and due work makes the same pass again.
    """
    act, occasion = about
    reason = ""
    try:
        async with asyncio.timeout_at(occasion.deadline):
            await work()
            await passed.check_wanted()
    except TimeoutError:
        reason = "the time was used up"
    except LedgerError as error:
        reason = f"the ledger does not answer: {error}"
    reason = reason or await _moved(app, passed, act, occasion)
    came = Came(
        targets=passed.all_targets,
        complete=passed.complete and not reason,
        reason=reason,
        retry_after=passed.retry_after,
        trigger=occasion.trigger,
        known=occasion.known,
    )
    try:
        act = await conclude_tightening(app, act, came, tuple(passed.targets.values()))
        if act.phase in (Phase.ENDING, Phase.ENDED):
            await restore_all(app, act)  # what this pass stored after the end had looked
    except LedgerError:
        return act, False
    return act, came.complete


async def _moved(app: Enforcement, passed: Tightening, act: Act, occasion: Occasion) -> str:
    """Let tags that turned out to point elsewhere leave; return why one could not."""
    if act.kind is not ActKind.QUARANTINE:
        return ""
    for target in sorted(passed.moved):
        place = Place(registry=target.registry, repository=target.repository, tag=Tag(target.name))
        try:
            async with asyncio.timeout_at(occasion.deadline):
                settled = await settle_tag(app, place, trigger=occasion.trigger)
        except (RegistryError, LedgerError) as error:
            return f"{target}: {error}"
        except TimeoutError:
            return "the time was used up"
        for each in settled:
            passed.targets[target] = each
        if not settled:
            passed.targets.pop(target, None)
    return ""
