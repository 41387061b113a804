"""One certificate authority for all worlds of a session, and a world whose signals are heard."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localcloud.tls import Authority
from tests.telemetry.listening import Told, listening


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def trusted(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file(tmp_path / "ca.pem")))


@pytest.fixture
async def told(authority: Authority) -> AsyncIterator[Told]:
    async with listening(authority) as made:
        yield made
