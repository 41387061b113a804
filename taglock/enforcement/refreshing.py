"""List what runs in the configured subscriptions, so that workloads older than the app are known too."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from taglock.domain.arm_resource import ArmWorkload, parse_resource_id
from taglock.domain.azure_event import workload_deployed
from taglock.domain.deployment import Coverage, ResourceChanged, Source, Workload, WorkloadDeployed
from taglock.domain.deployment_ledger import coverage_row
from taglock.domain.handled import Handled
from taglock.enforcement.budget import event_budget
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deploying import deploy
from taglock.enforcement.deployments import workloads
from taglock.enforcement.recording import write
from taglock.enforcement.resources import read_resource
from taglock.enforcement.subject import Work
from taglock.errors import ArmError

AT_ONCE = 8


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of listing one subscription."""

    subscription: str
    handled: tuple[Handled, ...] = ()
    problem: str = ""
    """Why it could not be listed whole; no coverage is recorded then."""


async def refresh_deployments(app: Enforcement, *, trigger: str) -> Sequence[Refreshed]:
    """List every configured subscription, lock what runs there, and record the coverage.

    One subscription that cannot be listed never keeps the others waiting. Raises LedgerError or HandOverFailed when
    the ledger does not answer.
    """
    return await asyncio.gather(*(_Refresh(app, each, trigger).run() for each in app.subscriptions))


class _Refresh:
    """The listing of one subscription."""

    def __init__(self, app: Enforcement, subscription: str, trigger: str) -> None:
        self._app = app
        self._subscription = subscription
        self._trigger = trigger
        self._places = asyncio.Semaphore(AT_ONCE)
        self._seen: set[str] = set()
        self._started = app.clock.now()

    async def run(self) -> Refreshed:
        if self._app.arm is None:
            return Refreshed(subscription=self._subscription, problem="no Azure Resource Manager is configured")
        handled: list[Handled] = []
        try:
            listed = [found async for found in self._app.arm.workloads(self._subscription)]
        except ArmError as error:
            return Refreshed(subscription=self._subscription, problem=str(error))
        self._seen = {str(found.resource) for found in listed}
        for part in await asyncio.gather(*(self._take(found) for found in listed)):
            handled += part
        handled += await self._ask_for_the_missing()
        coverage = Coverage(subscription=self._subscription, listed_at=self._started, workloads=len(listed))
        await write(self._app, [coverage_row(coverage)])
        return Refreshed(subscription=self._subscription, handled=tuple(handled))

    async def _take(self, found: ArmWorkload) -> Sequence[Handled]:
        async with self._places:
            changed = self._changed(found)
            if not found.ready:
                return await read_resource(self._app, changed, self._work())
            return await deploy(self._app, _observed(workload_deployed(found, changed)), self._work())

    async def _ask_for_the_missing(self) -> Sequence[Handled]:
        """Ask for each resource that is recorded and was not listed: only Resource Manager itself ends it."""
        handled: list[Handled] = []
        missing = [each async for each in workloads(self._app) if self._is_missing(each)]
        for workload in missing:
            resource = parse_resource_id(workload.key)
            if resource is not None:
                changed = ResourceChanged(resource=resource, event_id=self._event_id, occurred_at=self._started)
                handled += await read_resource(self._app, changed, self._work())
        return handled

    def _is_missing(self, workload: Workload) -> bool:
        own = workload.key.startswith(f"/subscriptions/{self._subscription}/")
        return own and workload.source is Source.ARM and workload.key not in self._seen

    def _changed(self, found: ArmWorkload) -> ResourceChanged:
        return ResourceChanged(resource=found.resource, event_id=self._event_id, occurred_at=self._started)

    @property
    def _event_id(self) -> str:
        return f"listing/{_moment(self._started)}"

    def _work(self) -> Work:
        return Work(trigger=self._trigger, budget=event_budget(self._app))


def _observed(deployed: WorkloadDeployed) -> WorkloadDeployed:
    return msgspec.structs.replace(deployed, observed=True)


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
