"""The app as Azure runs it: indexed and invoked by Microsoft's worker library, in a process of its own."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from localcloud.cloud import LocalCloud
from localcloud.registry.content import Manifest
from tests.localcloud.cloud.waiting import until
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, ORIGIN, UNDELETABLE

NOTIFICATION = {"aeg-event-type": "Notification"}


def push(cloud: LocalCloud, tag: str | None, manifest: Manifest) -> None:
    cloud.registry.store.push("prod/api", tag, manifest, ORIGIN)


def event(cloud: LocalCloud, tag: str, manifest: Manifest, *, schema: str = "eventgrid") -> dict[str, Any]:
    """Return a push event in either schema, as the recorded samples have it."""
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    topic = f"/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/{cloud.registry_name}"
    data = {
        "id": tag,
        "timestamp": moment,
        "action": "push",
        "target": {
            "mediaType": manifest.media_type,
            "digest": manifest.digest,
            "repository": "prod/api",
            "tag": tag,
        },
        "request": {"host": cloud.registry.login_server},
    }
    kind = "Microsoft.ContainerRegistry.ImagePushed"
    if schema == "cloudevents":
        return {"id": tag, "source": topic, "type": kind, "time": moment, "specversion": "1.0", "data": data}
    envelope = {"id": tag, "topic": topic, "subject": f"prod/api:{tag}", "eventType": kind, "eventTime": moment}
    return {**envelope, "data": data, "dataVersion": "2.0", "metadataVersion": "1"}


def announced(cloud: LocalCloud, kind: str) -> list[dict[str, Any]]:
    """What the app published of one type, each id once: the timer may empty the outbox beside the handler."""
    events = {one.event["id"]: dict(one.event) for one in cloud.topic.published if one.event["type"] == kind}
    return list(events.values())


def locked(cloud: LocalCloud, tag: str) -> bool:
    return cloud.registry.store.tag("prod/api", tag).flags == LOCKED_TAG


async def test_a_push_reaches_the_app_by_itself_and_is_locked_and_announced(cloud: LocalCloud) -> None:
    children = [plain("amd64"), plain("arm64"), plain("attestation")]
    for child in children:
        push(cloud, None, child)
    root = index(*children)
    push(cloud, "2.0.0", root)
    await until(lambda: locked(cloud, "2.0.0"))
    manifests = cloud.registry.store.repository("prod/api").manifests
    await until(lambda: all(manifests.get(each.digest).flags == UNDELETABLE for each in (*children, root)))  # type: ignore[union-attr]
    await until(lambda: len(announced(cloud, "Taglock.ImageLocked")) == 1)


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
@pytest.mark.parametrize("size", [1, 5])
async def test_both_schemas_single_and_in_batches_are_acknowledged_after_the_lock(
    cloud: LocalCloud, http: aiohttp.ClientSession, hook: Callable[[str], str], schema: str, size: int
) -> None:
    await cloud.event_grid.reset()
    images = {f"1.0.{number}": plain(f"image {number}") for number in range(size)}
    events = []
    for tag, image in images.items():
        push(cloud, tag, image)
        events.append(event(cloud, tag, image, schema=schema))
    content_type = "application/cloudevents-batch+json" if schema == "cloudevents" else "application/json"
    async with http.post(
        hook("image_pushed"), data=json.dumps(events), headers={**NOTIFICATION, "Content-Type": content_type}
    ) as answer:
        assert answer.status == 202
    assert all(locked(cloud, tag) for tag in images)


async def test_an_event_with_an_offset_that_breaks_typed_converters_is_handled(
    cloud: LocalCloud, http: aiohttp.ClientSession, hook: Callable[[str], str]
) -> None:
    image = plain("api")
    push(cloud, "1.4.2", image)
    late = event(cloud, "1.4.2", image)
    late["eventTime"] = late["data"]["timestamp"] = "2026-11-24T14:00:00.123456789+02:00"
    async with http.post(hook("image_pushed"), data=json.dumps([late]), headers=NOTIFICATION) as answer:
        assert answer.status == 202
    assert locked(cloud, "1.4.2")


async def test_an_event_that_cannot_be_understood_is_acknowledged_and_announced(
    cloud: LocalCloud, http: aiohttp.ClientSession, hook: Callable[[str], str]
) -> None:
    broken = event(cloud, "1.4.2", plain("api"))
    broken["data"]["target"]["digest"] = "sha256:short"
    async with http.post(hook("image_pushed"), data=json.dumps([broken]), headers=NOTIFICATION) as answer:
        assert answer.status == 202
    (rejected,) = announced(cloud, "Taglock.EventRejected")
    assert rejected["data"]["problems"][0].startswith("$.data.target.digest: expected")


async def test_the_due_work_timer_finishes_an_index_that_was_too_large_for_one_event(
    cloud: LocalCloud, http: aiohttp.ClientSession
) -> None:
    functions = cloud.state.functions
    assert functions is not None
    children = [plain(f"child {number}") for number in range(100)]
    for child in children:
        push(cloud, None, child)
    root = index(*children)
    push(cloud, "2.0.0", root)
    manifests = cloud.registry.store.repository("prod/api").manifests

    def finished() -> bool:
        return all(manifests.get(each.digest).flags == UNDELETABLE for each in (*children, root))  # type: ignore[union-attr]

    await until(lambda: cloud.registry.traffic.counts().get("PATCH manifest", 0) >= 63)
    assert not finished()
    timer = f"{functions.endpoint}/admin/functions/due_work"
    for _ in range(20):
        headers = {"x-functions-key": functions.keys.master}
        async with http.post(timer, json={"input": ""}, headers=headers) as answer:
            assert answer.status == 202
        await asyncio.sleep(0.25)
        if finished():
            break
    assert finished()
    assert cloud.registry.traffic.counts()["PATCH manifest"] == 101
