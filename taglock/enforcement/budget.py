"""How far the handling of one event may go."""

import asyncio

from taglock.enforcement.context import Enforcement
from taglock.enforcement.locking import Budget


def event_budget(app: Enforcement) -> Budget:
    """Return the budget of an event that arrived just now."""
    return Budget(
        deadline=asyncio.get_running_loop().time() + app.limits.event_seconds,
        manifests=app.limits.event_manifests,
        parallel=app.limits.parallel_requests,
        closure=app.limits.closure,
    )
