"""Show acts as they are, and list them newest first."""

from collections.abc import Sequence

from taglock.domain.acts.act import ACTS, Act, ActKind, ActTarget, ListedAct, Phase, act_key, listed_key
from taglock.domain.acts.answer import ActAnswer, ActPage
from taglock.domain.acts.undoing import undo_command, undo_of
from taglock.domain.deployment_ledger import after
from taglock.domain.http.queries import ActsQuery
from taglock.domain.ledger import restored
from taglock.domain.reference import TargetKind
from taglock.domain.row import Row
from taglock.enforcement.acts.recorded import recorded_locks
from taglock.enforcement.acts.storing import held_marks_of, read_act, read_targets
from taglock.enforcement.context import Enforcement

PAGE = 200


async def show(app: Enforcement, kind: ActKind, act_id: str) -> ActAnswer:
    """Return an act and what became of each target; raises UnknownAct and LedgerError."""
    act = (await read_act(app, act_id, kind=kind)).act
    targets = sorted(await read_targets(app, act_id), key=lambda each: (not each.root, each.target))
    by_hand = await undo_by_hand(app, act, targets) if act.phase is not Phase.ENDED else ()
    return ActAnswer(act=act, targets=tuple(targets), undo=by_hand)


async def undo_by_hand(app: Enforcement, act: Act, targets: Sequence[ActTarget]) -> tuple[str, ...]:
    """Return the `az` commands that would undo a quarantine or hold as things are now, children first."""
    if act.kind not in (ActKind.QUARANTINE, ActKind.HOLD):
        return ()
    targets = sorted(targets, key=lambda each: (each.root, each.target.kind is TargetKind.TAG, each.target))
    names = {server: name for name, server in app.known_registries.items()}
    targets = [each for each in targets if each.target.registry in names]
    held = await held_marks_of(app.rows, [each.target for each in targets])
    locks = await recorded_locks(app.rows, [each.target for each in targets])
    commands = []
    for each in targets:
        marked = held.get(each.target)
        undo = undo_of(act, each, marked.marks if marked is not None else None, locked=locks[each.target])
        commands.append(undo_command(each, undo, registry_name=names[each.target.registry]))
    return tuple(command for command in commands if command)


async def listed(app: Enforcement, kind: ActKind, query: ActsQuery) -> ActPage:
    """Return one page of the acts of a kind that fit a query, newest first; raises LedgerError."""
    prefix = f"{kind}/"
    start = f"{prefix}{query.after}\0" if query.after is not None else prefix
    found: list[Act] = []
    while True:
        rows = await app.rows.scan(ACTS, start=start, end=after(prefix), limit=PAGE)
        for act in await _acts(app, rows):
            if act is None or not _fits(query, act):
                continue
            if len(found) == query.limit:
                return ActPage(acts=tuple(found), following=listed_key(found[-1]).key.removeprefix(prefix))
            found.append(act)
        if len(rows) < PAGE:
            return ActPage(acts=tuple(found))
        start = rows[-1].key.key + "\0"


def _fits(query: ActsQuery, act: Act) -> bool:
    if query.phase not in (None, act.phase):
        return False
    return any(
        query.registry in (None, place.registry) and query.repository in (None, place.repository)
        for place in act.places
    )


async def _acts(app: Enforcement, rows: Sequence[Row]) -> list[Act | None]:
    if not rows:
        return []
    held = await app.rows.read([act_key(restored(ListedAct, row.body).id) for row in rows])
    return [restored(Act, row.body) if row is not None else None for row in held]
