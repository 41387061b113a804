"""One certificate authority for all registries of a session."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localcloud.tls import Authority
from tests.auditing.audit_world import Audits, audits


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def trusted(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file(tmp_path / "ca.pem")))


@pytest.fixture
async def made(authority: Authority) -> AsyncIterator[Audits]:
    async with audits(authority) as each:
        yield each
