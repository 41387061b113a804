"""What a write, a delete and a pipeline tell the function that waits for deployments."""

import json
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import SUBSCRIPTION_ID, CloudOptions
from localcloud.event_grid.events import Schema
from localcloud.event_grid.subscription import Subscription
from localcloud.subscribed import SUBSCRIBED
from tests.localcloud.arm.asking import APP, GROUP, SEEDS, SITE, SUBSCRIPTION, Asker, asking, container_app
from tests.localcloud.cloud.receiving import receiving
from tests.localcloud.cloud.waiting import eventually, until

APPS = Path(__file__).parent / "apps"
SAMPLES = Path(__file__).resolve().parents[3] / "../shared/events"
CLOUD_BATCH = "application/cloudevents-batch+json; charset=utf-8"


def keys_of(tree: Any, path: str = "") -> set[str]:
    if not isinstance(tree, dict):
        return {path}
    return {key for name, value in tree.items() for key in keys_of(value, f"{path}/{name}")}


def sample(name: str) -> Any:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the shared sample {name} is not here")
    return json.loads(path.read_text())


async def change(it: Asker, path: str) -> dict[str, Any]:
    await it.arm.put(path, it.arm.store.at(path.lower()))
    return it.cloud.event_grid.published[-1].rendered(Schema.CLOUD_EVENTS)


@pytest.mark.parametrize(
    ("path", "file"),
    [
        (APP, "arm-resource-write-success.containerapps.cloudevent.json"),
        (GROUP, "arm-resource-write-success.container-groups.cloudevent.json"),
        (f"{SITE}/config/web", "arm-resource-write-success.web-sites-config.cloudevent.json"),
    ],
)
async def test_event_of_a_write_has_the_members_of_the_sample_and_says_the_same(path: str, file: str) -> None:
    wanted = sample(file)
    async with asking() as it:
        event = await change(it, path)
    assert keys_of(event) == keys_of(wanted)
    for name in ("operationName", "resourceProvider", "status"):
        assert event["data"][name] == wanted["data"][name]
    assert event["type"] == wanted["type"]
    assert event["data"]["authorization"]["action"] == wanted["data"]["authorization"]["action"]


async def test_event_names_its_resource_group_as_source_and_the_resource_in_lower_cased_groups_as_subject() -> None:
    async with asking() as it:
        event = await change(it, APP)
        it.arm.options.change({"event_source": "subscription"})
        of_subscription = await change(it, APP)
    assert event["source"] == f"{SUBSCRIPTION}/resourceGroups/demo"
    assert of_subscription["source"] == SUBSCRIPTION
    assert event["subject"] == APP.replace("resourceGroups", "resourcegroups")
    assert (event["data"]["resourceUri"], event["data"]["subscriptionId"]) == (APP, SUBSCRIPTION_ID)


async def test_delete_raises_an_event_of_its_own() -> None:
    async with asking() as it:
        await it.arm.delete(APP)
        (event,) = it.cloud.event_grid.published
    assert event.type == "Microsoft.Resources.ResourceDeleteSuccess"
    assert event.content["operationName"] == "Microsoft.App/containerApps/delete"
    assert event.content["httpRequest"]["method"] == "DELETE"


async def test_seeds_revisions_and_withheld_events_are_silent() -> None:
    async with asking() as it:
        it.arm.place([container_app("quiet")])
        await it.arm.put(f"{APP}/revisions/shop--v9", {"properties": {}})
        it.arm.options.change({"events": "withheld"})
        await it.arm.put(APP, it.arm.store.at(APP.lower()))
        assert not it.cloud.event_grid.published


@pytest.mark.parametrize("schema", list(Schema))
async def test_function_for_deployments_is_told_of_writes_in_the_schema_of_its_subscription(schema: Schema) -> None:
    options = CloudOptions(app=APPS / "deployments", arm_seed=SEEDS, schema=schema)
    async with asking(options) as it:
        assert set(it.cloud.event_grid.subscriptions) == {"image_deployed", "pipelines"}
        await it.arm.put(APP, it.arm.store.at(APP.lower()))
        (event,) = await eventually(lambda: seen(it), bool)
    assert event["data"]["resourceUri"] == APP
    if schema is Schema.CLOUD_EVENTS:
        assert (event["specversion"], event["type"]) == ("1.0", "Microsoft.Resources.ResourceWriteSuccess")
    else:
        assert (event["dataVersion"], event["eventType"]) == ("2", "Microsoft.Resources.ResourceWriteSuccess")


async def test_pipelines_topic_reaches_the_function_with_any_event_and_only_through_its_own_subscription() -> None:
    spoofed = "Microsoft.Resources.ResourceWriteSuccess"
    async with asking(CloudOptions(app=APPS / "deployments")) as it:
        assert await publish(it, [cloud_event(spoofed), cloud_event("dev.cdevents.service.deployed.0.3.0")]) == 200
        told = await eventually(lambda: seen(it), lambda events: len(events) == 2)
        await it.cloud.event_grid.idle()
        delivered = [each.subscription for each in it.cloud.event_grid.deliveries]
    assert {each["type"] for each in told} == {spoofed, "dev.cdevents.service.deployed.0.3.0"}
    assert {each["datacontenttype"] for each in told} == {"application/json"}
    assert {each["source"] for each in told} == {"/pipeline"}
    assert delivered == ["pipelines", "pipelines"]


async def test_cdevent_arrives_as_it_was_sent() -> None:
    event = sample("cdevents/service_deployed.json")
    context = event["context"]
    wrapped = {**cloud_event(context["type"]), "id": context["id"], "source": context["source"], "data": event}
    async with asking(CloudOptions(app=APPS / "deployments")) as it:
        assert await publish(it, wrapped, "application/cloudevents+json") == 200
        (told,) = await eventually(lambda: seen(it), bool)
    assert told == {**wrapped, "subject": "", "time": told["time"]}


async def test_event_of_the_other_schema_comes_from_the_topic_as_a_cloud_event() -> None:
    event = {
        "id": "1",
        "subject": "app",
        "eventType": "Taglock.ImageDeployed",
        "dataVersion": "1",
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"image": "x"},
    }
    async with asking(CloudOptions(app=APPS / "deployments")) as it:
        assert await publish(it, [event], "application/json") == 200
        (told,) = await eventually(lambda: seen(it), bool)
    assert (told["type"], told["data"]) == ("Taglock.ImageDeployed", {"image": "x"})
    assert told["source"].endswith("/providers/Microsoft.EventGrid/topics/pipelines")


async def test_event_that_cannot_be_read_refuses_the_whole_batch() -> None:
    async with asking() as it:
        events = [cloud_event("Taglock.ImageDeployed"), {**cloud_event("Taglock.ImageDeployed"), "time": "never"}]
        assert await publish(it, events) == 400
        assert not it.cloud.event_grid.published
        assert not it.cloud.pipeline_topic.published


async def test_pipelines_topic_wants_a_key_or_a_token_and_has_a_key_of_its_own() -> None:
    async with asking() as it:
        events = [cloud_event("Taglock.ImageDeployed")]
        assert await publish(it, events, key="wrong") == 401
        assert await publish(it, events, key=it.cloud.topic.key) == 401
        token = it.cloud.identity.token("https://eventgrid.azure.net")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": CLOUD_BATCH}
        url = it.cloud.state.events.pipeline_topic_endpoint
        async with it.http.post(url, data=json.dumps(events), headers=headers) as answer:
            assert answer.status == 200


async def test_subscriptions_of_azures_own_topics_get_nothing_from_pipelines_also_when_redelivered() -> None:
    async with asking() as it, receiving() as receiver, receiving() as pipelines:
        await it.cloud.event_grid.subscribe(Subscription(name="all", endpoint=receiver.url))
        own = Subscription(name="own", endpoint=pipelines.url, channel="pipelines")
        await it.cloud.event_grid.subscribe(own)
        assert await publish(it, [cloud_event("Taglock.ImageDeployed")]) == 200
        assert it.cloud.event_grid.redeliver() == 1
        await until(lambda: len(pipelines.received) == 2)
        await it.cloud.event_grid.idle()
    assert not receiver.received


def test_deployments_are_told_by_resources_notifications_and_sites() -> None:
    prefixes = {event_type.rpartition(".")[0] for event_type in SUBSCRIBED["image_deployed"]}
    assert {"Microsoft.Resources", "Microsoft.Web", "Microsoft.ResourceNotifications.Resources"} <= prefixes


def cloud_event(event_type: str) -> dict[str, Any]:
    members = {"id": event_type, "source": "/pipeline", "type": event_type, "specversion": "1.0"}
    return {**members, "datacontenttype": "application/json", "data": {}}


async def publish(it: Asker, events: object, content_type: str = CLOUD_BATCH, key: str | None = None) -> int:
    headers = {"aeg-sas-key": it.cloud.pipeline_topic.key if key is None else key, "Content-Type": content_type}
    url = it.cloud.state.events.pipeline_topic_endpoint
    async with it.http.post(url, data=json.dumps(events), headers=headers) as answer:
        return answer.status


async def seen(it: Asker) -> Any:
    assert it.cloud.functions is not None
    headers = {"x-functions-key": it.cloud.functions.keys.default}
    async with it.http.get(f"{it.cloud.functions.endpoint}/api/seen", headers=headers) as answer:
        return json.loads(await answer.text())
