"""The app in Microsoft's worker behind the local host: once with keys, once behind App Service authentication."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from localcloud.cloud import CloudOptions, LocalCloud
from tests.http.caller import AUDIENCE, Callers, Keyed

ROOT = Path(__file__).resolve().parents[2]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keyed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Keyed]:
    """The app with TAGLOCK_HTTP_AUTH=key, and a caller who holds the key of each function."""
    async with (
        LocalCloud(CloudOptions(app=ROOT, folder=tmp_path_factory.mktemp("keyed"))) as cloud,
        Keyed(cloud) as caller,
    ):
        yield caller


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def entra(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callers]:
    """The app behind App Service authentication, and callers with roles."""
    options = CloudOptions(app=ROOT, folder=tmp_path_factory.mktemp("entra"), audience=AUDIENCE)
    async with LocalCloud(options) as cloud, Callers(cloud) as callers:
        yield callers
