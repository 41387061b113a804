"""One certificate authority for all worlds of a session."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localcloud.tls import Authority
from tests.deploying.world import Deployed, deployed_world


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def trusted(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file(tmp_path / "ca.pem")))


@pytest.fixture
async def local(authority: Authority) -> AsyncIterator[Deployed]:
    async with deployed_world(authority) as made:
        yield made
