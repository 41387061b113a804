"""One certificate authority for all registries of a session, and one world for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localcloud.tls import Authority
from tests.acts.world import ActWorld, acting


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def trusted(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file(tmp_path / "ca.pem")))


@pytest.fixture
async def made(authority: Authority) -> AsyncIterator[ActWorld]:
    async with acting(authority) as each:
        yield each
