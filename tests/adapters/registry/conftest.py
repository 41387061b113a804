"""A certificate authority, a scripted peer, and registries opened on it."""

import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from taglock.adapters.acr_registry import AcrOptions, AcrRegistry, open_registry
from tests.adapters.registry.peer import Credential, Peer, listening

type Open = Callable[..., AcrRegistry]


@pytest.fixture(autouse=True)
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
        assert peer.authorizations == []


@pytest.fixture
def credential() -> Credential:
    return Credential()


@pytest.fixture
async def opened(peer: Peer, credential: Credential) -> AsyncIterator[Open]:
    registries: list[AcrRegistry] = []

    def open_it(**options: Any) -> AcrRegistry:
        settings: dict[str, Any] = {"audience": "https://containerregistry.azure.net", "request_timeout_seconds": 2.0}
        registry = open_registry(peer.login_server, credential=credential, options=AcrOptions(**(settings | options)))
        registries.append(registry)
        return registry

    yield open_it
    for registry in registries:
        await registry.aclose()
