"""The plan of an audit as the ledger keeps it: images by severity, then repositories."""

from collections.abc import AsyncIterator

from taglock.domain.audit.planned import restored_planned
from taglock.domain.audit.rows import RANKS, Planned, plan_partition
from taglock.domain.audit_report import ActionState
from taglock.domain.reference import LoginServer, Repository
from taglock.enforcement.context import Enforcement

PAGE = 1000


async def planned_actions(
    app: Enforcement, partition: str, *, start: str = "", end: str = "\U0010ffff"
) -> AsyncIterator[Planned]:
    """Yield the actions of a plan's partition, start <= key < end, in the order of their keys; raises LedgerError."""
    while True:
        rows = await app.rows.scan(partition, start=start, end=end, limit=PAGE)
        for row in rows:
            yield restored_planned(row)
        if len(rows) < PAGE:
            return
        start = rows[-1].key.key + "\0"


async def failed_image(app: Enforcement, registry: LoginServer, audit_id: str, repository: Repository) -> str:
    """Return an image of a repository that this audit could not lock, '' when there is none."""
    for rank in RANKS.values():
        # Behind a repository's name comes `:` with a tag or `@` with a digest; `A` is the first character behind both.
        start, end = f"{rank}/{repository}:", f"{rank}/{repository}A"
        async for planned in planned_actions(app, plan_partition(registry, audit_id), start=start, end=end):
            if planned.state is ActionState.FAILED:
                return planned.shown
    return ""
