from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from localcloud.functions.storage import FolderStorage
from tests.localcloud.cloud.hosting import Hosted, hosted


@pytest_asyncio.fixture
async def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosted]:
    async with hosted(tmp_path, monkeypatch) as running:
        yield running


@pytest_asyncio.fixture
async def open_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosted]:
    async with hosted(tmp_path, monkeypatch, enforces_keys=False) as running:
        yield running


@pytest.fixture
def sample_storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)
