"""Retire all releases that a wrong rule locked, or that were locked since a time: planned and counted first.

The plan is named by what it would retire, so that nobody carries out another one than was shown. Every retirement of it
is stored as an act of its own before the first one begins; due work carries out what the call has no time for.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from copy import replace
from itertools import groupby

from taglock.domain.acts.act import Act, ActKind, Phase, Place
from taglock.domain.acts.answer import ManyRetired, Retirement
from taglock.domain.acts.going_on import leased
from taglock.domain.acts.request import RetireManyAsked
from taglock.domain.audit.rows import RELEASE_PREFIX, repositories_partition
from taglock.domain.deployment_ledger import after
from taglock.domain.ledger import Release, derived_id, image_partition, restored
from taglock.domain.reference import LoginServer, Repository
from taglock.domain.rule import Mode
from taglock.enforcement.acts.passing import Occasion
from taglock.enforcement.acts.retire import end_refused, retire_now
from taglock.enforcement.acts.storing import beginning_rows
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.enforcement.side_by_side import all_ended
from taglock.errors import ActRefused, InvalidRequest, LedgerError, NotFound, Refusal, RegistryError

PAGE = 1000
TRIGGER = "retire_many"
AT_ONCE = 4
"""Retirements under way at once; each has many requests of its own."""


async def preview_retire_many(app: Enforcement, asked: RetireManyAsked) -> ManyRetired:
    """Return what would be retired, and the plan's name; changes nothing.

    Raises ActRefused beyond what one call may retire, InvalidRequest without a rule or a time, and LedgerError.
    """
    if asked.rule is None and asked.since is None:
        raise InvalidRequest.at("$", None, "a rule, a time or both: never all releases")
    releases = sorted(
        [each async for each in _chosen(app, asked)], key=lambda each: (each.registry, each.repository, each.tag)
    )
    _expect_within(app, releases)
    return ManyRetired(plan=_plan(releases), retirements=tuple(_retirement(each) for each in releases))


async def retire_many(app: Enforcement, asked: RetireManyAsked) -> ManyRetired:
    """Carry out the plan that was acknowledged; without one it is only a preview.

    Raises ActRefused when the plan would be another one now, and what the preview raises; nothing was changed then.
    """
    planned = await preview_retire_many(app, asked)
    if asked.acknowledge is None:
        return planned
    if asked.acknowledge != planned.plan:
        reason = f"the plan is {planned.plan} now, acknowledged was {asked.acknowledge}"
        raise ActRefused(Refusal.PLAN_CHANGED, reason, plan=planned.plan, releases=len(planned.retirements))
    acts = [_act(app, asked, planned.plan, each) for each in planned.retirements]
    await write(app, [row for act in acts for row in beginning_rows(act, leased(act, now=act.created_at))])
    occasion = Occasion(trigger=TRIGGER, deadline=asyncio.get_running_loop().time() + app.limits.event_seconds)
    done = await _carried_out(app, list(zip(acts, planned.retirements, strict=True)), occasion)
    return ManyRetired(plan=planned.plan, retirements=tuple(done), carried_out=True)


async def _carried_out(
    app: Enforcement, pairs: Sequence[tuple[Act, Retirement]], occasion: Occasion
) -> list[Retirement]:
    """Retire one after the other within a repository: what two of them share is let go with the last."""
    places = asyncio.Semaphore(AT_ONCE)

    async def of_repository(group: Sequence[tuple[Act, Retirement]]) -> list[Retirement]:
        async with places:
            return [await _retired(app, act, retirement, occasion) for act, retirement in group]

    groups = groupby(pairs, key=lambda pair: (pair[1].place.registry, pair[1].place.repository))
    done = await all_ended([of_repository(list(group)) for _, group in groups])
    return [each for group in done for each in group]


# -- the plan -----------------------------------------------------------------------------------------------------


async def _chosen(app: Enforcement, asked: RetireManyAsked) -> AsyncIterator[Release]:
    """Yield the releases that were really locked, by the rule and since the time that are asked for."""
    registries = [asked.registry] if asked.registry is not None else sorted(set(app.known_registries.values()))
    for registry in registries:
        async for repository in _repositories(app, registry):
            async for release in _releases(app, registry, repository):
                by_rule = asked.rule in (None, release.rule)
                if release.mode is Mode.ENFORCE and by_rule and _is_since(asked, release):
                    yield release


def _is_since(asked: RetireManyAsked, release: Release) -> bool:
    return asked.since is None or release.locked_at >= asked.since


async def _repositories(app: Enforcement, registry: LoginServer) -> AsyncIterator[Repository]:
    start = ""
    while True:
        rows = await app.rows.scan(repositories_partition(registry), start=start, limit=PAGE)
        for row in rows:
            yield Repository(row.key.key)
        if len(rows) < PAGE:
            return
        start = rows[-1].key.key + "\0"


async def _releases(app: Enforcement, registry: LoginServer, repository: Repository) -> AsyncIterator[Release]:
    partition, start = image_partition(registry, repository), RELEASE_PREFIX
    while True:
        rows = await app.rows.scan(partition, start=start, end=after(RELEASE_PREFIX), limit=PAGE)
        for row in rows:
            yield restored(Release, row.body)
        if len(rows) < PAGE:
            return
        start = rows[-1].key.key + "\0"


def _expect_within(app: Enforcement, releases: Sequence[Release]) -> None:
    if len(releases) > app.acts.bulk:
        reason = f"{len(releases)} releases would be retired, at most {app.acts.bulk} may be at once"
        raise ActRefused(Refusal.LIMIT_EXCEEDED, f"{reason} (TAGLOCK_MAX_ACTIONS)", limit=app.acts.bulk)


def _name(release: Release) -> str:
    return f"{release.registry}/{release.repository}:{release.tag}@{release.digest}"


def _plan(releases: Sequence[Release]) -> str:
    """Return what names exactly these releases as they were locked."""
    return derived_id("retire many", *(f"{_name(each)} {each.rule} {each.locked_at.isoformat()}" for each in releases))


def _retirement(release: Release) -> Retirement:
    place = Place(registry=release.registry, repository=release.repository, tag=release.tag, digest=release.digest)
    return Retirement(place=place, rule=release.rule)


# -- carrying it out ----------------------------------------------------------------------------------------------


def _act(app: Enforcement, asked: RetireManyAsked, plan: str, retirement: Retirement) -> Act:
    """Return the act of one retirement; its id follows from the plan, so that a repeated call begins none twice."""
    return Act(
        id=derived_id("retire many", plan, str(retirement.place)),
        kind=ActKind.RETIRE,
        phase=Phase.BEGINNING,
        places=(retirement.place,),
        reason=asked.reason,
        by=asked.by,
        created_at=app.clock.now(),
        forced=asked.force,
        rule=retirement.rule,
    )


async def _retired(app: Enforcement, act: Act, retirement: Retirement, occasion: Occasion) -> Retirement:
    result = replace(retirement, act=act.id)
    if asyncio.get_running_loop().time() >= occasion.deadline:
        return replace(result, outcome="unfinished", message="due work goes on")
    try:
        answer = await retire_now(app, act, occasion)
    except (ActRefused, NotFound) as refused:
        await end_refused(app, act, refused)
        return replace(result, outcome="refused", message=str(refused))
    except (RegistryError, LedgerError) as error:
        return replace(result, outcome="unfinished", message=str(error))
    outcome = "retired" if answer.complete else "unfinished"
    return replace(result, outcome=outcome)
