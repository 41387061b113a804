"""Show acts as they are, and list them newest first."""

from collections.abc import Sequence

from taglock.domain.acts.act import ACTS, Act, ActKind, ListedAct, Outcome, Phase, act_key, listed_key
from taglock.domain.acts.answer import ActAnswer, ActPage
from taglock.domain.acts.undoing import undo_commands
from taglock.domain.deployment_ledger import after
from taglock.domain.http.queries import ActsQuery
from taglock.domain.ledger import restored
from taglock.domain.row import Row
from taglock.enforcement.acts.storing import read_act, read_targets
from taglock.enforcement.context import Enforcement

PAGE = 200


async def show(app: Enforcement, kind: ActKind, act_id: str) -> ActAnswer:
    """Return an act and what became of each target; raises UnknownAct and LedgerError."""
    act = (await read_act(app, act_id, kind=kind)).act
    targets = sorted(await read_targets(app, act_id), key=lambda each: (not each.root, each.target))
    names = {server: name for name, server in app.known_registries.items()}
    wanting = [each for each in targets if each.outcome not in (Outcome.RESTORED, Outcome.MOVED)]
    commands = undo_commands(wanting, registry_names=names) if act.phase is not Phase.ENDED else ()
    return ActAnswer(act=act, targets=tuple(targets), undo=commands)


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
