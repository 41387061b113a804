from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp.test_utils import TestServer

from localcloud.identity import Identity
from localcloud.registry.principal import ALL_ACTIONS, PULL, Principal

REGISTRY = "https://containerregistry.azure.net"
GOOD = {"api-version": "2019-08-01", "resource": REGISTRY}


async def ask(identity: Identity, query: dict[str, str], header: str | None) -> tuple[int, Any]:
    headers = {"X-IDENTITY-HEADER": header} if header is not None else {}
    async with (
        TestServer(identity.app()) as server,
        aiohttp.ClientSession(headers=headers) as http,
        http.get(server.make_url("/msi/token"), params=query) as answer,
    ):
        return answer.status, await answer.json()


async def test_token_answer_has_the_members_of_the_protocol() -> None:
    identity = Identity()
    status, answer = await ask(identity, GOOD, identity.header)
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert status == 200
    assert set(answer) == {"access_token", "client_id", "expires_on", "resource", "token_type"}
    assert (claims["aud"], claims["appid"]) == (REGISTRY, answer["client_id"])
    assert str(claims["exp"]) == answer["expires_on"]
    assert {"oid", "iss", "tid"} <= set(claims)


@pytest.mark.parametrize("header", [None, "", "wrong"])
async def test_wrong_header_is_a_400(header: str | None) -> None:
    assert (await ask(Identity(), GOOD, header))[0] == 400


@pytest.mark.parametrize(
    "change", [{"api-version": "2017-09-01"}, {"resource": ""}, {"resource": "x"}, {"client_id": "unknown"}]
)
async def test_wrong_query_is_a_400(change: dict[str, str]) -> None:
    identity = Identity()
    assert (await ask(identity, {**GOOD, **change}, identity.header))[0] == 400


@pytest.mark.parametrize(
    ("resource", "registry", "event_grid", "management"),
    [
        (REGISTRY, True, False, False),
        (f"{REGISTRY}/", True, False, False),
        ("https://management.azure.com/", True, False, True),
        ("https://management.core.windows.net", True, False, True),
        ("https://eventgrid.azure.net", False, True, False),
        ("https://storage.azure.com", False, False, False),
    ],
)
def test_token_is_good_for_its_audience_alone(
    resource: str, registry: bool, event_grid: bool, management: bool
) -> None:
    identity = Identity()
    token = identity.token(resource)
    assert (identity.authenticate(token) is not None) is registry
    assert (identity.event_sender(token) is not None) is event_grid
    assert (identity.management_caller(token) is not None) is management


def test_token_of_another_tenant_or_changed_is_nobodys() -> None:
    identity = Identity()
    token = identity.token(REGISTRY)
    assert identity.authenticate(Identity().token(REGISTRY)) is None
    assert identity.authenticate(token[:-4] + "AAAA") is None
    assert identity.authenticate("not a token") is None


def test_rights_of_a_token_are_those_of_the_present_moment() -> None:
    identity = Identity()
    token = identity.token(REGISTRY)
    reader = Principal(name="reader", actions=frozenset({PULL}))
    identity.principal = reader
    assert identity.authenticate(token) == reader
    identity.reset()
    principal = identity.authenticate(token)
    assert principal is not None
    assert principal.actions == ALL_ACTIONS


async def test_user_assigned_identity_is_asked_for_by_client_id() -> None:
    identity = Identity()
    other = Principal(name="other", actions=frozenset({PULL}))
    client_id = identity.add(other)
    _, answer = await ask(identity, {**GOOD, "client_id": client_id}, identity.header)
    assert identity.authenticate(answer["access_token"]) == other
