"""What runs of a registry's images, by repository and digest: read from the ledger once, and only when it is asked."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from taglock.domain.deployment import Deployment
from taglock.domain.deployment_ledger import deployment_of
from taglock.domain.reference import Digest, LoginServer, Repository
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deployments import workloads

Running = Mapping[Digest, Sequence[Deployment]]
"""Who runs each digest of one repository."""


class RunningImages:
    """The images of one registry that workloads run; raises LedgerError when that cannot be read."""

    def __init__(self, app: Enforcement, registry: LoginServer) -> None:
        self._app = app
        self._registry = registry
        self._reading = asyncio.Lock()
        self._found: Mapping[Repository, Running] | None = None

    async def of(self, repository: Repository) -> Running:
        """Return what runs of a repository; a tag that was not resolved yet names no digest and is left out."""
        async with self._reading:  # repositories are audited side by side
            if self._found is None:
                self._found = await self._read()
        return self._found.get(repository, {})

    async def _read(self) -> Mapping[Repository, Running]:
        found: dict[Repository, dict[Digest, list[Deployment]]] = defaultdict(lambda: defaultdict(list))
        async for workload in workloads(self._app):
            for run in workload.runs:
                if run.image.registry == self._registry and run.digest is not None:
                    found[run.image.repository][run.digest].append(deployment_of(workload, run))
        return found
