"""Seed folders, and what can be stored at all."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from localcloud.arm.address import InvalidAddress
from localcloud.arm.seeding import InvalidSeed, read_seeds
from localcloud.arm.store import InvalidResource, Store
from localcloud.cloud import SUBSCRIPTION_ID, CloudOptions, LocalCloud
from localcloud.state import app_environment
from tests.localcloud.arm.asking import APP, SEEDS, SITE, asking, container_app

OTHER = "11111111-2222-3333-4444-555555555555"


def test_placeholders_are_replaced_also_inside_what_is_encoded(tmp_path: Path) -> None:
    body = container_app("a", image="{registry}/a:1", compose="COMPOSE|{base64:a.yml}")
    (tmp_path / "a.json").write_text(json.dumps(body))
    (tmp_path / "a.yml").write_text("image: {registry}/b:2")
    (read,) = read_seeds(tmp_path, login_server="contoso.azurecr.io")
    assert read["properties"]["image"] == "contoso.azurecr.io/a:1"
    kind, _, encoded = read["properties"]["compose"].partition("|")
    assert (kind, base64.b64decode(encoded)) == ("COMPOSE", b"image: contoso.azurecr.io/b:2")


def test_parents_come_before_their_children_whatever_the_order_of_files(tmp_path: Path) -> None:
    body = container_app("a")
    (tmp_path / "1.json").write_text(json.dumps({"id": f"{body['id']}/revisions/a--1", "properties": {}}))
    (tmp_path / "2.json").write_text(json.dumps([body]))
    assert [each["id"].rpartition("/")[2] for each in read_seeds(tmp_path, login_server="x")] == ["a", "a--1"]


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"properties": {}}', '{"id": 1}', '{"id": "{base64:none.yml}"}', '{"id": "{base64:../a}"}']
)
def test_broken_seed_is_refused_by_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    if text.endswith('../a}"}'):  # no placeholder at all: a path that leaves the folder is never read
        assert read_seeds(tmp_path, login_server="x") == [{"id": "{base64:../a}"}]
        return
    with pytest.raises(InvalidSeed, match=r"broken\.json"):
        read_seeds(tmp_path, login_server="x")


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSeed, match="expected a folder"):
        read_seeds(tmp_path / "none", login_server="x")


@pytest.mark.parametrize(
    ("resource_id", "body", "error"),
    [
        ("/subscriptions/x", {"properties": {}}, InvalidAddress),
        ("nonsense", {"properties": {}}, InvalidAddress),
        (f"{APP}/revisions/a", {"properties": {}}, InvalidResource),
        (APP, {}, InvalidResource),
        (APP, {"properties": []}, InvalidResource),
        (APP.replace("Microsoft.App", "Microsoft.Compute"), {"properties": {}}, InvalidResource),
        (f"{SITE}/config", {"properties": {}}, InvalidAddress),
    ],
)
def test_what_is_no_resource_is_not_stored(resource_id: str, body: Any, error: type[Exception]) -> None:
    store = Store()
    with pytest.raises(error):
        store.put(resource_id, body)
    assert not store.bodies()


def test_stored_body_is_a_copy_and_gets_its_id_name_and_type() -> None:
    store = Store()
    body: dict[str, Any] = {"id": "another", "properties": {"a": [1]}}
    store.put(APP.replace("containerApps", "CONTAINERAPPS"), body)
    body["properties"]["a"].append(2)
    (stored,) = store.bodies()
    assert (stored["name"], stored["type"]) == ("shop", "Microsoft.App/containerApps")
    assert stored["properties"] == {"a": [1]}


async def test_subscriptions_of_the_seeds_reach_the_state_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(container_app("a", subscription=OTHER)))
    async with LocalCloud(CloudOptions(arm_seed=tmp_path)) as cloud:
        assert cloud.state.arm.subscriptions == (SUBSCRIPTION_ID, OTHER)
        environment = cloud.environment()
    assert environment["TAGLOCK_SUBSCRIPTIONS"] == f"{SUBSCRIPTION_ID},{OTHER}"
    assert environment["TAGLOCK_ARM_ENDPOINT"] == cloud.state.arm.endpoint
    assert cloud.state.arm.endpoint.startswith("https://127.0.0.1:")
    assert environment == app_environment(cloud.state, ledger=Path(environment["TAGLOCK_LEDGER"]))


async def test_cloud_without_seeds_has_its_own_subscription_and_nothing_in_it() -> None:
    async with asking(CloudOptions()) as it:
        assert it.arm.subscriptions == (SUBSCRIPTION_ID,)
        answer = await it.ask(f"/subscriptions/{SUBSCRIPTION_ID}/providers/Microsoft.Web/sites")
        assert (answer.status, answer.names) == (200, [])


async def test_broken_seed_folder_fails_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidSeed):
        async with LocalCloud(CloudOptions(arm_seed=tmp_path / "none")):
            pass


def test_shipped_seeds_are_readable_and_in_order() -> None:
    bodies = read_seeds(SEEDS, login_server="contoso.azurecr.io")
    assert len(bodies) >= 10
    assert "{" not in json.dumps([body["id"] for body in bodies])
    assert "{registry}" not in json.dumps(bodies)
