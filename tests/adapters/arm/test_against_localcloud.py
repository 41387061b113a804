"""Every method of the port against the local Resource Manager, which was written apart from the adapter.

The credential is the one that the app uses in Azure, on the local stand-in for its managed identity.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import CloudOptions, LocalCloud
from taglock.adapters.arm_reader import ArmOptions, ArmReader, open_arm
from taglock.adapters.credential import open_credential
from taglock.domain.arm_resource import ArmWorkload, ResourceId, parse_resource_id, workload_of
from taglock.errors import ArmError

SEEDS = Path(__file__).resolve().parents[3] / "localcloud/arm/seeds"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
DEMO = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo/providers"
APP = f"{DEMO}/Microsoft.App/containerApps/shop"
SITE = f"{DEMO}/Microsoft.Web/sites/portal"

# What the seeds say, without the registry's name in front.
RUNNING = {
    APP: ("prod/api:1.5.0", "prod/api:1.4.2"),
    f"{DEMO}/Microsoft.App/jobs/nightly": ("prod/bundle:2.0.0",),
    SITE: ("prod/api:1.4.2", "docker.io/library/redis:7"),
    f"{SITE}/slots/staging": ("prod/api:1.5.0",),
    f"{DEMO}/Microsoft.Web/sites/orders": ("prod/api:1.5.0", "prod/bundle:2.0.0"),
    f"{DEMO}/Microsoft.ContainerInstance/containerGroups/batch": ("prod/bundle:2.0.0", "prod/api:1.4.2"),
}
REQUESTS = {
    APP: 2,
    f"{DEMO}/Microsoft.App/jobs/nightly": 1,
    SITE: 2,
    f"{SITE}/slots/staging": 2,
    f"{DEMO}/Microsoft.Web/sites/orders": 3,
    f"{DEMO}/Microsoft.ContainerInstance/containerGroups/batch": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """The local cloud and the adapter opened on it."""

    cloud: LocalCloud
    reader: ArmReader

    def images(self, found: ArmWorkload | None) -> tuple[str, ...]:
        assert found is not None
        return tuple(image.removeprefix(f"{self.cloud.registry.login_server}/") for image in found.images)

    def requests(self) -> int:
        return sum(self.cloud.arm.traffic.counts().values())


def identified(text: str) -> ResourceId:
    found = parse_resource_id(text, "$")
    assert found is not None
    return found


@pytest.fixture
async def local(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Local]:
    async with LocalCloud(CloudOptions(arm_seed=SEEDS)) as cloud:
        for name, value in cloud.environment().items():
            monkeypatch.setenv(name, value)
        credential = open_credential(client_id=None)
        reader = open_arm(cloud.arm.endpoint, credential=credential, options=ArmOptions(request_timeout_seconds=5.0))
        yield Local(cloud=cloud, reader=reader)
        await reader.aclose()
        await credential.close()


async def test_each_resource_tells_its_images_in_as_few_requests_as_its_type_takes(local: Local) -> None:
    for text, expected in RUNNING.items():
        before = local.requests()
        found = await local.reader.workload(identified(text))
        assert local.images(found) == expected, text
        assert local.requests() - before == REQUESTS[text], text


async def test_the_list_of_a_subscription_is_what_reading_each_gives(local: Local) -> None:
    listed = {each.resource: each async for each in local.reader.workloads(SUBSCRIPTION)}
    single = {identified(text): await local.reader.workload(identified(text)) for text in RUNNING}
    assert listed == single


@pytest.mark.parametrize(
    "switches",
    [
        {"page_size": 1},
        {"page_size": 1, "first_page": "empty", "last_next_link": "absent"},
        {"id_case": "lower"},
        {"site_config": "whole"},
        {"site_config": "absent"},
    ],
)
async def test_every_way_in_which_azure_may_answer_tells_the_same(local: Local, switches: dict[str, Any]) -> None:
    usual = [each async for each in local.reader.workloads(SUBSCRIPTION)]
    before = local.requests()
    local.cloud.arm.options.change(switches)
    changed = [each async for each in local.reader.workloads(SUBSCRIPTION)]
    assert changed == usual
    assert (local.requests() - before > before) == ("page_size" in switches)


async def test_being_throttled_is_told_with_the_time_to_wait_and_then_obeyed(local: Local) -> None:
    local.cloud.arm.options.change({"throttling": "on", "reads_bucket": 1, "reads_per_second": 0.05})
    assert await local.reader.workload(identified(f"{DEMO}/Microsoft.App/jobs/nightly")) is not None
    for _ in range(2):
        with pytest.raises(ArmError) as raised:
            await local.reader.workload(identified(APP))
        assert (raised.value.status, raised.value.transient) == (429, True)
        assert raised.value.retry_after is not None
    assert local.requests() == 2


async def test_only_what_is_being_provisioned_is_not_ready(local: Local) -> None:
    unready = [each.resource.name async for each in local.reader.workloads(SUBSCRIPTION) if not each.ready]
    assert unready == ["nightly"]


async def test_a_new_tag_and_image_are_read_after_a_write(local: Local) -> None:
    resource_id = f"{DEMO}/Microsoft.App/containerApps/Fresh"
    template = {"containers": [{"name": "main", "image": "elsewhere.example/api:9"}]}
    traffic = [{"latestRevision": True, "weight": 100}]
    body = {
        "location": "westeurope",
        "tags": {"Environment": "prod"},
        "properties": {"template": template, "configuration": {"ingress": {"traffic": traffic}}},
    }
    await local.cloud.arm.put(resource_id, body)
    found = await local.reader.workload(identified(resource_id))
    assert found is not None
    assert (found.images, found.environment) == (("elsewhere.example/api:9",), "prod")


async def test_a_deleted_resource_is_none(local: Local) -> None:
    await local.cloud.arm.delete(SITE)
    assert await local.reader.workload(identified(SITE)) is None
    assert await local.reader.workload(identified(f"{SITE}/slots/staging")) is None
    assert await local.reader.workload(identified(f"{DEMO}/Microsoft.App/jobs/never")) is None


async def test_an_identity_without_the_role_is_told_which_one_it_needs(local: Local) -> None:
    local.cloud.arm.roles.grant("taglock", [])
    for text in RUNNING:
        with pytest.raises(ArmError, match="'Reader'") as raised:
            await local.reader.workload(identified(text))
        assert (raised.value.status, raised.value.code) == (403, "AuthorizationFailed")


async def test_an_unknown_subscription_is_an_error_and_not_empty(local: Local) -> None:
    with pytest.raises(ArmError) as raised:
        [each async for each in local.reader.workloads("00000000-0000-0000-0000-00000000ffff")]
    assert raised.value.code in ("SubscriptionNotFound", "AuthorizationFailed")


async def test_no_planted_secret_is_in_what_is_read(local: Local) -> None:
    everything = [each async for each in local.reader.workloads(SUBSCRIPTION)]
    assert everything
    assert "planted-secret" not in repr(everything)


async def test_bodies_of_the_seeds_tell_the_same_without_asking(local: Local) -> None:
    """As an event carries them: whole, straight from what is stored."""
    job = f"{DEMO}/Microsoft.App/jobs/nightly"
    stored = {str(body["id"]).lower(): body for body in local.cloud.arm.store.bodies()}
    assert workload_of(identified(job), stored[job.lower()]) == await local.reader.workload(identified(job))
    with pytest.raises(ArmError, match="no revisions beside the latest"):
        workload_of(identified(APP), stored[APP.lower()])
