"""Tags come to quarantined digests and leave them: each joins what quarantines its digest, and leaves what does not."""

from collections.abc import Sequence
from copy import replace

from taglock.domain.acts.act import Act, ActKind, ActTarget, Outcome, Phase, Place
from taglock.domain.acts.announcing import act_journal
from taglock.domain.acts.going_on import leased
from taglock.domain.acts.marks import Marks, Want, ending, with_want
from taglock.domain.attributes import Off
from taglock.domain.ledger import ActDue, DueWork, Purpose
from taglock.domain.reference import Digest, LoginServer, Repository, Tag, manifest_target, tag_target
from taglock.enforcement.acts.restoring import restore
from taglock.enforcement.acts.storing import (
    Conclusion,
    Held,
    Intent,
    conclude,
    due_changes,
    held_marks_of,
    read_act,
    read_due,
    store,
)
from taglock.enforcement.acts.updating import left, not_updated, observe, proved, unproved, update
from taglock.enforcement.context import Enforcement
from taglock.errors import NotFound, RegistryError

OPEN_PHASES = (Phase.BEGINNING, Phase.OPEN)
JOIN, LEAVE = "join", "leave"


async def join_quarantine(
    app: Enforcement, registry: LoginServer, repository: Repository, tag: Tag, digest: Digest
) -> Sequence[ActTarget]:
    """Take a tag that points at a quarantined digest into every quarantine of it: its read and delete go off.

    Returns what became of it, one target for each quarantine; what could not be finished is due work of the
    quarantine. Raises RegistryError when the tag cannot be read, and LedgerError.
    """
    place = Place(registry=registry, repository=repository, tag=tag, digest=digest)
    return await settle_tag(app, place, trigger="image_pushed")


async def leave_quarantine(
    app: Enforcement, registry: LoginServer, repository: Repository, tag: Tag, digest: Digest
) -> Sequence[ActTarget]:
    """Take a tag that moved to `digest` out of every quarantine that is not of that digest, and restore it.

    Otherwise the fix for a bad image could not be pulled by its tag. Returns and raises as `join_quarantine`.
    """
    place = Place(registry=registry, repository=repository, tag=tag, digest=digest)
    return await settle_tag(app, place, trigger="image_pushed")


async def settle_tag(app: Enforcement, place: Place, *, trigger: str) -> Sequence[ActTarget]:
    """Make a tag part of exactly the open quarantines of the digest that it points at now."""
    assert place.tag is not None
    tagged = tag_target(place.registry, place.repository, place.tag)
    held = await held_marks_of(app.rows, [tagged])
    try:
        state = await app.registries(place.registry).tag(place.repository, place.tag)
    except NotFound:
        return []  # untagged meanwhile; a lift finds it gone
    now_at = state.digest
    manifest = manifest_target(place.registry, place.repository, now_at)
    root_marks = (await held_marks_of(app.rows, [manifest])).get(manifest)
    wanted = _quarantines(root_marks.marks if root_marks else None)
    wanted = {act_id: want for act_id, want in wanted.items() if not want.ending}
    present = _quarantines(held[tagged].marks if tagged in held else None)
    settled: list[ActTarget] = []
    for act_id in present:
        if act_id not in wanted:
            settled += await _leave(app, act_id, ActTarget(target=tagged, prior=state.off, digest=now_at), trigger)
    for act_id, want in wanted.items():
        if act_id not in present or present[act_id].ending:
            target = ActTarget(target=tagged, prior=state.off, want=want.off, root=want.root, digest=now_at)
            settled += await _join(app, act_id, target, (held, trigger))
            held = await held_marks_of(app.rows, [tagged])
    return settled


def _quarantines(marks: Marks | None) -> dict[str, Want]:
    wants = marks.wants if marks is not None else ()
    return {want.act: want for want in wants if want.kind is ActKind.QUARANTINE}


async def _join(app: Enforcement, act_id: str, found: ActTarget, about: tuple[Held, str]) -> list[ActTarget]:
    held, trigger = about
    act = (await read_act(app, act_id)).act
    if act.phase not in OPEN_PHASES:
        return []
    target = replace(found, want=act.off)
    want = Want(act=act.id, kind=act.kind, off=act.off, root=target.root)

    async def observe_again(again: ActTarget) -> Off | None:
        return (await observe(app.registries(again.target.registry), again.target)).off

    known = await read_due(app, act)
    intent = Intent(
        act_id=act.id,
        targets=(target,),
        first=due_changes(leased(act, known, now=app.clock.now())),
        held=held,
        observe=observe_again,
    )
    (kept,) = await store(app, intent, lambda marks, each: with_want(marks, each.target, want, observed=each.prior))
    joined = await _turned_off(app, kept)
    await _conclude(app, act, joined, (JOIN, trigger, known))
    return [joined]


async def _turned_off(app: Enforcement, target: ActTarget) -> ActTarget:
    try:
        state = await update(app.registries(target.target.registry), target.target, off=target.want)
    except RegistryError as error:
        return not_updated(target, error).target
    if not target.want <= state.off:
        return unproved(target, state).target
    return proved(target, Outcome.APPLIED, state).target


async def _leave(app: Enforcement, act_id: str, found: ActTarget, trigger: str) -> list[ActTarget]:
    act = (await read_act(app, act_id)).act
    if act.phase not in OPEN_PHASES:
        return []  # its own end restores the tag
    known = await read_due(app, act)
    target = replace(found, want=act.off)
    first = due_changes(leased(act, known, now=app.clock.now()))
    intent = Intent(act_id=act.id, targets=(target,), first=first)
    (kept,) = await store(app, intent, lambda marks, _: ending(marks, act.id) if marks is not None else None)
    (updated,) = await restore(app, act, [kept])
    gone = updated.target
    moved = gone if left(gone) or gone.outcome is Outcome.GONE else replace(gone, outcome=Outcome.MOVED)
    await _conclude(app, act, moved, (LEAVE, trigger, known))
    return [moved]


async def _conclude(app: Enforcement, act: Act, target: ActTarget, about: tuple[str, str, DueWork | None]) -> None:
    """Write what became of a tag; due work that was there before stays, and what is left here becomes due."""
    decision, trigger, known = about
    now = app.clock.now()
    journal = act_journal(act, decision, [target], by=act.by, now=now, trigger=trigger)
    due = leased(act, known, now=now) if left(target) and not _goes_on(known) else known
    await conclude(app, act.id, lambda current: current, Conclusion(targets=(target,), changes=(journal,), due=due))


def _goes_on(due: DueWork | None) -> bool:
    return due is not None and isinstance(due.subject, ActDue) and due.subject.purpose is Purpose.GO_ON
