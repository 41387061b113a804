"""What a resource's own body says: its images in order, whether it is ready, its environment."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from taglock.domain.arm_resource import ArmWorkload, ResourceId, ResourceKind, workload_of
from taglock.errors import ArmError, UnreadableBody

FRAGMENTS = Path(__file__).resolve().parents[2] / "../shared/events/arm-image-location.fragments.json"
SECRET = "hunter2-do-not-copy"
API, INIT, SIDE = "contoso.azurecr.io/api:1.4.2", "contoso.azurecr.io/init:1", "contoso.azurecr.io/side:2"


def resource(kind: ResourceKind) -> ResourceId:
    slot = "staging" if kind is ResourceKind.SLOT else ""
    return ResourceId(
        subscription="0b1f6471-1bf0-4dda-aec3-111122223333", resource_group="rg", kind=kind, name="shop", slot=slot
    )


def told(kind: ResourceKind, properties: Any, **body: Any) -> ArmWorkload:
    return workload_of(resource(kind), {"properties": properties, **body})


def app(*images: str, **configuration: Any) -> dict[str, Any]:
    environment = [{"name": "PASSWORD", "value": SECRET}]
    containers = [{"name": "c", "image": image, "env": environment} for image in images]
    secrets = [{"name": "registry", "value": SECRET}]
    return {
        "provisioningState": "Succeeded",
        "template": {"containers": containers, "initContainers": None},
        "configuration": {"secrets": secrets, **configuration},
    }


@pytest.mark.parametrize("kind", [ResourceKind.CONTAINER_APP, ResourceKind.CONTAINER_APP_JOB])
def test_an_app_and_a_job_run_containers_and_init_containers(kind: ResourceKind) -> None:
    properties = app(API, SIDE)
    properties["template"]["initContainers"] = [{"name": "i", "image": INIT}]
    assert told(kind, properties).images == (API, SIDE, INIT)


def test_a_container_group_runs_containers_and_init_containers() -> None:
    properties = {
        "containers": [{"name": "c", "properties": {"image": API}}],
        "initContainers": [{"name": "i", "properties": {"image": INIT}}],
        "imageRegistryCredentials": [{"server": "contoso.azurecr.io", "password": SECRET}],
    }
    assert told(ResourceKind.CONTAINER_GROUP, properties).images == (API, INIT)


@pytest.mark.parametrize("kind", [ResourceKind.SITE, ResourceKind.SLOT])
@pytest.mark.parametrize("name", ["linuxFxVersion", "windowsFxVersion"])
def test_a_site_runs_the_image_of_its_version(kind: ResourceKind, name: str) -> None:
    properties = {"siteConfig": {"linuxFxVersion": "", "windowsFxVersion": None, name: f"docker|{API}"}}
    assert told(kind, properties).images == (API,)


def test_a_site_of_code_runs_no_image() -> None:
    assert told(ResourceKind.SITE, {"siteConfig": {"linuxFxVersion": "PYTHON|3.13"}}).images == ()


def test_a_site_runs_every_service_of_its_compose_file() -> None:
    text = f"services:\n  web:\n    image: {API}\n  side:\n    image: '{SIDE}'\n  built:\n    build: .\n"
    version = f"COMPOSE|{b64encode(text.encode()).decode()}"
    assert told(ResourceKind.SITE, {"siteConfig": {"linuxFxVersion": version}}).images == (API, SIDE)


@pytest.mark.parametrize(
    "properties",
    [
        None,
        {},
        {"siteConfig": None},
        {"siteConfig": {"linuxFxVersion": None, "windowsFxVersion": ""}},
        {"siteConfig": {"linuxFxVersion": "sitecontainers"}},
    ],
)
def test_a_site_that_does_not_tell_its_image_is_no_site_without_images(properties: Any) -> None:
    with pytest.raises(ArmError) as raised:
        told(ResourceKind.SITE, properties)
    assert not raised.value.transient


def test_images_come_once_and_as_they_are_found() -> None:
    digest = f"contoso.azurecr.io/api@sha256:{'a' * 64}"
    assert told(ResourceKind.CONTAINER_APP_JOB, app(digest, API, digest, "nginx", f" {API}\n")).images == (
        digest,
        API,
        "nginx",
    )


@pytest.mark.parametrize("unusable", ["", " ", "x" * 1_025, "contoso.azurecr.io/a\x00b:1", "a\u202eb", None])
def test_a_text_that_nothing_can_be_pulled_by_keeps_no_other_image_away(unusable: Any) -> None:
    assert told(ResourceKind.CONTAINER_APP_JOB, app(unusable, API)).images == (API,)


@pytest.mark.parametrize("true", [True, 1])
def test_all_traffic_to_the_latest_revision_is_told_by_the_body_alone(true: Any) -> None:
    properties = app(API, ingress={"traffic": [{"latestRevision": true, "weight": 100}]})
    assert told(ResourceKind.CONTAINER_APP, properties).images == (API,)


def test_traffic_named_by_the_latest_revision_is_told_by_the_body_alone() -> None:
    properties = app(API, ingress={"traffic": [{"revisionName": "Shop--v2", "weight": 100}]})
    properties |= {"latestRevisionName": "shop--v2", "latestReadyRevisionName": "shop--v2"}
    assert told(ResourceKind.CONTAINER_APP, properties).images == (API,)


@pytest.mark.parametrize(
    "configuration",
    [
        {"ingress": {"traffic": [{"revisionName": "shop--v1", "weight": 20}, {"latestRevision": True, "weight": 80}]}},
        {"ingress": {"traffic": [{"revisionName": "shop--v1", "weight": 0, "label": "blue"}]}},
        {"activeRevisionsMode": "Multiple"},
        {"activeRevisionsMode": "multiple", "ingress": None},
    ],
)
def test_an_app_with_other_revisions_is_not_told_by_its_body_alone(configuration: dict[str, Any]) -> None:
    with pytest.raises(ArmError, match="no revisions beside the latest"):
        told(ResourceKind.CONTAINER_APP, app(API, **configuration))


def test_an_older_revision_without_share_and_label_does_not_run() -> None:
    traffic = [{"revisionName": "shop--v1", "weight": 0}, {"latestRevision": 1, "weight": 100}]
    assert told(ResourceKind.CONTAINER_APP, app(API, ingress={"traffic": traffic})).images == (API,)


def test_a_latest_revision_that_is_not_ready_leaves_the_last_ready_one_running() -> None:
    properties = app(API) | {"latestRevisionName": "shop--v3", "latestReadyRevisionName": "shop--v2"}
    with pytest.raises(ArmError):
        told(ResourceKind.CONTAINER_APP, properties)


@pytest.mark.parametrize(
    ("state", "ready"),
    [
        *((each, True) for each in ("Succeeded", "succeeded", "Failed", "Canceled", "", None, 7, "SomethingNew")),
        *((each, False) for each in ("InProgress", "Creating", "Updating", "Accepted", "Pending", "Deleting")),
    ],
)
def test_a_resource_is_ready_unless_its_state_ends_by_itself(state: Any, ready: bool) -> None:
    assert told(ResourceKind.CONTAINER_APP_JOB, app(API) | {"provisioningState": state}).ready is ready


@pytest.mark.parametrize(
    ("tags", "environment"),
    [
        ({"environment": "prod"}, "prod"),
        ({"Environment": "Prod", "team": "shop"}, "Prod"),
        ({"env": "prod"}, ""),
        ({"environment": None}, ""),
        ({"environment": ["prod"]}, ""),
        ({"environment": "a\nb"}, ""),
        (None, ""),
        (["environment"], ""),
    ],
)
def test_the_environment_is_the_tag_of_that_name_in_any_case(tags: Any, environment: str) -> None:
    assert told(ResourceKind.CONTAINER_APP_JOB, app(API), tags=tags).environment == environment


def test_the_body_of_another_resource_is_refused() -> None:
    own = resource(ResourceKind.CONTAINER_APP_JOB)
    assert workload_of(own, {"id": str(own).upper(), "properties": app(API)}).images == (API,)
    for other in (f"{own}2", f"{own}/executions/1"):
        with pytest.raises(ArmError, match=r"\$\.id"):
            workload_of(own, {"id": other, "properties": app(API)})


@pytest.mark.parametrize(
    ("kind", "properties", "path"),
    [
        (ResourceKind.CONTAINER_APP, None, "$.properties"),
        (ResourceKind.CONTAINER_APP, SECRET, "$.properties"),
        (ResourceKind.CONTAINER_APP, {"template": None}, "$.properties.template"),
        (ResourceKind.CONTAINER_APP, {"template": [SECRET]}, "$.properties.template"),
        (ResourceKind.CONTAINER_APP, {"template": {"containers": SECRET}}, "$.properties.template.containers"),
        (ResourceKind.CONTAINER_APP, {"template": {"containers": [SECRET]}}, "$.properties.template.containers[0]"),
        (
            ResourceKind.CONTAINER_APP_JOB,
            {"template": {"containers": [], "initContainers": [{"image": {"x": SECRET}}]}},
            "$.properties.template.initContainers[0].image",
        ),
        (
            ResourceKind.CONTAINER_APP,
            app(API, ingress={"traffic": [{"revisionName": f"../{SECRET}", "weight": 1}]}),
            "$.properties.configuration.ingress.traffic[0].revisionName",
        ),
        (
            ResourceKind.CONTAINER_APP,
            app(API, ingress={"traffic": [{"revisionName": f"r{n}", "weight": 1} for n in range(101)]}),
            "$.properties.configuration.ingress",
        ),
        (ResourceKind.CONTAINER_GROUP, {"containers": None}, "$.properties.containers"),
        (ResourceKind.CONTAINER_GROUP, {"containers": [{"properties": 7}]}, "$.properties.containers[0].properties"),
        (ResourceKind.CONTAINER_GROUP, {"containers": [{}] * 1_001}, "$.properties.containers"),
        (ResourceKind.SITE, {"siteConfig": SECRET}, "$.properties.siteConfig"),
        (ResourceKind.SITE, {"siteConfig": {"linuxFxVersion": 7}}, "$.properties.siteConfig.linuxFxVersion"),
        (
            ResourceKind.SITE,
            {"siteConfig": {"linuxFxVersion": f"KUBE|{SECRET}"}},
            "$.properties.siteConfig.linuxFxVersion",
        ),
    ],
)
def test_a_malformed_body_is_refused_with_its_path_and_without_its_values(
    kind: ResourceKind, properties: Any, path: str
) -> None:
    with pytest.raises(UnreadableBody) as raised:
        told(kind, properties)
    assert f"{path}: " in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.skipif(not FRAGMENTS.is_file(), reason="the shared fragments are not here")
def test_the_shared_fragments_are_read() -> None:
    fragments = json.loads(FRAGMENTS.read_text())
    group = workload_of(
        resource(ResourceKind.CONTAINER_GROUP), fragments["Microsoft.ContainerInstance/containerGroups"]
    )
    assert group.images == ("myreg.azurecr.io/app:1.2.3", "myreg.azurecr.io/init:1")
    site = workload_of(resource(ResourceKind.SITE), fragments["Microsoft.Web/sites"])
    assert site.images == ("myreg.azurecr.io/app:1.2.3",)
    with pytest.raises(ArmError, match="no revisions beside the latest"):
        workload_of(resource(ResourceKind.CONTAINER_APP), fragments["Microsoft.App/containerApps"])
