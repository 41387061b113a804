"""The whole local cloud with the app in Microsoft's worker, once for the tests of this folder."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from localcloud.cloud import CloudOptions, LocalCloud

ROOT = Path(__file__).resolve().parents[2]


@pytest_asyncio.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(app=ROOT, folder=tmp_path)) as running:
        running.registry.options.missing_content = "allowed"
        yield running


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def hook(cloud: LocalCloud) -> Callable[[str], str]:
    functions = cloud.state.functions
    assert functions is not None
    return lambda name: (
        f"{functions.endpoint}/runtime/webhooks/EventGrid?functionName={name}&code={functions.keys.eventgrid}"
    )
