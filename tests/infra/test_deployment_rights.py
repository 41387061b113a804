"""The role in a watched subscription holds exactly what the app asks of Resource Manager."""

from typing import Any

from localcloud.tls import Authority
from taglock.enforcement.refreshing import refresh_deployments
from tests.deploying.world import (
    APP,
    BATCH,
    GROUP,
    SITE,
    SUBSCRIPTION,
    Deployed,
    container_app,
    container_group,
    deployed_world,
)
from tests.infra.bicep import ROOT, template
from tests.pushing.images import plain

JOB = f"{GROUP}/Microsoft.App/jobs/nightly"
SLOT = f"{SITE}/slots/staging"


async def everything_that_runs(local: Deployed) -> None:
    """Deploy each kind of resource, with an older revision in traffic, a slot and site containers, then list them."""
    local.push("build-1", plain("runs"))
    image = local.reference("build-1")
    traffic: list[dict[str, Any]] = [{"revisionName": "shop--v1", "weight": 50}, {"latestRevision": True, "weight": 50}]
    template_of_images = {"containers": [{"name": "c", "image": image}]}
    sites = {"properties": {"siteConfig": {"linuxFxVersion": "sitecontainers"}}, "kind": "app,linux,container"}
    container = {"properties": {"image": image, "isMain": True}}
    first = container_app(image, latestRevisionName="shop--v1", latestReadyRevisionName="shop--v1")
    written: tuple[tuple[str, dict[str, Any]], ...] = (
        (APP, first),
        (APP, container_app(image, traffic=traffic)),
        (JOB, {"properties": {"provisioningState": "Succeeded", "template": template_of_images}}),
        (BATCH, container_group(image)),
        (SITE, sites),
        (SLOT, sites),
    )
    for resource, body in written:
        await local.deliver(await local.put(resource, body))
    for site in (SITE, SLOT):
        await local.arm.put(f"{site}/sitecontainers/main", container)
        await local.deliver(await local.put(site, sites))
    (listed,) = await refresh_deployments(local.pushing.app, trigger="test")
    assert not listed.problem


async def test_the_role_is_exactly_what_the_requests_need(trusted: Authority) -> None:
    async with deployed_world(trusted) as local:
        await everything_that_runs(local)
        assert len(await local.running()) == 5
        needed = {request.required.lower() for request in local.arm.traffic.remembered if request.required}
        assert needed == {action.lower() for action in template("deployments/subscription.bicep").value("actions")}


async def test_every_request_only_reads(trusted: Authority) -> None:
    async with deployed_world(trusted) as local:
        await everything_that_runs(local)
        assert {request.method for request in local.arm.traffic.remembered} == {"GET"}
        assert all(SUBSCRIPTION in request.path for request in local.arm.traffic.remembered)


def test_the_document_says_that_it_is_less_than_reader() -> None:
    text = (ROOT / "docs/permissions.md").read_text(encoding="utf-8")
    assert "less than *Reader*" in text
