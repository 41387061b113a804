"""A registry that really serves over HTTPS, and a client for it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from localcloud.registry.events import RegistryEvent
from localcloud.registry.principal import ALL_ACTIONS, REPOSITORY_ACTIONS, Principal
from localcloud.registry.serve import serving
from localcloud.registry.server import Registry
from localcloud.tls import Authority
from tests.localcloud.registry.caller import ADMIN, Caller, Clock, basic

PRINCIPALS = {
    "owner": Principal(name="owner", actions=ALL_ACTIONS),
    "reader": Principal(name="reader", actions=frozenset({"pull", "metadata_read"})),
    "pusher": Principal(name="pusher", actions=frozenset({"pull", "push"})),
    "nobody": Principal(name="nobody"),
    "prod-writer": Principal(name="prod-writer", repositories={"prod/*": REPOSITORY_ACTIONS}),
}


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 4, 5, 6, 7, 172007, tzinfo=UTC))


@pytest.fixture
def events() -> list[RegistryEvent]:
    return []


@pytest.fixture
def registry(clock: Clock, events: list[RegistryEvent]) -> Registry:
    return Registry(
        login_server="",
        now=clock,
        authenticate=PRINCIPALS.get,
        on_event=events.append,
        username=ADMIN[0],
        password=ADMIN[1],
    )


@pytest.fixture
async def caller(registry: Registry, authority: Authority) -> AsyncIterator[Caller]:
    connector = aiohttp.TCPConnector(ssl=authority.client_context())
    async with serving(registry, authority=authority) as port, aiohttp.ClientSession(connector=connector) as session:
        yield Caller(session, port, registry.login_server, basic(*ADMIN))
