"""Each store under the ledger, opened empty: the tests of this folder run against every one of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from taglock.adapters.ledger_sqlite import SqliteRows, open_sqlite
from taglock.adapters.ledger_tables import TableRows, open_tables
from tests.azurite import ACCOUNT, KEY, Azurite, azurite

__all__ = ["azurite"]  # a fixture


def opened_tables(azurite: Azurite, table: str = "taglock") -> TableRows:
    return open_tables(azurite.table, credential=AzureNamedKeyCredential(ACCOUNT, KEY), table=table)


@pytest.fixture(params=["sqlite-file", "sqlite-memory", "tables"])
async def rows(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteRows | TableRows]:
    store: SqliteRows | TableRows
    match request.param:
        case "tables":
            store = opened_tables(request.getfixturevalue("azurite"))
        case "sqlite-memory":
            store = open_sqlite(":memory:")
        case _:
            store = open_sqlite(str(tmp_path / "ledger.sqlite"))
    yield store
    await store.aclose()


@pytest.fixture
def partition() -> str:
    """A partition that no other test uses; stores may be shared."""
    return f"partition-{uuid4()}"
