"""One certificate authority for all worlds of a session."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localcloud.tls import Authority
from tests.doctor.world import Examined, examined_world


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def trusted(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file(tmp_path / "ca.pem")))


@pytest.fixture
async def doctor(authority: Authority) -> AsyncIterator[Examined]:
    async with examined_world(authority) as made:
        yield made
