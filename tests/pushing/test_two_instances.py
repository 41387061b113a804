"""Two instances of the app on one ledger, at the same time, on the same images."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from copy import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from handlers.due_work import due_work
from handlers.image_pushed import image_pushed
from localcloud.faults import Answer, Fault
from localcloud.tls import Authority
from taglock.adapters.ledger_sqlite import SqliteRows, open_sqlite
from taglock.adapters.ledger_tables import TableRows, open_tables
from taglock.enforcement.context import Enforcement
from tests.azurite import ACCOUNT, KEY, azurite
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, UNDELETABLE, World, opened_registry, world

__all__ = ["azurite"]  # a fixture

Open = Callable[[], SqliteRows | TableRows]


@pytest.fixture(params=["sqlite", "tables"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """A ledger that every call opens once more."""
    if request.param == "sqlite":
        return lambda: open_sqlite(str(tmp_path / "ledger.sqlite"))
    endpoint, table = request.getfixturevalue("azurite").table, f"t{uuid4().hex}"
    return lambda: open_tables(endpoint, credential=AzureNamedKeyCredential(ACCOUNT, KEY), table=table)


@asynccontextmanager
async def instances(authority: Authority, ledger: Open) -> AsyncIterator[tuple[World, list[Enforcement]]]:
    """Open two apps, each with its own connections to registry and ledger."""
    async with AsyncExitStack() as stack:
        local = await stack.enter_async_context(world(authority))
        apps = []
        for _ in range(2):
            rows = ledger()
            stack.push_async_callback(rows.aclose)
            registry = await stack.enter_async_context(opened_registry(local.login_server))
            apps.append(replace(local.app, rows=rows, registries=lambda _server, registry=registry: registry))
        local.app = apps[0]
        yield local, apps


@pytest.mark.parametrize("seed", range(4))
async def test_events_and_due_work_of_two_instances_end_as_one(authority: Authority, ledger: Open, seed: int) -> None:
    async with instances(authority, ledger) as (local, apps):
        chance = Random(seed)
        images, events = [], []
        for number in range(4):
            children = [plain(f"{number} amd64"), plain(f"{number} arm64")]
            for child in children:
                local.push(None, child)
            root = index(*children)
            events.append(local.push(f"1.0.{number}", root))
            images += [*children, root]
        local.emulator.faults.add(Fault(action=Answer(status=500), method="PATCH", kind="", skip=seed, times=8))
        local.emulator.faults.add(Fault(action=Answer(status=405), method="PATCH", kind="tag", skip=seed, times=2))
        for _ in range(3):
            calls = [image_pushed(chance.choice(apps), event) for event in events * 2]
            ticks = [due_work(app) for app in apps]
            together = [*calls, *ticks]
            chance.shuffle(together)
            await asyncio.gather(*together)
            local.clock.advance(timedelta(minutes=2))
        await local.settle()
        assert {local.tag_flags(f"1.0.{number}") for number in range(4)} == {LOCKED_TAG}
        assert {local.flags(image) for image in images} == {UNDELETABLE}
        assert {release.manifests for release in (await local.releases()).values()} == {3}
        assert len(await local.releases()) == 4
        assert await local.findings() == []
        assert len({event.id for event in local.topic.events}) == 4


@pytest.mark.parametrize("seed", range(4))
async def test_two_pushes_of_one_tag_at_two_instances_leave_the_later_as_release(
    authority: Authority, ledger: Open, seed: int
) -> None:
    async with instances(authority, ledger) as (local, apps):
        chance = Random(seed)
        first, second = plain("first"), plain("second")
        early = local.push("1.4.2", first)
        local.clock.advance(timedelta(seconds=1))
        late = local.push("1.4.2", second)
        deliveries = [image_pushed(chance.choice(apps), event) for event in [early, late] * 3]
        chance.shuffle(deliveries)
        await asyncio.gather(*deliveries)
        await local.settle()
        assert (await local.releases())["1.4.2"].digest == second.digest
        assert local.tag_flags("1.4.2") == LOCKED_TAG
        assert local.flags(second) == UNDELETABLE
