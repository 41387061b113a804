"""Time to list what runs, with each audit: workloads that no event told of are recorded and locked too."""

from collections.abc import Sequence

from taglock.domain.handled import Handled
from taglock.enforcement.context import Enforcement
from taglock.enforcement.refreshing import Refreshed, refresh_deployments
from taglock.telemetry import invocation

TRIGGER = "list_deployments"


async def deployments_listed(app: Enforcement) -> Sequence[Refreshed]:
    """List the configured subscriptions; one that cannot be listed is told of and never hinders the others."""
    with invocation(app.signals, TRIGGER) as line:
        refreshed = await refresh_deployments(app, trigger=TRIGGER)
        for each in refreshed:
            for one in each.handled:
                if one.outcome != "already":
                    line.tells(one)
            outcome, problems = ("failed", (each.problem,)) if each.problem else ("listed", ())
            line.tells(Handled(trigger=TRIGGER, outcome=outcome, image=each.subscription, problems=problems))
    return refreshed
