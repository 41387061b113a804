"""An audit beside what else reads a registry: a bare loop over the same pages, the SDK's lists, and tag by tag."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.audits import Size, audit_costs, seed
from bench.contenders.bare import Bare, opened_bare
from bench.contenders.sdk import opened_sdk
from bench.emulator import BenchFailed, Emulator, running
from bench.rows import Aim, Of, Row, Samples
from bench.stage import LATENCY_SECONDS, Stage, environment

if TYPE_CHECKING:
    from azure.containerregistry.aio import ContainerRegistryClient

SIZE = Size(tags=10_000, repositories=10)
SAMPLE = 60
"""Tags that are read one by one; the time is scaled to all of them."""
AT_ONCE = 4
REPETITIONS = 3
NAMES = [f"prod/r{number:04d}" for number in range(SIZE.repositories)]


async def audit_peers(stage: Stage) -> Sequence[Row]:
    """Measure a second audit of 10,000 tags, 20 ms late with each answer, beside the others."""
    with (
        tempfile.TemporaryDirectory(prefix="taglock-bench-") as text,
        running(Path(text), cores=stage.cores) as emulator,
    ):
        emulator.seed(seed(SIZE))
        emulator.set_latency(LATENCY_SECONDS)
        with environment(emulator.started.environment):
            async with opened_bare(emulator) as bare, opened_sdk(emulator) as sdk:
                return await _measured(emulator, Path(text), bare, sdk.client)


async def _measured(emulator: Emulator, folder: Path, bare: Bare, client: "ContainerRegistryClient") -> Sequence[Row]:
    own, floor = [], []
    for repetition in range(REPETITIONS):
        ledger = folder / f"audits-{repetition}.sqlite"
        costs = await asyncio.to_thread(audit_costs, emulator, ledger, watched=False)
        own.append(costs[-1].wall_seconds)
        floor.append(await _timed(lambda: _pages(bare)))
    # Half a minute each, and so far away that once is enough.
    lists = [await _timed(lambda: _lists(client))] * REPETITIONS
    singles = [await _timed(lambda: _one_by_one(client)) * SIZE.tags / SAMPLE] * REPETITIONS
    name = f"audit of {SIZE.tags:,} tags at {LATENCY_SECONDS * 1000:.0f} ms"
    return [
        Row(
            name=f"{name}, beside the SDK's lists",
            unit="s",
            samples=Samples(own=own, floor=floor, peer=lists),
            aim=Aim(of=Of.PEER, at_most=1 / 8),
        ),
        Row(
            name=f"{name}, beside the SDK tag by tag",
            unit="s",
            samples=Samples(own=own, floor=floor, peer=singles),
            aim=Aim(of=Of.PEER, at_most=1 / 200),
        ),
        Row(
            name=f"{name}, beside a bare loop",
            unit="s",
            samples=Samples(own=own, floor=floor),
            aim=Aim(of=Of.FLOOR, at_most=2),
        ),
    ]


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = perf_counter()
    await work()
    return perf_counter() - began


async def _pages(bare: Bare) -> None:
    """Fetch the pages that an audit reads, as many repositories at once, and parse nothing but what names the next."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        path = f"/acr/v1/{quote(name, safe='')}"
        async with places:
            await bare.fetch(path)
            for noun in ("_tags", "_manifests"):
                following: str | None = f"{path}/{noun}?n=1000"
                while following is not None:
                    following = await bare.fetch(following)

    await bare.fetch("/acr/v1/_catalog?n=1000")
    await asyncio.gather(*(one(name) for name in NAMES))


async def _lists(client: "ContainerRegistryClient") -> None:
    seen = 0
    async for name in client.list_repository_names():
        async for _ in client.list_tag_properties(name):
            seen += 1
        async for _ in client.list_manifest_properties(name):
            pass
    if seen != SIZE.tags:
        raise BenchFailed(f"the SDK listed {seen} tags, expected {SIZE.tags}")


async def _one_by_one(client: "ContainerRegistryClient") -> None:
    left = SAMPLE
    async for tag in client.list_tag_properties(NAMES[0]):
        if left == 0:
            return
        left -= 1
        read = await client.get_tag_properties(NAMES[0], tag.name)
        await client.get_manifest_properties(NAMES[0], read.digest)
