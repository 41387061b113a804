"""Each store under the ledger, opened empty: the tests of this folder run against every one of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest

from taglock.adapters.ledger_sqlite import SqliteRows, open_sqlite

Store = SqliteRows
StoreName = Literal["sqlite-file", "sqlite-memory"]


@pytest.fixture(params=["sqlite-file", "sqlite-memory"])
async def rows(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = open_sqlite(":memory:" if request.param == "sqlite-memory" else str(tmp_path / "ledger.sqlite"))
    yield store
    await store.aclose()


@pytest.fixture
def partition() -> str:
    """A partition that no other test uses; stores may be shared."""
    return f"partition-{uuid4()}"
