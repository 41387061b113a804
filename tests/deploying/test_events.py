"""Every deployment event is understood, ignored with a reason, or rejected with a path; nothing else ever comes out."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taglock.domain.azure_event import ResourcesChanged
from taglock.domain.deployment import Source, WorkloadDeployed
from taglock.domain.deployment_event import ParsedDeployment, parse_deployment
from taglock.domain.envelope import CLOCK_TOLERANCE
from taglock.domain.event import NotForUs
from taglock.domain.reference import LoginServer
from taglock.errors import InvalidEvent

OWN = Path(__file__).resolve().parent / "events"
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "events"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONTOSO = LoginServer("contoso.azurecr.io")
DIGEST = "sha256:0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/shop/providers"
APP = f"{GROUP}/microsoft.app/containerapps/shop"
SITE = f"{GROUP}/microsoft.web/sites/portal"
BATCH = f"{GROUP}/microsoft.containerinstance/containergroups/batch"
AT = datetime(2026, 2, 28, 12, 0, 0, 123456, tzinfo=UTC)
own_files = sorted(OWN.glob("*.json"))
shared_files = sorted(SHARED.rglob("*.json"))
needs_samples = pytest.mark.skipif(not shared_files, reason="the recorded events are not beside this checkout")


def parse(event: object, *, default: LoginServer | None = CONTOSO) -> ParsedDeployment:
    text = event if isinstance(event, str) else json.dumps(event)
    return parse_deployment(text, default_registry=default, now=NOW)


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OWN / f"{name}.json").read_text(encoding="utf-8"))
    return found


def changed_resources(name: str) -> list[str]:
    parsed = parse(sample(name))
    assert isinstance(parsed, ResourcesChanged)
    return [str(each.resource) for each in parsed.resources]


def deployed(event: object, **options: Any) -> WorkloadDeployed:
    parsed = parse(event, **options)
    assert isinstance(parsed, WorkloadDeployed)
    return parsed


def rejected(event: object, **options: Any) -> str:
    with pytest.raises(InvalidEvent) as caught:
        parse(event, **options)
    assert all(problem.expected for problem in caught.value.problems)
    return caught.value.problems[0].path


@pytest.mark.parametrize(
    ("name", "resources"),
    [
        ("write.container-app.eventgrid", [APP]),
        ("write.container-app.cloudevent", [APP]),
        ("write.text.eventgrid", [APP]),
        ("write.container-app-revision.eventgrid", [APP]),
        ("write.job.eventgrid", [f"{GROUP}/microsoft.app/jobs/nightly"]),
        ("write.site.eventgrid", [SITE]),
        ("write.slot.eventgrid", [f"{SITE}/slots/staging"]),
        ("write.slot-config.eventgrid", [f"{SITE}/slots/staging"]),
        ("write.sitecontainer.eventgrid", [SITE]),
        ("write.container-group.eventgrid", [BATCH]),
        ("delete.container-group.eventgrid", [BATCH]),
        ("delete.sitecontainer.eventgrid", [SITE]),
        ("notified.container-app-two-revisions.cloudevent", [APP]),
        ("notified.container-app-provisioning.cloudevent", [APP]),
        ("notified.site.eventgrid", [SITE]),
        ("swap.cloudevent", [f"{SITE}/slots/staging", SITE]),
        ("swap.eventgrid", [f"{SITE}/slots/staging", f"{SITE}/slots/blue"]),
        ("app-updated.cloudevent", [SITE]),
    ],
)
def test_an_event_that_does_not_tell_the_images_names_the_resources_to_read(name: str, resources: list[str]) -> None:
    assert changed_resources(name) == resources


def test_a_notification_tells_the_images_itself() -> None:
    found = deployed(sample("notified.container-app.cloudevent"))
    assert [str(image) for image in found.images] == [f"{CONTOSO}/prod/api@{DIGEST}", f"{CONTOSO}/prod/init:1"]
    assert (found.workload, found.environment, found.source) == (APP, "production", Source.ARM)
    assert found.occurred_at == datetime(2026, 2, 28, 12, 0, 0, 500000, tzinfo=UTC)
    group = deployed(sample("notified.container-group.eventgrid"))
    assert [str(image) for image in group.images] == [f"{CONTOSO}/prod/batch:2", "docker.io/library/nginx:latest"]


def test_a_notification_of_a_deletion_ends_the_workload() -> None:
    found = deployed(sample("notified-deleted.container-app.cloudevent"))
    assert (found.workload, found.images, found.source) == (APP, (), Source.ARM)


@pytest.mark.parametrize("kind", ["deployed", "upgraded", "rolledback"])
def test_a_cdevent_names_a_service_in_an_environment_and_its_image(kind: str) -> None:
    found = deployed(sample(f"cdevent.{kind}.cloudevent"))
    assert [str(image) for image in found.images] == [f"{CONTOSO}/prod/api:1.4.2@{DIGEST}"]
    assert (found.workload, found.environment) == ("cdevents:/shop#api@production", "production")
    assert found.source is Source.EVENT
    assert found.occurred_at == datetime(2026, 2, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize("version", ["0.1.0", "0.1.1", "0.2.0", "0.3.0-draft", "1.0.0"])
def test_all_versions_of_a_cdevent_are_read_alike(version: str) -> None:
    event = sample("cdevent.deployed.cloudevent")
    assert deployed({**event, "type": f"dev.cdevents.service.deployed.{version}"}).images


@pytest.mark.parametrize("name", ["cdevent.removed.cloudevent", "cdevent.removed.bare"])
def test_a_removed_service_ends_the_workload_that_the_others_started(name: str) -> None:
    found = deployed(sample(name))
    assert (found.workload, found.images) == ("cdevents:/shop#api@production", ())


def test_a_package_that_is_no_image_is_ignored() -> None:
    assert isinstance(parse(sample("cdevent.no-image.cloudevent")), NotForUs)


@pytest.mark.parametrize(
    ("package", "image"),
    [
        (f"pkg:oci/api@{DIGEST}", f"{CONTOSO}/api@{DIGEST}"),
        (f"pkg:oci/api@{DIGEST.replace(':', '%3A')}", f"{CONTOSO}/api@{DIGEST}"),
        (f"pkg:oci/api@{DIGEST}?repository_url=other.azurecr.io/a/b/api", f"other.azurecr.io/a/b/api@{DIGEST}"),
        (f"pkg:oci/api@{DIGEST}?repository_url=https://other.azurecr.io/a/b", f"other.azurecr.io/a/b/api@{DIGEST}"),
        (f"pkg:oci/api@{DIGEST}?repository_url=other.azurecr.io", f"other.azurecr.io/api@{DIGEST}"),
        ("pkg:oci/api?tag=1.4.2", f"{CONTOSO}/api:1.4.2"),
        ("pkg:oci/api", f"{CONTOSO}/api:latest"),
        ("pkg:docker/prod/api@1.4.2", f"{CONTOSO}/prod/api:1.4.2"),
        (f"pkg:docker/prod/api@{DIGEST}?repository_url=gcr.io", f"gcr.io/prod/api@{DIGEST}"),
    ],
)
def test_a_package_url_names_an_image(package: str, image: str) -> None:
    event = sample("cdevent.deployed.cloudevent")
    event["data"]["subject"]["content"]["artifactId"] = package
    assert [str(each) for each in deployed(event).images] == [image]


@pytest.mark.parametrize("package", ["", "x", "pkg:", "pkg:oci/%00@a", "pkg:oci/a%20b@x", "pkg:oci/api@sha256:short"])
def test_a_package_url_that_names_none_is_rejected_with_its_path(package: str) -> None:
    event = sample("cdevent.deployed.cloudevent")
    event["data"]["subject"]["content"]["artifactId"] = package
    assert rejected(event).startswith("$.data.subject.content.artifactId")


def test_without_repository_url_and_default_registry_the_event_is_rejected() -> None:
    event = sample("cdevent.deployed.cloudevent")
    event["data"]["subject"]["content"]["artifactId"] = f"pkg:oci/api@{DIGEST}"
    assert rejected(event, default=None) == "$.data.subject.content.artifactId"


def test_our_own_event_tells_the_complete_set() -> None:
    found = deployed(sample("image-deployed.cloudevent"))
    assert [str(image) for image in found.images] == [
        f"{CONTOSO}/prod/api@{DIGEST}",
        f"{CONTOSO}/prod/web:2.0.0",
        "docker.io/library/redis:7",
    ]
    assert (found.workload, found.environment, found.deployer) == ("aks/shop/api", "production", "argocd")
    assert deployed(sample("image-deployed.ended.cloudevent")).images == ()


def test_a_workload_that_is_an_azure_resource_has_one_key_however_it_is_spelled() -> None:
    assert deployed(sample("image-deployed.azure-resource.cloudevent")).workload == APP
    event = sample("cdevent.deployed.cloudevent")
    event["data"]["subject"]["id"] = APP.upper()
    assert deployed(event).workload == APP


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"images": []}, "$.data.workload"),
        ({"workload": "", "images": []}, "$.data.workload"),
        ({"workload": 1, "images": []}, "$.data.workload"),
        ({"workload": "x" * 1025, "images": []}, "$.data.workload"),
        ({"workload": "x"}, "$.data.images"),
        ({"workload": "x", "images": "nginx"}, "$.data.images"),
        ({"workload": "x", "images": ["nginx"] * 501}, "$.data.images"),
        ({"workload": "x", "images": ["nginx", None]}, "$.data.images[1]"),
        ({"workload": "x", "images": ["contoso.azurecr.io/API:1"]}, "$.data.images[0].repository"),
        ({"workload": "x", "images": ["contoso.azurecr.io/api@sha256:1"]}, "$.data.images[0].digest"),
        ({"workload": "x", "images": [], "image": "nginx"}, "$.data.image"),
        ({"workload": "x", "images": [], "environment": 1}, "$.data.environment"),
        ([], "$.data"),
        ("{", "$.data"),
    ],
)
def test_our_own_event_is_rejected_with_the_path_of_what_is_wrong(content: object, path: str) -> None:
    event = sample("image-deployed.cloudevent")
    assert rejected({**event, "data": content}) == path


@pytest.mark.parametrize(
    ("name", "changes", "path"),
    [
        ("write.job.eventgrid", {"resourceUri": "no id"}, "$.data.resourceUri"),
        ("write.job.eventgrid", {"resourceUri": None}, "$.data.resourceUri"),
        ("write.job.eventgrid", {"resourceUri": f"{GROUP}/Microsoft.App/jobs/../x"}, "$.data.resourceUri"),
        ("notified.site.eventgrid", {"resourceInfo": []}, "$.data.resourceInfo"),
        ("notified.site.eventgrid", {"resourceInfo": {"id": "x"}}, "$.data.resourceInfo.id"),
        ("swap.cloudevent", {"sourceSlot": "a b/../c"}, "$.data"),
        ("swap.cloudevent", {"sourceSlot": 7}, "$.data.sourceSlot"),
    ],
)
def test_an_azure_event_is_rejected_with_the_path_of_what_is_wrong(
    name: str, changes: dict[str, object], path: str
) -> None:
    event = sample(name)
    assert rejected({**event, "data": {**event["data"], **changes}}) == path


def test_a_resource_of_another_type_is_ignored_with_a_reason() -> None:
    parsed = parse(sample("write.storage-account.eventgrid"))
    assert isinstance(parsed, NotForUs)
    assert "type" in parsed.reason


@pytest.mark.parametrize("event_type", ["Microsoft.Resources.ResourceActionSuccess", "dev.cdevents.build.started.0.1"])
def test_other_event_types_are_ignored_whatever_they_hold(event_type: str) -> None:
    parsed = parse({"id": "1", "eventType": event_type, "data": None})
    assert parsed == NotForUs(event_id="1", event_type=event_type, reason="no handler for this event type")


def test_times_of_any_offset_are_read_and_cut_to_five_minutes_from_now() -> None:
    event = sample("image-deployed.cloudevent")
    assert deployed(event).occurred_at == AT
    assert deployed({**event, "time": "2026-02-28T14:00:00+02:00"}).occurred_at == AT.replace(microsecond=0)
    assert deployed({**event, "time": "2031-01-01T00:00:00Z"}).occurred_at == NOW + CLOCK_TOLERANCE
    bare = sample("cdevent.removed.bare")
    bare["context"]["timestamp"] = "2031-01-01T00:00:00Z"
    assert deployed(bare).occurred_at == NOW + CLOCK_TOLERANCE
    assert rejected({**event, "time": "yesterday"}) == "$.time"
    assert timedelta(0) < NOW - AT


@needs_samples
@pytest.mark.parametrize("file", shared_files, ids=lambda file: file.name)
def test_every_recorded_sample_has_a_documented_outcome(file: Path) -> None:
    assert_documented(file.read_text(encoding="utf-8"))


def assert_documented(text: str) -> None:
    try:
        parsed = parse(text)
    except InvalidEvent as error:
        assert all(problem.path.startswith("$") and problem.expected for problem in error.problems)
        return
    if isinstance(parsed, NotForUs):
        assert parsed.reason
    elif isinstance(parsed, ResourcesChanged):
        assert parsed.resources
    else:
        assert parsed.workload
        assert all(image.tag or image.digest for image in parsed.images)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [path] if path else []
    items: list[tuple[object, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, each in items:
        found += places(each, (*path, key))
    return found


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mutated_event_never_leads_to_an_undocumented_outcome(data: st.DataObject) -> None:
    event = json.loads(data.draw(st.sampled_from(own_files + shared_files)).read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(places(event) or [()]))
        if not where:
            continue
        container: Any = event
        for key in where[:-1]:
            container = container[key]
        if data.draw(st.booleans()) and isinstance(container, dict):
            container.pop(where[-1])
        else:
            container[where[-1]] = data.draw(values | st.sampled_from(["", "x" * 2000, "\0", "/", APP, "nginx"]))
    assert_documented(json.dumps(event))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_rejected_with_a_path_or_understood(text: str) -> None:
    assert_documented(text)
