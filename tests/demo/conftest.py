from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.client import Login
from demo.releases import Releases, releases, root_layers
from localcloud.registry.principal import Principal
from localcloud.registry.serve import serving
from localcloud.registry.server import Registry
from localcloud.tls import Authority


@pytest.fixture(scope="session")
def built() -> Releases:
    return releases(root_layers())


def nobody(_token: str) -> Principal | None:
    return None


@pytest.fixture
async def login(tmp_path: Path) -> AsyncIterator[Login]:
    """Serve an empty registry and yield how to log in."""
    authority = Authority()
    registry = Registry(
        login_server="", now=lambda: datetime.now(UTC), authenticate=nobody, username="admin", password="secret"
    )
    async with serving(registry, authority=authority) as port:
        yield Login(
            endpoint=f"https://127.0.0.1:{port}",
            name=registry.login_server,
            username="admin",
            password="secret",
            ca_file=authority.ca_file(tmp_path / "ca.crt"),
        )
