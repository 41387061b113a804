"""A registry on loopback with releases in it, and audits of it."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import replace
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from handlers.image_deployed import image_deployed
from localcloud.registry.flags import OPEN, Flags
from localcloud.tls import Authority
from taglock.adapters.acr_registry import AcrRegistry
from taglock.domain.audit.rows import AuditMessage, AuditRun
from taglock.domain.audit_report import AuditReport, FoundDifference
from taglock.domain.ledger import image_partition
from taglock.domain.reference import Repository
from taglock.domain.row import Delete
from taglock.enforcement.audit.context import Auditing, AuditLimits
from taglock.enforcement.audit.going_on import WentOn, begin_audit, go_on
from tests.pushing.world import RULES, World, world

HOUR = timedelta(hours=1)


@dataclass
class Audits:
    """A world, and what audits of it say."""

    local: World
    auditing: Auditing
    reports: list[AuditReport] = field(default_factory=list)

    async def audit(self, *, after: timedelta = HOUR, **changes: Any) -> AuditReport:
        """Let time pass, then audit the registry in as many invocations as it takes."""
        self.local.clock.advance(after)
        auditing = replace(self.auditing, app=self.local.app, **changes)
        begun = await begin_audit(auditing, self.local.login_server)
        message = begun.message
        while message is not None:
            went = await go_on(auditing, message)
            if went.report is not None:
                self.reports.append(went.report)
                return went.report
            message = went.message
        raise AssertionError("the audit was dropped")

    async def one_invocation(self, message: AuditMessage, **changes: Any) -> WentOn:
        return await go_on(replace(self.auditing, app=self.local.app, **changes), message)

    async def released(self, *tags: str, repository: str = "prod/api") -> None:
        """Push images and let the app lock them."""
        from tests.pushing.images import plain

        for tag in tags:
            event = self.local.push(tag, plain(f"{repository}:{tag}"), repository=repository)
            assert (await self.local.deliver(event)).outcome == "locked"

    async def deployed(self, *digests: str, repository: str = "prod/api", workload: str = "shop") -> None:
        """Let the app hear that a workload runs exactly these digests."""
        images = [f"{self.local.login_server}/{repository}@{digest}" for digest in digests]
        event = {
            "specversion": "1.0",
            "id": f"{workload}-{len(self.reports)}-{self.local.clock.now().isoformat()}",
            "source": "/pipelines/shop",
            "type": "Taglock.ImageDeployed",
            "time": self.local.clock.now().isoformat(),
            "data": {"workload": workload, "images": images, "environment": "production"},
        }
        await image_deployed(self.local.app, json.dumps(event))

    def updates(self) -> Counter[tuple[str, str]]:
        """How often each target was updated since the last `clear`, by repository and tag or digest."""
        seen = self.local.emulator.traffic.remembered
        return Counter((each.repository, each.reference) for each in seen if each.method == "PATCH")

    def own_flags(self, repository: str = "prod/api") -> Flags:
        """The repository's own attributes."""
        return self.local.emulator.store.repository(repository).flags

    def unlock_repository(self, repository: str = "prod/api", *, flags: Flags = OPEN) -> None:
        self.local.emulator.store.repository(repository).flags = flags

    def unlock(self, tag: str, *, repository: str = "prod/api", flags: Flags = OPEN) -> None:
        self.local.emulator.store.tag(repository, tag).flags = flags

    def unlock_manifest(self, digest: str, *, repository: str = "prod/api", flags: Flags = OPEN) -> None:
        self.local.emulator.store.manifest(repository, digest).flags = flags

    async def forget_children(self, repository: str = "prod/api") -> None:
        """Let the ledger know no index's children, as before any push or audit told them."""
        partition = image_partition(self.local.login_server, Repository(repository))
        rows = await self.local.app.rows.scan(partition, start="index/", end="index0")
        await self.local.app.rows.write([Delete(row.key) for row in rows])

    def digest_of(self, tag: str, *, repository: str = "prod/api") -> str:
        return self.local.emulator.store.tag(repository, tag).digest


def kinds(report: AuditReport) -> list[str]:
    return sorted(finding.kind for finding in report.findings)


def only(report: AuditReport) -> FoundDifference:
    (finding,) = report.findings
    return finding


@asynccontextmanager
async def audits(authority: Authority, *, rules: str = RULES, share: float = 1.0) -> AsyncIterator[Audits]:
    async with world(authority, rules=rules, share=share) as local:
        registry = local.app.registries(local.login_server)
        assert isinstance(registry, AcrRegistry)
        auditing = Auditing(
            app=local.app,
            listings=lambda _login_server: registry.listing(),
            background=lambda _login_server: registry.background(),
            limits=AuditLimits(checkpoint_seconds=0.0),
        )
        yield Audits(local, auditing)


__all__ = ["HOUR", "AuditRun", "Audits", "audits", "kinds", "only"]
