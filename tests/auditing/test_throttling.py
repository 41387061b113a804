"""An audit at the registry's limits: it keeps within its share, waits when told to, and lets events pass."""

import asyncio
from contextlib import AsyncExitStack
from copy import replace

from localcloud import faults
from localcloud.faults import Fault
from localcloud.registry.seeding import Bulk, seed_bulk
from localcloud.tls import Authority
from taglock.adapters.acr_registry import AcrOptions, AcrRegistry, open_registry
from taglock.domain.audit_report import AuditVerdict
from taglock.enforcement.audit.going_on import begin_audit
from tests.auditing.audit_world import Audits, audits
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, StaticCredential

READS_PER_MINUTE = 600
STANDARD_READS_PER_MINUTE = 5_000
REPOSITORIES = 130
"""Three requests for each: more than the share without its reserve, so that the audit has to wait."""


async def limited(made: Audits, stack: AsyncExitStack) -> AcrRegistry:
    """Let the registry and the app know the same, small limits; time passes as it does."""
    emulator = made.local.emulator
    emulator.options.throttling = "standard"
    emulator.options.throttle_scale = READS_PER_MINUTE / STANDARD_READS_PER_MINUTE
    made.local.clock.set_pace(1)
    options = AcrOptions(
        audience="https://containerregistry.azure.net",
        reads_per_minute=READS_PER_MINUTE,
        writes_per_minute=READS_PER_MINUTE // 5,
    )
    registry = open_registry(made.local.login_server, credential=StaticCredential(), options=options)
    stack.push_async_callback(registry.aclose)
    made.local.app = replace(made.local.app, registries=lambda _login_server: registry)
    made.auditing = replace(
        made.auditing,
        listings=lambda _login_server: registry.listing(),
        background=lambda _login_server: registry.background(),
    )
    return registry


async def test_an_audit_keeps_within_its_share_and_events_pass_it(authority: Authority) -> None:
    async with audits(authority) as made, AsyncExitStack() as stack:
        await limited(made, stack)
        store = made.local.emulator.store
        for number in range(REPOSITORIES):
            seed_bulk(store, f"dev/r{number:03d}", Bulk(images=2, first=number * 10))
        auditing = asyncio.create_task(made.audit())
        while made.local.requests().get("GET tags", 0) < REPOSITORIES * 0.8:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.02)
        for number in range(5):
            child = plain(f"child {number}")
            made.local.push(None, child)
            handled = await made.local.deliver(made.local.push(f"1.0.{number}", index(child, name=str(number))))
            assert handled.outcome == "locked"
            assert made.local.tag_flags(f"1.0.{number}") == LOCKED_TAG
        assert not auditing.done()
        report = await auditing
        assert report.verdict is AuditVerdict.CLEAN
        assert report.coverage.repositories.seen >= REPOSITORIES
        assert not [seen for seen in made.local.emulator.traffic.remembered if seen.status == 429]
        assert made.local.requests()["PATCH manifest"] == 10


async def test_an_audit_waits_as_long_as_the_registry_asks_for(made: Audits) -> None:
    await made.released("1.0.0")
    made.local.emulator.faults.add(Fault(action=faults.Throttled(retry_after_seconds=1), kind="tags", times=3))
    report = await made.audit()
    assert (report.verdict, report.coverage.tags.seen) == (AuditVerdict.CLEAN, 1)


async def test_an_audit_that_would_have_to_wait_too_long_goes_on_later(made: Audits) -> None:
    await made.released("1.0.0")
    made.local.emulator.faults.add(Fault(action=faults.Throttled(retry_after_seconds=600), kind="tags", times=1))
    begun = await begin_audit(made.auditing, made.local.login_server)
    assert begun.message is not None
    went = await made.one_invocation(begun.message)
    assert went.outcome == "continued"
