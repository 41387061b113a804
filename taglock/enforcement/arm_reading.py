"""Ask Azure Resource Manager what a resource runs, and ask again later when it cannot tell now."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from taglock.domain.azure_event import resource_ended, workload_deployed
from taglock.domain.deployment import ResourceChanged, WorkloadDeployed
from taglock.domain.due import Setback, again, due_rows
from taglock.domain.ledger import DueWork
from taglock.domain.outcome import Failure
from taglock.domain.row import Change
from taglock.enforcement.context import Enforcement
from taglock.errors import ArmError

PROVISIONING_SECONDS = 15.0
INSTANT = timedelta(microseconds=1)
"""What was read just now is later than anything that was recorded before."""


async def ask_arm(app: Enforcement, changed: ResourceChanged, deadline: float) -> WorkloadDeployed | Failure:
    """Return what a resource runs now, nothing when it is gone, or why that cannot be told."""
    target = str(changed.resource)
    if app.arm is None:
        return Failure(target=target, message="no Azure Resource Manager is configured", transient=True)
    try:
        async with asyncio.timeout_at(deadline):
            found = await app.arm.workload(changed.resource)
    except ArmError as error:
        return Failure(target=target, message=str(error), transient=error.transient, retry_after=error.retry_after)
    except TimeoutError:
        return Failure(target=target, message="the time was used up", transient=True)
    if found is None:
        return resource_ended(changed)
    if not found.ready:
        message = "the resource is still being provisioned"
        return Failure(target=target, message=message, transient=True, retry_after=PROVISIONING_SECONDS)
    return workload_deployed(found, changed)


def postponed(
    changed: ResourceChanged, known: DueWork | None, setback: Setback, now: datetime
) -> Sequence[Change] | None:
    """Return the due work of a resource that is to be read again, None when it has been tried for a whole day."""
    due = again(changed, known, setback, now)
    return due_rows(due) if due is not None else None
