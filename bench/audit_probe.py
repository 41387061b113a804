"""Audit a registry in an interpreter of its own and say what it cost: CPU, peak memory, requests, time.

`python -m bench.audit_probe LOGIN_SERVER LEDGER audit` prints one line of JSON for each of two audits;
`... watch` writes a release for every tag and a proof for every manifest into the ledger, as after years of pushes.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import batched
from pathlib import Path

from taglock.adapters.acr_registry import AcrOptions, AcrRegistry, open_registry
from taglock.adapters.credential import open_credential
from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.attributes import IMMUTABLE, UNDELETABLE
from taglock.domain.audit_report import AuditReport
from taglock.domain.ledger import ProvenManifest, Release, manifest_key, release_key, stored
from taglock.domain.listing import ListedManifest
from taglock.domain.reference import LoginServer, Repository
from taglock.domain.row import Change, Upsert
from taglock.domain.rule import Mode
from taglock.enforcement.audit.context import Auditing, AuditLimits
from taglock.enforcement.audit.going_on import begin_audit, go_on
from taglock.enforcement.context import Enforcement
from taglock.ports import Listing, RowStore
from taglock.rule_file import read_rules
from taglock.services import SystemClock

RULES = Path(__file__).with_name("lock_rules.toml")
NEVER_REACHED_PER_MINUTE = 10_000_000
KIBIBYTE = 1024
RULE = "semver-releases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one audit cost."""

    verdict: str
    tags: int
    manifests: int
    requests: int
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    """Of the whole interpreter, since it began."""

    @property
    def cpu_microseconds(self) -> float:
        """For each object: a tag or a manifest."""
        return self.cpu_seconds * 1e6 / max(1, self.tags + self.manifests)


async def probe(login_server: str, ledger: str, work: str) -> None:
    """Fill the ledger, or audit twice and print what each cost."""
    credential = open_credential(client_id=None)
    options = AcrOptions(
        audience="https://containerregistry.azure.net",
        reads_per_minute=NEVER_REACHED_PER_MINUTE,
        writes_per_minute=NEVER_REACHED_PER_MINUTE,
    )
    registry = open_registry(LoginServer(login_server), credential=credential, options=options)
    rows = open_sqlite(ledger)
    try:
        if work == "watch":
            await _watch(registry, rows)
        for _ in range(0 if work == "watch" else 2):
            print(json.dumps(asdict(await _measured(_auditing(registry, rows)))), flush=True)
    finally:
        await rows.aclose()
        await registry.aclose()
        await credential.close()


async def _measured(auditing: Auditing) -> Cost:
    (registry,) = auditing.app.known_registries.values()
    cpu, wall = time.process_time(), time.perf_counter()
    report = await _audited(auditing, registry)
    return Cost(
        verdict=report.verdict,
        tags=report.coverage.tags.seen,
        manifests=report.coverage.manifests.seen,
        requests=report.requests,
        cpu_seconds=time.process_time() - cpu,
        wall_seconds=time.perf_counter() - wall,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE,
    )


async def _audited(auditing: Auditing, registry: LoginServer) -> AuditReport:
    message = (await begin_audit(auditing, registry)).message
    while message is not None:
        went = await go_on(auditing, message)
        if went.report is not None:
            return went.report
        message = went.message
    raise RuntimeError("the audit was dropped")


def _auditing(registry: AcrRegistry, rows: RowStore) -> Auditing:
    rules = read_rules(RULES)
    app = Enforcement(
        known_registries={"bench": registry.login_server},
        registries=lambda _login_server: registry,
        rules=lambda: rules,
        rows=rows,
        publisher=None,
        clock=SystemClock(),
        mode=Mode.ENFORCE,
    )
    return Auditing(
        app=app,
        listings=lambda _login_server: registry.listing(),
        background=lambda _login_server: registry.background(),
        limits=AuditLimits(invocation_seconds=3600.0),
    )


async def _watch(registry: AcrRegistry, rows: RowStore) -> None:
    listing = registry.listing()
    after: str | None = ""
    while after is not None:
        page = await listing.repositories(after)
        for name in page.items:
            await _watch_repository(registry.login_server, listing, name, rows)
        after = page.following


async def _watch_repository(registry: LoginServer, listing: Listing, name: Repository, rows: RowStore) -> None:
    after: str | None = ""
    while after is not None:
        page = await listing.manifests(name, after)
        changes = [change for each in page.items for change in _rows_of(registry, name, each)]
        for part in batched(changes, 90, strict=False):
            await rows.write(part)
        after = page.following


def _rows_of(registry: LoginServer, name: Repository, manifest: ListedManifest) -> Sequence[Change]:
    proof = ProvenManifest(
        digest=manifest.digest,
        media_type=manifest.media_type,
        off=UNDELETABLE.off,
        rule=RULE,
        mode=Mode.ENFORCE,
        proven_at=manifest.created_at,
    )
    releases = [
        Release(
            registry=registry,
            repository=name,
            tag=tag,
            digest=manifest.digest,
            rule=RULE,
            mode=Mode.ENFORCE,
            tag_off=IMMUTABLE.off,
            manifest_off=UNDELETABLE.off,
            manifests=1,
            event_id=tag,
            pushed_at=manifest.created_at,
            locked_at=manifest.created_at,
        )
        for tag in manifest.tags
    ]
    return [
        Upsert(manifest_key(registry, name, manifest.digest), stored(proof)),
        *(Upsert(release_key(registry, name, release.tag), stored(release)) for release in releases),
    ]


if __name__ == "__main__":
    asyncio.run(probe(sys.argv[1], sys.argv[2], sys.argv[3]))
