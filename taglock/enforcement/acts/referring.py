"""Find what refers to an image and was locked with it: signatures and the like, where its rule asks for them."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

import msgspec

from taglock.domain.acts.act import ActTarget, Outcome
from taglock.domain.acts.claims import turned_on
from taglock.domain.reference import Digest, LoginServer, Repository, TargetKind
from taglock.domain.rule import Mode
from taglock.enforcement.acts.survey import PARALLEL, Surveyed, survey_level
from taglock.enforcement.acts.wanting import RepositoryRows
from taglock.enforcement.context import Enforcement
from taglock.enforcement.side_by_side import all_ended
from taglock.errors import InvalidConfiguration, RegistryError

ROUNDS = 8
"""Signatures of signatures of signatures; nobody goes further."""


class Referring(msgspec.Struct, frozen=True, kw_only=True):
    """What was locked because it refers to a closure, and why that may not be all."""

    targets: tuple[ActTarget, ...] = ()
    unread: tuple[str, ...] = ()


async def locked_referrers(
    app: Enforcement, home: tuple[LoginServer, Repository], closure: Sequence[ActTarget], rows: RepositoryRows
) -> Referring:
    """Return the referrers that the ledger holds as locked, each kept where its subject is; raises RegistryError.

    Only where a rule of the closure's proofs locks referrers is the registry asked, once for each manifest. Without
    the permission to pull they cannot be listed; that is told, and keeps nobody from unlocking the rest.
    """
    subjects = [each for each in closure if each.target.kind is TargetKind.MANIFEST]
    if not _asked_for(app, subjects, rows):
        return Referring()
    found: dict[Digest, ActTarget] = {Digest(each.target.name): each for each in subjects}
    level, unread = subjects, list[str]()
    for _ in range(ROUNDS):
        named, untold = await _named(app, home, level)
        unread += untold
        new = {digest: subject for digest, subject in named.items() if digest not in found and _locked(rows, digest)}
        level = await _targets(app, home, new, rows)
        found |= {Digest(each.target.name): each for each in level}
        if not level:
            break
    return Referring(targets=tuple(list(found.values())[len(subjects) :]), unread=tuple(unread))


def _asked_for(app: Enforcement, subjects: Iterable[ActTarget], rows: RepositoryRows) -> bool:
    proofs = [rows.proofs.get(Digest(each.target.name)) for each in subjects]
    names = {proof.rule for proof in proofs if proof is not None}
    with suppress(InvalidConfiguration):
        rules = app.rules()
        return any(rule is not None and rule.referrers for rule in map(rules.rule, names))
    return bool(names)  # which rule asked for it cannot be told now


def _locked(rows: RepositoryRows, digest: Digest) -> bool:
    proof = rows.proofs.get(digest)
    return proof is not None and proof.mode is Mode.ENFORCE


async def _named(
    app: Enforcement, home: tuple[LoginServer, Repository], level: Sequence[ActTarget]
) -> tuple[dict[Digest, ActTarget], list[str]]:
    registry, places = app.registries(home[0]), asyncio.Semaphore(PARALLEL)

    async def one(subject: ActTarget) -> Sequence[Digest] | str:
        async with places:
            try:
                return await registry.referrers(home[1], Digest(subject.target.name))
            except RegistryError as error:
                return f"who refers to {subject.target} cannot be listed: {error.without_target}"

    told = list(zip(level, await all_ended(one(subject) for subject in level), strict=True))
    named = {digest: subject for subject, answer in told if not isinstance(answer, str) for digest in answer}
    return named, [answer for _, answer in told if isinstance(answer, str)]


async def _targets(
    app: Enforcement, home: tuple[LoginServer, Repository], named: dict[Digest, ActTarget], rows: RepositoryRows
) -> list[ActTarget]:
    read = await survey_level(app.registries(home[0]), home[1], list(named))
    return [
        _target(each, named[each.digest], rows)
        for each in read
        if isinstance(each, Surveyed)  # one that is gone needs no unlocking
    ]


def _target(referrer: Surveyed, subject: ActTarget, rows: RepositoryRows) -> ActTarget:
    kept = subject.outcome is Outcome.KEPT
    return ActTarget(
        target=referrer.state.target,
        prior=referrer.state.off,
        on=turned_on(referrer.state.off, recorded=rows.locked(referrer.state.target)),
        depth=subject.depth + 1,
        media_type=referrer.state.media_type,
        outcome=Outcome.KEPT if kept else Outcome.WAITING,
        message=f"it refers to {subject.target.name}, which is kept" if kept else "",
    )
