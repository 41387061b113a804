"""A certificate authority, a scripted peer, and readers opened on it."""

import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from taglock.adapters.arm_reader import ArmOptions, ArmReader, open_arm
from tests.adapters.arm.peer import Credential, Peer, listening

type Open = Callable[..., ArmReader]


@pytest.fixture
def trusted(authority_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority_file))


@pytest.fixture
async def peer(server_context: ssl.SSLContext) -> AsyncIterator[Peer]:
    async with listening(server_context) as peer:
        yield peer


@pytest.fixture
async def foreigner(server_context: ssl.SSLContext) -> AsyncIterator[Peer]:
    """A second host, which must never hear from us."""
    async with listening(server_context) as peer:
        yield peer
        assert peer.connections == 0


@pytest.fixture
def credential() -> Credential:
    return Credential()


@pytest.fixture
async def opened(trusted: None, peer: Peer, credential: Credential) -> AsyncIterator[Open]:
    readers: list[ArmReader] = []

    def open_it(**options: Any) -> ArmReader:
        settings = ArmOptions(**({"request_timeout_seconds": 2.0} | options))
        readers.append(open_arm(f"https://{peer.host}", credential=credential, options=settings))
        return readers[-1]

    yield open_it
    for reader in readers:
        await reader.aclose()
