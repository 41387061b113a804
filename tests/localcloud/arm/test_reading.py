"""What a resource, a collection and a subscription look like."""

import base64
from typing import Any

import pytest

from localcloud.cloud import SUBSCRIPTION_ID
from localcloud.identity import TENANT
from tests.localcloud.arm.asking import APP, DEMO, GROUP, JOB, ORDERS, SEEDS, SITE, SLOT, SUBSCRIPTION, asking

PROVIDERS = f"{SUBSCRIPTION}/providers"


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        (APP, "Microsoft.App/containerApps"),
        (f"{APP}/revisions/shop--v1", "Microsoft.App/containerApps/revisions"),
        (JOB, "Microsoft.App/jobs"),
        (SITE, "Microsoft.Web/sites"),
        (f"{SITE}/config/web", "Microsoft.Web/sites/config"),
        (SLOT, "Microsoft.Web/sites/slots"),
        (f"{SLOT}/config/web", "Microsoft.Web/sites/slots/config"),
        (f"{ORDERS}/sitecontainers/main", "Microsoft.Web/sites/sitecontainers"),
        (GROUP, "Microsoft.ContainerInstance/containerGroups"),
    ],
)
async def test_resource_is_found_in_any_case_and_keeps_its_own_spelling(path: str, type_: str) -> None:
    async with asking() as it:
        for spelled in (path, path.lower(), path.upper()):
            answer = await it.ask(spelled)
            assert answer.status == 200, answer.text
            assert (answer.body["id"], answer.body["name"]) == (path, path.rpartition("/")[2])
            assert answer.body["type"] == type_


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (f"{PROVIDERS}/Microsoft.App/containerApps", ["shop"]),
        (f"{PROVIDERS}/Microsoft.App/jobs", ["nightly"]),
        (f"{PROVIDERS}/Microsoft.Web/sites", ["orders", "portal"]),
        (f"{PROVIDERS}/microsoft.web/SITES", ["orders", "portal"]),
        (f"{PROVIDERS}/Microsoft.ContainerInstance/containerGroups", ["batch"]),
        (f"{DEMO}/Microsoft.Web/sites", ["orders", "portal"]),
        (f"{APP}/revisions", ["shop--v0", "shop--v1", "shop--v2"]),
        (f"{SITE}/slots", ["staging"]),
        (f"{ORDERS}/sitecontainers", ["main", "sidecar"]),
        (f"{SITE}/sitecontainers", []),
        (f"{SLOT}/sitecontainers", []),
    ],
)
async def test_collections_hold_what_is_directly_in_them(path: str, names: list[str]) -> None:
    async with asking() as it:
        answer = await it.ask(path)
        assert (answer.status, answer.names, answer.body["nextLink"]) == (200, names, None)


async def test_subscription_answers_for_itself() -> None:
    async with asking() as it:
        answer = await it.ask(SUBSCRIPTION)
    assert answer.status == 200
    assert (answer.body["subscriptionId"], answer.body["tenantId"]) == (SUBSCRIPTION_ID, TENANT)
    assert answer.body["state"] == "Enabled"


async def test_site_says_nothing_of_its_configuration_and_config_web_says_it_all() -> None:
    async with asking() as it:
        site = (await it.ask(SITE)).body["properties"]["siteConfig"]
        listed = (await it.ask(f"{PROVIDERS}/Microsoft.Web/sites")).body["value"][1]["properties"]["siteConfig"]
        version = (await it.ask(f"{SITE}/config/web")).body["properties"]["linuxFxVersion"]
        slot = (await it.ask(f"{SLOT}/config/web")).body["properties"]["linuxFxVersion"]
    assert site == listed
    assert set(site.values()) == {None}
    assert {"linuxFxVersion", "windowsFxVersion"} <= set(site)
    assert slot == f"DOCKER|{it.cloud.registry.login_server}/prod/api:1.5.0"
    kind, _, encoded = version.partition("|")
    assert kind == "COMPOSE"
    assert f"image: {it.cloud.registry.login_server}/prod/api:1.4.2" in base64.b64decode(encoded).decode()


@pytest.mark.parametrize(("answer", "shown"), [("absent", None), ("whole", True)])
async def test_site_configuration_in_the_site_is_a_switch(answer: str, shown: bool | None) -> None:
    async with asking() as it:
        it.arm.options.change({"site_config": answer})
        config = (await it.ask(SITE)).body["properties"].get("siteConfig")
    assert (config and config["linuxFxVersion"].startswith("COMPOSE|")) == shown


async def test_write_of_a_site_reaches_its_configuration_and_leaves_the_rest_of_it() -> None:
    async with asking() as it:
        body = (await it.ask(SITE)).body
        body["properties"]["siteConfig"]["linuxFxVersion"] = "DOCKER|example.azurecr.io/a:1"
        await it.arm.put(SITE, body)
        config = (await it.ask(f"{SITE}/config/web")).body["properties"]
    assert config["linuxFxVersion"] == "DOCKER|example.azurecr.io/a:1"
    assert config["acrUseManagedIdentityCreds"] is True


async def test_no_value_of_a_secret_is_ever_answered_and_values_of_variables_are() -> None:
    async with asking() as it:
        app, job, group = [(await it.ask(path)) for path in (APP, JOB, GROUP)]
        revision = await it.ask(f"{APP}/revisions/shop--v1")
        listed = await it.ask(f"{PROVIDERS}/Microsoft.ContainerInstance/containerGroups")
    assert app.body["properties"]["configuration"]["secrets"] == [{"name": "api-key"}]
    assert job.body["properties"]["configuration"]["secrets"] == [{"name": "token"}]
    for answer in (app, job, group, revision, listed):
        for secret in ("app-secret", "job-secret", "group-password", "group-secure"):
            assert f"planted-secret-{secret}" not in answer.text
    for answer, variable in ((app, "app"), (revision, "app"), (job, "job"), (group, "group"), (listed, "group")):
        assert f"planted-secret-{variable}-env" in answer.text


async def test_seeds_plant_each_secret_that_answers_must_not_show() -> None:
    text = "".join(path.read_text() for path in SEEDS.iterdir())
    for secret in ("app-secret", "job-secret", "group-password", "group-secure", "compose", "sitecontainer-env"):
        assert f"planted-secret-{secret}" in text


async def test_state_of_containers_is_shown_of_one_group_and_not_in_a_list() -> None:
    async with asking() as it:
        group = (await it.ask(GROUP)).body["properties"]
        (listed,) = (await it.ask(f"{PROVIDERS}/Microsoft.ContainerInstance/containerGroups")).body["value"]
    assert "instanceView" in group
    assert "instanceView" in group["containers"][0]["properties"]
    assert "instanceView" not in str(listed)
    assert listed["properties"]["initContainers"][0]["properties"]["image"].endswith("/prod/api:1.4.2")


async def test_every_seeded_image_is_one_of_the_local_registry() -> None:
    def images(tree: Any) -> list[str]:
        if isinstance(tree, dict):
            own = [tree["image"]] if isinstance(tree.get("image"), str) else []
            return own + [each for value in tree.values() for each in images(value)]
        return [each for value in tree for each in images(value)] if isinstance(tree, list) else []

    async with asking() as it:
        found = images(it.arm.store.bodies())
    assert len(found) >= 12
    assert all(image.startswith(f"{it.cloud.registry.login_server}/prod/") for image in found)


async def test_revision_takes_the_template_that_was_written_and_older_ones_keep_theirs() -> None:
    async with asking() as it:
        body = (await it.ask(APP)).body
        body["properties"]["latestRevisionName"] = "shop--v3"
        body["properties"]["template"]["containers"][0]["image"] = "example.azurecr.io/shop:3"
        await it.arm.put(APP, body)
        revisions = (await it.ask(f"{APP}/revisions")).body["value"]
    shown = {
        each["name"]: (each["properties"]["template"]["containers"][0]["image"], each["properties"]["trafficWeight"])
        for each in revisions
    }
    server = it.cloud.registry.login_server
    assert shown["shop--v3"] == ("example.azurecr.io/shop:3", 80)
    assert shown["shop--v2"] == (f"{server}/prod/api:1.5.0", 80)
    assert shown["shop--v1"] == (f"{server}/prod/api:1.4.2", 20)


@pytest.mark.parametrize("state", ["InProgress", "Failed", "Canceled", "Deleting"])
async def test_provisioning_state_is_shown_as_it_was_put(state: str) -> None:
    async with asking() as it:
        body = (await it.ask(APP)).body
        body["properties"]["provisioningState"] = state
        await it.arm.put(APP, body)
        assert (await it.ask(APP)).body["properties"]["provisioningState"] == state


async def test_ids_may_come_in_another_case() -> None:
    async with asking() as it:
        it.arm.options.change({"id_case": "lower"})
        assert (await it.ask(APP)).body["id"] == APP.lower()


async def test_deleted_resource_is_gone_with_its_children_and_its_group_stays() -> None:
    async with asking() as it:
        await it.arm.delete(SITE.upper())
        for path in (SITE, SLOT, f"{SITE}/config/web"):
            assert ((await it.ask(path)).status, (await it.ask(path)).code) == (404, "ResourceNotFound")
        assert (await it.ask(f"{PROVIDERS}/Microsoft.Web/sites")).names == ["orders"]
        for path in (ORDERS, APP, JOB, GROUP):
            await it.arm.delete(path)
        assert (await it.ask(APP)).code == "ResourceNotFound"
        with pytest.raises(KeyError):
            await it.arm.delete(APP)


async def test_reset_brings_the_seeds_back() -> None:
    async with asking() as it:
        it.arm.options.change({"page_size": 1})
        it.arm.roles.grant("taglock", [])
        await it.arm.delete(SITE)
        await it.cloud.reset()
        assert (await it.ask(f"{PROVIDERS}/Microsoft.Web/sites")).names == ["orders", "portal"]
        assert it.arm.options.page_size == 100
