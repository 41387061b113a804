"""Who may call what: roles behind App Service authentication, keys without it, and never neither."""

import base64
import json
from typing import Any

import pytest

from taglock.domain.acts.act import ActorKind
from taglock.domain.http.access import Access
from taglock.domain.http.operations import OPERATIONS, Operation
from taglock.domain.http.principal import HttpAuth, Role, parse_principal
from taglock.domain.http.problem import Failed
from taglock.errors import InvalidRequest
from tests.http.caller import Callers, Keyed
from tests.pushing.images import plain

pytestmark = pytest.mark.asyncio(loop_scope="module")
GUARDED = [operation for operation in OPERATIONS if operation.role is not None]


def route_of(operation: Operation) -> dict[str, str]:
    return {name: "none" for name in ("id", "registry") if f"{{{name}}}" in operation.path}


def body_of(operation: Operation) -> dict[str, Any]:
    return {"json": {"reason": "a test"}} if operation.method == "POST" and operation.name != "audit" else {}


async def test_every_http_function_of_the_app_is_described(keyed: Keyed) -> None:
    others = {
        *("image_pushed", "image_deleted", "image_deployed", "due_work", "drift_audit", "list_deployments"),
        "audit_registry",
    }
    assert set(keyed.functions.functions) - others == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
async def test_a_role_opens_exactly_its_functions(entra: Callers, operation: Operation) -> None:
    for role in Role:
        reply = await entra.call(operation.name, role, route=route_of(operation), **body_of(operation))
        assert (reply.status != 403) == (role is operation.role), (role, reply.text)
        if reply.status == 403:
            assert reply.json["type"] == "urn:taglock:problem:missing-role"
            assert str(operation.role) in reply.json["detail"]
    none = await entra.call(operation.name, route=route_of(operation), **body_of(operation))
    assert none.status == 403


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
async def test_without_a_token_or_with_one_for_something_else_nobody_gets_in(
    entra: Callers, operation: Operation
) -> None:
    path = operation.path.format_map(route_of(operation))
    foreign = entra.cloud.identity.token("https://management.azure.com")
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {foreign}"}):
        assert (await entra.send(operation.method, path, headers=headers)).status == 401


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
async def test_each_function_has_a_key_of_its_own(keyed: Keyed, operation: Operation) -> None:
    path = operation.path.format_map(route_of(operation))
    assert (await keyed.send(operation.method, path)).status == 401
    other = next(each for each in GUARDED if each.name != operation.name)
    headers = {"x-functions-key": keyed.functions.keys.functions[other.name]}
    assert (await keyed.send(operation.method, path, headers=headers)).status == 401
    allowed = await keyed.call(operation.name, route=route_of(operation), **body_of(operation))
    assert allowed.status not in (401, 403, 500)


async def test_health_is_for_anybody_and_tells_nothing(keyed: Keyed, entra: Callers) -> None:
    for caller in (keyed, entra):
        reply = await caller.send("GET", "health")
        assert (reply.status, reply.json) == (200, {"status": "ok"})


async def test_forged_principal_headers_name_nobody_where_keys_are_used(keyed: Keyed) -> None:
    keyed.push("forged", plain("forged"))
    claims = [{"typ": "oid", "val": "an-administrator"}, {"typ": "roles", "val": "Taglock.BreakGlass"}]
    forged = base64.b64encode(json.dumps({"claims": claims}).encode()).decode()
    reply = await keyed.call(
        "hold",
        json={"image": keyed.image(":forged"), "reason": "a test"},
        headers={"X-MS-CLIENT-PRINCIPAL": forged, "X-MS-CLIENT-PRINCIPAL-ID": "an-administrator"},
    )
    assert reply.status == 200, reply.text
    assert reply.json["act"]["by"] == {"kind": "key", "id": "function key", "name": ""}


async def test_forged_principal_headers_are_replaced_by_the_platform(entra: Callers) -> None:
    claims = [{"typ": "oid", "val": "an-administrator"}, {"typ": "roles", "val": "Taglock.BreakGlass"}]
    forged = base64.b64encode(json.dumps({"claims": claims}).encode()).decode()
    reply = await entra.call("unlock", Role.READ, json={"reason": "a test"}, headers={"X-MS-CLIENT-PRINCIPAL": forged})
    assert reply.status == 403


async def test_the_actor_of_an_act_is_the_principal(entra: Callers) -> None:
    entra.push("actor", plain("actor"))
    body = {"image": entra.image(":actor"), "reason": "a test"}
    reply = await entra.call("hold", Role.BREAK_GLASS, person="grace", json=body)
    assert reply.status == 200, reply.text
    by = reply.json["act"]["by"]
    assert by["kind"] == ActorKind.PRINCIPAL
    assert by["id"]


async def test_with_entra_nobody_gets_in_while_the_platform_does_not_authenticate() -> None:
    open_door = Access(auth=HttpAuth.ENTRA, platform=False)
    header = base64.b64encode(b'{"claims": [{"typ": "oid", "val": "somebody"}]}').decode()
    with pytest.raises(Failed) as refused:
        open_door.caller(header)
    assert refused.value.status == 503


@pytest.mark.parametrize("header", ["", "%%%", "bm8ganNvbg==", base64.b64encode(b"[]").decode(), "e30="])
async def test_a_principal_that_cannot_be_understood_is_nobody(header: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_principal(header)
    with pytest.raises(Failed) as refused:
        Access(auth=HttpAuth.ENTRA, platform=True).caller(header)
    assert refused.value.status == 401


async def test_roles_are_read_by_the_claim_type_that_the_principal_names() -> None:
    tree = {
        "auth_typ": "aad",
        "role_typ": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        "claims": [
            {"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": "id"},
            {"typ": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "val": "Taglock.Read"},
            {"typ": "groups", "val": "Taglock.BreakGlass"},
            {"typ": "preferred_username", "val": "ada@example.com"},
        ],
    }
    caller = parse_principal(base64.b64encode(json.dumps(tree).encode()).decode())
    assert caller.roles == {Role.READ}
    assert (caller.actor.id, caller.actor.name) == ("id", "ada@example.com")
