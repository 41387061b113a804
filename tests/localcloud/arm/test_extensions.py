"""Role assignments and locks, which belong to any other resource; and what registries tell by version."""

from typing import Any

import pytest

from localcloud.arm.address import InvalidAddress, parse_address, parse_resource_id
from localcloud.arm.store import InvalidResource, Store
from tests.localcloud.arm.asking import APP, REGISTRY, SUBSCRIPTION, Asker, asking

AUTHORIZATION = "providers/Microsoft.Authorization"
DEMO_GROUP = f"{SUBSCRIPTION}/resourceGroups/demo"
VERSION = "2022-04-01"


def assignment(scope: str, name: str) -> dict[str, Any]:
    properties = {"principalId": name, "principalType": "User", "roleDefinitionId": "/x/roleDefinitions/y"}
    return {"id": f"{scope}/{AUTHORIZATION}/roleAssignments/{name}", "properties": properties}


def lock(scope: str, name: str) -> dict[str, Any]:
    return {"id": f"{scope}/{AUTHORIZATION}/locks/{name}", "properties": {"level": "CanNotDelete"}}


async def names(it: Asker, scope: str, kind: str, version: str, query: str = "") -> set[str]:
    token = it.cloud.identity.token("https://management.azure.com/")
    path = f"{scope}/{AUTHORIZATION}/{kind}?api-version={version}{query}"
    answer = await it.get(path, Authorization=f"Bearer {token}")
    assert answer.status == 200, answer.text
    return set(answer.names)


async def test_role_assignments_are_listed_above_and_below_and_with_the_filter_only_above() -> None:
    async with asking() as it:
        it.arm.store.clear()
        it.arm.place([{"id": REGISTRY, "properties": {}}, {"id": APP, "properties": {}}])
        it.arm.place([assignment(SUBSCRIPTION, "top"), assignment(DEMO_GROUP, "group")])
        it.arm.place([assignment(REGISTRY, "own"), assignment(APP, "other")])
        assert await names(it, REGISTRY, "roleAssignments", VERSION) == {"top", "group", "own"}
        assert await names(it, DEMO_GROUP, "roleAssignments", VERSION) == {"top", "group", "own", "other"}
        filtered = "&$filter=atScope()"
        assert await names(it, DEMO_GROUP, "roleAssignments", VERSION, filtered) == {"top", "group"}
        assert await names(it, REGISTRY, "roleAssignments", VERSION, filtered) == {"top", "group", "own"}


async def test_locks_are_listed_at_their_scope_and_below_it() -> None:
    async with asking() as it:
        it.arm.place([lock(SUBSCRIPTION, "top"), lock(DEMO_GROUP, "group"), lock(REGISTRY, "own")])
        assert await names(it, REGISTRY, "locks", "2016-09-01") == {"own"}
        assert await names(it, DEMO_GROUP, "locks", "2016-09-01") == {"group", "own"}
        assert await names(it, SUBSCRIPTION, "locks", "2016-09-01") == {"top", "group", "own"}


async def test_other_filters_are_not_emulated_and_say_so() -> None:
    async with asking() as it:
        headers = {"Authorization": f"Bearer {it.cloud.identity.token('https://management.azure.com/')}"}
        for scope in (f"{REGISTRY}/{AUTHORIZATION}/roleAssignments", f"{REGISTRY}/tasks"):
            version = VERSION if "roleAssignments" in scope else "2019-04-01"
            answer = await it.get(f"{scope}?api-version={version}&$filter=principalId%20eq%20'x'", **headers)
            assert (answer.status, answer.code) == (404, "NotEmulated")


async def test_extension_of_a_resource_that_is_not_there_is_a_404_and_goes_with_it() -> None:
    async with asking() as it:
        it.arm.place([lock(REGISTRY, "own")])
        missing = f"{REGISTRY}x/{AUTHORIZATION}/locks"
        assert (await it.ask(missing, version="2016-09-01")).code == "ResourceNotFound"
        await it.arm.delete(REGISTRY)
        assert not [each for each in it.arm.store.bodies() if "/locks/" in each["id"]]


async def test_list_needs_the_right_at_the_scope() -> None:
    async with asking() as it:
        holder = it.cloud.identity.holder(it.cloud.identity.token("https://management.azure.com/"))
        assert holder is not None
        it.arm.roles.grant(holder.principal.name, [APP])
        answer = await it.ask(f"{REGISTRY}/{AUTHORIZATION}/locks", version="2016-09-01")
    assert (answer.status, answer.code) == (403, "AuthorizationFailed")
    assert "Microsoft.Authorization/locks/read" in answer.text


async def test_soft_delete_is_told_by_the_preview_versions_alone() -> None:
    async with asking() as it:
        stable = (await it.ask(REGISTRY, version="2025-11-01")).body["properties"]["policies"]
        preview = (await it.ask(REGISTRY, version="2023-11-01-preview")).body["properties"]["policies"]
    assert "softDeletePolicy" not in stable
    assert preview["softDeletePolicy"]["status"] == "disabled"


async def test_secret_values_of_a_task_are_never_answered() -> None:
    async with asking() as it:
        answer = await it.ask(f"{REGISTRY}/tasks", version="2019-04-01")
    assert "encodedTaskContent" in answer.text
    assert "planted-secret" not in answer.text


def test_address_of_an_extension_reads_back_as_itself() -> None:
    for path in (
        f"{REGISTRY}/{AUTHORIZATION}/locks",
        f"{SUBSCRIPTION}/{AUTHORIZATION}/locks/a",
        f"{APP}/{AUTHORIZATION}/locks/a",
    ):
        assert str(parse_address(path)) == path
    assert parse_resource_id(f"{REGISTRY}/{AUTHORIZATION}/locks/a").parent == parse_address(REGISTRY)
    assert parse_resource_id(f"{SUBSCRIPTION}/{AUTHORIZATION}/locks/a").parent is None


@pytest.mark.parametrize(
    "path",
    [
        f"{APP}/providers",
        f"{APP}/{AUTHORIZATION}",
        f"{APP}/{AUTHORIZATION}/locks/a/b",
    ],
)
def test_malformed_extension_is_refused(path: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_address(path)


def test_extension_without_its_resource_is_not_stored() -> None:
    store = Store()
    with pytest.raises(InvalidResource):
        store.put(f"{REGISTRY}/{AUTHORIZATION}/locks/a", {"properties": {}})
    store.put(f"{SUBSCRIPTION}/{AUTHORIZATION}/locks/a", {"properties": {}})
