"""Which images a resource runs: every place where its type keeps them, in as few requests as that takes."""

from base64 import b64encode
from typing import Any

import pytest
from aiohttp import web

from taglock.adapters.arm_reader import ArmReader
from taglock.domain.arm_resource import ArmWorkload, ResourceId, ResourceKind
from taglock.errors import ArmError, UnreadableBody
from taglock.ports import Arm
from tests.adapters.arm.conftest import Open
from tests.adapters.arm.peer import (
    API,
    APP,
    GROUP,
    JOB,
    OLD,
    SIDE,
    SITE,
    SLOT,
    SUBSCRIPTION,
    Credential,
    Peer,
    app,
    error,
    resource,
    template,
)


def site_configuration(peer: Peer, owner: ResourceId, **versions: Any) -> None:
    peer.put(owner, {"tags": {"Environment": "prod"}, "properties": {"state": "Running", "siteConfig": None}})
    peer.put(f"{owner}/config/web", {"properties": versions})


async def listed(reader: ArmReader) -> list[ArmWorkload]:
    return [found async for found in reader.workloads(SUBSCRIPTION)]


def provider(type_: str) -> str:
    return f"/subscriptions/{SUBSCRIPTION}/providers/{type_}"


def empty_lists(peer: Peer) -> None:
    for type_ in (
        *("Microsoft.App/containerApps", "Microsoft.App/jobs", "Microsoft.Web/sites"),
        "Microsoft.ContainerInstance/containerGroups",
    ):
        peer.put(provider(type_), {"value": []})


async def test_the_reader_is_the_port(opened: Open) -> None:
    port: Arm = opened()
    assert port


async def test_an_app_takes_one_request(peer: Peer, opened: Open) -> None:
    traffic = [{"latestRevision": True, "weight": 100}]
    peer.put(APP, app(API, configuration={"ingress": {"traffic": traffic}}) | {"tags": {"environment": "prod"}})
    found = await opened().workload(APP)
    assert found == ArmWorkload(resource=APP, images=(API,), ready=True, environment="prod")
    assert peer.paths == [str(APP)]


async def test_an_older_revision_in_traffic_takes_one_request_more(peer: Peer, opened: Open) -> None:
    traffic = [
        {"revisionName": "shop--v1", "weight": 20},
        {"revisionName": "shop--v0", "weight": 0},
        {"latestRevision": True, "weight": 80},
    ]
    peer.put(APP, app(API, configuration={"ingress": {"traffic": traffic}}, latestRevisionName="shop--v2"))
    peer.put(f"{APP}/revisions/shop--v1", {"properties": {"active": True, "template": template(OLD, SIDE)}})
    found = await opened().workload(APP)
    assert found is not None
    assert found.images == (API, OLD, SIDE)
    assert peer.paths == [str(APP), f"{APP}/revisions/shop--v1"]


async def test_the_last_ready_revision_runs_until_the_latest_one_does(peer: Peer, opened: Open) -> None:
    names = {"latestRevisionName": "shop--v2", "latestReadyRevisionName": "shop--v1"}
    peer.put(APP, app(API, provisioningState="Failed", **names))
    peer.put(f"{APP}/revisions/shop--v1", {"properties": {"template": template(OLD)}})
    found = await opened().workload(APP)
    assert found is not None
    assert (found.images, found.ready) == ((API, OLD), True)


async def test_a_revision_that_went_away_runs_nothing(peer: Peer, opened: Open) -> None:
    traffic = [{"revisionName": "shop--v1", "weight": 20}]
    peer.put(APP, app(API, configuration={"ingress": {"traffic": traffic}}))
    found = await opened().workload(APP)
    assert found is not None
    assert found.images == (API,)


async def test_every_active_revision_of_an_app_without_ingress_runs(peer: Peer, opened: Open) -> None:
    peer.put(APP, app(API, configuration={"activeRevisionsMode": "Multiple"}))
    revisions = [
        {"properties": {"active": 1, "template": template(OLD)}},
        {"properties": {"active": False, "template": template("contoso.azurecr.io/api:0")}},
    ]
    peer.put(f"{APP}/revisions", {"value": revisions})
    found = await opened().workload(APP)
    assert found is not None
    assert found.images == (API, OLD)
    assert peer.paths == [str(APP), f"{APP}/revisions"]


async def test_a_job_takes_one_request(peer: Peer, opened: Open) -> None:
    peer.put(JOB, app(API, provisioningState="InProgress"))
    found = await opened().workload(JOB)
    assert found == ArmWorkload(resource=JOB, images=(API,), ready=False)
    assert len(peer.paths) == 1


async def test_a_container_group_takes_one_request(peer: Peer, opened: Open) -> None:
    container = {"properties": {"image": API, "environmentVariables": [{"secureValue": None}]}}
    peer.put(GROUP, {"properties": {"containers": [container], "initContainers": None}})
    found = await opened().workload(GROUP)
    assert found == ArmWorkload(resource=GROUP, images=(API,), ready=True)
    assert len(peer.paths) == 1


@pytest.mark.parametrize("owner", [SITE, SLOT])
@pytest.mark.parametrize("name", ["linuxFxVersion", "windowsFxVersion"])
async def test_a_site_and_a_slot_take_two_requests(peer: Peer, opened: Open, owner: ResourceId, name: str) -> None:
    site_configuration(peer, owner, **({"linuxFxVersion": "", "windowsFxVersion": None} | {name: f"DOCKER|{API}"}))
    found = await opened().workload(owner)
    assert found == ArmWorkload(resource=owner, images=(API,), ready=True, environment="prod")
    assert peer.paths == [str(owner), f"{owner}/config/web"]


async def test_a_site_runs_every_service_of_its_compose_file(peer: Peer, opened: Open) -> None:
    text = f"services: {{web: {{image: '{API}'}}, side: {{image: '{SIDE}'}}}}"
    site_configuration(peer, SITE, linuxFxVersion=f"COMPOSE|{b64encode(text.encode()).decode()}")
    found = await opened().workload(SITE)
    assert found is not None
    assert found.images == (API, SIDE)


@pytest.mark.parametrize("owner", [SITE, SLOT])
async def test_site_containers_take_a_third_request(peer: Peer, opened: Open, owner: ResourceId) -> None:
    site_configuration(peer, owner, linuxFxVersion="sitecontainers")
    containers = [{"properties": {"image": image, "isMain": image == API}} for image in (API, SIDE)]
    peer.put(f"{owner}/sitecontainers", {"value": containers, "nextLink": None})
    found = await opened().workload(owner)
    assert found is not None
    assert found.images == (API, SIDE)
    assert peer.paths == [str(owner), f"{owner}/config/web", f"{owner}/sitecontainers"]


async def test_a_site_of_code_runs_no_image(peer: Peer, opened: Open) -> None:
    site_configuration(peer, SITE, linuxFxVersion="PYTHON|3.13")
    found = await opened().workload(SITE)
    assert found is not None
    assert found.images == ()


@pytest.mark.parametrize("body", [error("ResourceNotFound"), error("ResourceGroupNotFound"), {"Code": "NotFound"}])
async def test_a_resource_that_is_gone_is_none(peer: Peer, opened: Open, body: dict[str, Any]) -> None:
    peer.reply(body, status=404)
    assert await opened().workload(APP) is None


async def test_a_site_that_goes_away_between_two_requests_is_none(peer: Peer, opened: Open) -> None:
    peer.put(SITE, {"properties": {}})
    assert await opened().workload(SITE) is None


async def test_each_type_is_asked_with_a_version(peer: Peer, opened: Open) -> None:
    for each in (APP, JOB, SITE, SLOT, GROUP):
        await opened().workload(each)
    assert peer.versions == {"2025-01-01", "2024-11-01", "2023-05-01"}


async def test_the_token_is_asked_once_and_sent_with_each_request(
    peer: Peer, opened: Open, credential: Credential
) -> None:
    peer.put(JOB, app(API))
    reader = opened()
    for _ in range(3):
        await reader.workload(JOB)
    assert credential.scopes == ["https://management.azure.com/.default"]
    assert peer.authorizations == ["Bearer entra-token-1"] * 3


async def test_a_token_near_its_end_is_replaced(peer: Peer, opened: Open, credential: Credential) -> None:
    credential.lifetime_seconds = 200
    reader = opened(audience="https://management.chinacloudapi.cn/")
    await reader.workload(JOB)
    await reader.workload(JOB)
    assert credential.scopes == ["https://management.chinacloudapi.cn/.default"] * 2


async def test_a_closed_reader_opens_again(peer: Peer, opened: Open) -> None:
    reader = opened()
    await reader.aclose()
    await reader.workload(JOB)
    await reader.aclose()
    assert await reader.workload(JOB) is None


async def test_a_subscription_lists_every_type_page_by_page(peer: Peer, opened: Open) -> None:
    empty_lists(peer)
    one, two, three = (resource(ResourceKind.CONTAINER_APP, f"app{n}") for n in range(3))
    link = f"https://{peer.host}{provider('microsoft.app/CONTAINERAPPS')}?api-version=2025-01-01&%24skipToken=2"
    pages = {
        "": {"value": [{"id": str(one)} | app(API), {"id": str(two).upper()} | app(OLD)], "nextLink": link},
        "2": {"value": [{"id": str(three)} | app(SIDE)], "nextLink": ""},
    }

    async def paged(request: web.Request) -> web.StreamResponse:
        if request.path == provider("Microsoft.App/containerApps"):
            return web.json_response(pages[request.query.get("$skipToken", "")])
        return await peer.known(request)

    peer.put(provider("Microsoft.App/jobs"), {"value": [{"id": str(JOB)} | app(API)]})
    container = {"properties": {"image": API}}
    groups = [{"id": str(GROUP), "properties": {"containers": [container]}}]
    peer.put(provider("Microsoft.ContainerInstance/containerGroups"), {"value": groups})
    peer.put(provider("Microsoft.Web/sites"), {"value": [{"id": str(SITE), "tags": {"environment": "prod"}}]})
    peer.put(f"{SITE}/slots", {"value": [{"id": str(SLOT)}]})
    peer.put(f"{SITE}/config/web", {"properties": {"linuxFxVersion": f"DOCKER|{API}"}})
    peer.put(f"{SLOT}/config/web", {"properties": {"linuxFxVersion": f"DOCKER|{OLD}"}})
    peer.answer = paged
    found = {str(each.resource): (each.images, each.environment) for each in await listed(opened())}
    assert found == {
        str(one): ((API,), ""),
        str(two): ((OLD,), ""),
        str(three): ((SIDE,), ""),
        str(JOB): ((API,), ""),
        str(SITE): ((API,), "prod"),
        str(SLOT): ((OLD,), ""),
        str(GROUP): ((API,), ""),
    }
    assert len(peer.paths) == 5 + 3  # five pages, and the site's configuration, its slots and the slot's configuration


async def test_a_provider_that_was_never_registered_has_no_resources(peer: Peer, opened: Open) -> None:
    peer.reply(error("MissingSubscriptionRegistration"), status=409)
    assert await listed(opened()) == []


async def test_an_unknown_subscription_is_no_empty_one(peer: Peer, opened: Open) -> None:
    peer.reply(error("SubscriptionNotFound"), status=404)
    with pytest.raises(ArmError, match="SubscriptionNotFound"):
        await listed(opened())


async def test_a_body_that_does_not_tell_keeps_no_other_away_and_no_list_passes_for_complete(
    peer: Peer, opened: Open
) -> None:
    empty_lists(peer)
    broken, whole = (resource(ResourceKind.CONTAINER_APP_JOB, name) for name in ("broken", "whole"))
    foreign = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.App/jobs/x"
    bodies = [
        {"id": str(broken), "properties": {"template": None}},
        {"id": foreign} | app(OLD),
        {"id": None} | app(OLD),
        {"id": str(whole)} | app(API),
    ]
    peer.put(provider("Microsoft.App/jobs"), {"value": bodies})
    found: list[ArmWorkload] = []
    with pytest.raises(UnreadableBody, match=r"3 of the bodies, the first: .*jobs/broken") as raised:
        async for each in opened().workloads(SUBSCRIPTION):
            found.append(each)  # noqa: PERF401
    assert [each.resource for each in found] == [whole]
    assert not raised.value.transient
