"""Look at what is wanted again after the last update of a loosening act, and lock again what somebody else wants now.

A lock that had read the marks before they were written may have recorded a release, and an act may have begun, while
attributes were being turned on. The registry knows no conditional update, so the ledger is asked again afterwards.
"""

from collections.abc import Mapping, Sequence
from copy import replace

from taglock.domain.acts.act import Act, ActTarget, Outcome
from taglock.domain.acts.claims import Concern
from taglock.domain.acts.loosening import with_kept
from taglock.domain.acts.marks import Marks, without
from taglock.domain.acts.wanted import wanted
from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.reference import Digest, Target, TargetKind
from taglock.enforcement.acts.applying import tighten
from taglock.enforcement.acts.storing import Intent, store
from taglock.enforcement.acts.wanting import RepositoryRows, kept_by_others, of_manifests, repository_rows
from taglock.enforcement.context import Enforcement

UNTOUCHED = (Outcome.KEPT, Outcome.GONE)


async def settle(app: Enforcement, act: Act, targets: Sequence[ActTarget], *, deadline: float) -> tuple[ActTarget, ...]:
    """Return the targets as they are after what others want by now is locked again and left to them.

    What runs meanwhile is recorded and changes nothing here. Raises LedgerError and RegistryError.
    """
    place = act.places[0]
    rows = await repository_rows(app, place.registry, place.repository)
    loose = [each for each in targets if each.outcome not in UNTOUCHED]
    reasons = await wanted_by_others(app, act, loose, (rows, {}))
    kept = [each for each in with_kept(loose, reasons) if each.outcome is Outcome.KEPT]
    offs: dict[Target, Off] = {each.target: each.prior | rows.locked(each.target) for each in kept}
    forbidden = {each.target: _by_acts(rows.marks(each.target)) for each in loose}
    offs = {each.target: offs.get(each.target, frozenset()) | forbidden[each.target] for each in loose}
    again = [each for each in loose if offs[each.target]]
    if not again:
        return tuple(targets)
    updated = {each.target.target: each.target for each in await tighten(app, again, offs, deadline=deadline)}
    settled = [_settled(each, updated.get(each.target), reasons) for each in targets]
    left = [each for each in settled if each.target in reasons and each.outcome is Outcome.KEPT]
    await store(
        app,
        Intent(act_id=act.id, targets=tuple(left)),
        lambda marks, _: without(marks, act.id) if marks is not None else None,
    )
    return tuple(settled)


async def wanted_by_others(
    app: Enforcement, act: Act, loose: Sequence[ActTarget], known: tuple[RepositoryRows, Mapping[Digest, str]]
) -> dict[Target, str]:
    """Return which targets other releases, locked indexes and what runs want, and why; `known` as `kept_by_others`.

    Raises LedgerError and RegistryError.
    """
    place = act.places[0]
    if place.whole_repository:
        return {}
    closure = frozenset(Digest(each.target.name) for each in loose if each.target.kind is TargetKind.MANIFEST)
    concern = Concern(tag=place.tag, root=place.digest, closure=closure, since=act.created_at)
    home = (place.registry, place.repository)
    return of_manifests(*home, await kept_by_others(app, home, concern, known))


def _by_acts(marks: Marks | None) -> Off:
    """Return what acts want that began since the target was read; a grant suspends holds, not quarantines."""
    return wanted(NOTHING_OFF, marks)


def _settled(target: ActTarget, locked: ActTarget | None, reasons: dict[Target, str]) -> ActTarget:
    if locked is None or (target.target not in reasons and locked.outcome is Outcome.RESTORED):
        return target
    if locked.outcome is Outcome.RESTORED:
        return replace(target, outcome=Outcome.KEPT, message=reasons[target.target])
    return locked
