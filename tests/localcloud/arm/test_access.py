"""Who is answered, and with what anybody else is refused."""

import pytest

from localcloud.arm.kinds import KINDS, SUBSCRIPTION_VERSIONS, Kind
from localcloud.identity import TENANT
from localcloud.registry.principal import Principal
from tests.localcloud.arm.asking import (
    APP,
    DEMO,
    GROUP,
    MANAGEMENT,
    ORDERS,
    REGISTRY,
    SITE,
    SUBSCRIPTION,
    asking,
    container_app,
)

APPS = f"{SUBSCRIPTION}/providers/Microsoft.App/containerApps"
OTHER = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "AuthenticationFailed"),
        ("Basic dXNlcjpwYXNz", "AuthenticationFailedInvalidHeader"),
        ("Bearer", "AuthenticationFailedInvalidHeader"),
        ("Bearer nonsense", "InvalidAuthenticationToken"),
    ],
)
async def test_caller_without_a_good_token_gets_a_challenge_that_names_the_tenant(
    authorization: str, code: str
) -> None:
    async with asking() as it:
        headers = {"Authorization": authorization} if authorization else {}
        answer = await it.get(f"{APP}?api-version=2025-07-01", **headers)
    assert (answer.status, answer.code) == (401, code)
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith(f'Bearer authorization_uri="https://login.windows.net/{TENANT}"')
    assert 'error="invalid_token"' in challenge


@pytest.mark.parametrize("audience", ["https://containerregistry.azure.net", "https://eventgrid.azure.net"])
async def test_token_for_another_service_is_refused_with_the_audiences_that_are_good(audience: str) -> None:
    async with asking() as it:
        token = it.cloud.identity.token(audience)
        answer = await it.get(f"{APP}?api-version=2025-07-01", Authorization=f"Bearer {token}")
    assert (answer.status, answer.code) == (401, "InvalidAuthenticationTokenAudience")
    assert f"resource '{audience}'" in answer.body["error"]["message"]
    assert "'https://management.azure.com/'" in answer.body["error"]["message"]


@pytest.mark.parametrize(
    "audience", [MANAGEMENT, "https://management.azure.com", "https://management.core.windows.net/"]
)
async def test_both_names_of_the_control_plane_are_good_audiences(audience: str) -> None:
    async with asking() as it:
        token = it.cloud.identity.token(audience)
        assert (await it.get(f"{APP}?api-version=2025-07-01", Authorization=f"bearer {token}")).status == 200


@pytest.mark.parametrize(
    ("path", "action", "scope"),
    [
        (SUBSCRIPTION, "Microsoft.Resources/subscriptions/read", SUBSCRIPTION),
        (APPS, "Microsoft.App/containerApps/read", SUBSCRIPTION),
        (APP, "Microsoft.App/containerApps/read", APP),
        (f"{APP}/revisions", "Microsoft.App/containerApps/revisions/read", APP),
        (f"{SITE}/config/web", "Microsoft.Web/sites/config/read", f"{SITE}/config/web"),
        (f"{DEMO}/Microsoft.Web/sites", "Microsoft.Web/sites/read", f"{SUBSCRIPTION}/resourceGroups/demo"),
    ],
)
async def test_caller_without_a_role_is_told_the_action_and_the_scope(path: str, action: str, scope: str) -> None:
    async with asking() as it:
        it.arm.roles.grant("taglock", [])
        answer = await it.ask(path)
    assert (answer.status, answer.code) == (403, "AuthorizationFailed")
    assert f"perform action '{action}' over scope '{scope}' or the scope is invalid" in answer.body["error"]["message"]


async def test_role_at_a_scope_holds_below_it_and_nowhere_else() -> None:
    async with asking() as it:
        it.arm.roles.grant("taglock", [f"{SUBSCRIPTION}/resourcegroups/DEMO/providers/Microsoft.Web"])
        assert (await it.ask(SITE)).status == 200
        assert (await it.ask(f"{ORDERS}/sitecontainers")).status == 200
        assert (await it.ask(APP)).status == 403
        it.arm.roles.grant("taglock", [f"{SUBSCRIPTION}/resourceGroups/dem"])
        assert (await it.ask(SITE)).status == 403


async def test_role_belongs_to_a_principal_and_goes_away_at_once() -> None:
    async with asking() as it:
        client = it.cloud.identity.add(Principal(name="other"))
        token = it.cloud.identity.token(MANAGEMENT, client)
        it.arm.roles.grant("taglock", [])
        path = f"{APP}?api-version=2025-07-01"
        assert (await it.get(path, Authorization=f"Bearer {token}")).status == 200
        it.arm.roles.grant("other", [])
        assert (await it.get(path, Authorization=f"Bearer {token}")).status == 403


async def test_right_is_checked_before_it_is_told_what_exists() -> None:
    async with asking() as it:
        it.arm.roles.grant("taglock", [])
        for path in (f"{DEMO}/Microsoft.Web/sites/none", APP.replace("/demo/", "/none/")):
            assert (await it.ask(path)).code == "AuthorizationFailed"


async def test_list_of_a_partly_readable_subscription_is_refused_or_filtered() -> None:
    async with asking() as it:
        it.arm.place([container_app("mine", group="mine")])
        it.arm.roles.grant("taglock", [f"{SUBSCRIPTION}/resourceGroups/mine"])
        assert (await it.ask(APPS)).status == 403
        it.arm.options.change({"list_without_right": "filtered"})
        assert (await it.ask(APPS)).names == ["mine"]
        assert (await it.ask(f"{DEMO}/Microsoft.App/containerApps")).status == 403


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        (
            f"{DEMO}/Microsoft.Web/sites/none",
            "ResourceNotFound",
            "'Microsoft.Web/sites/none' under resource group 'demo'",
        ),
        (f"{DEMO}/Microsoft.Web/sites/none/slots/x", "ResourceNotFound", "'Microsoft.Web/sites/none' under"),
        (f"{SITE}/slots/none", "ResourceNotFound", "'Microsoft.Web/sites/portal/slots/none' under"),
        (f"{APP}x/revisions", "ResourceNotFound", "'Microsoft.App/containerApps/shopx' under"),
        (GROUP.replace("/demo/", "/gone/"), "ResourceGroupNotFound", "Resource group 'gone' could not be found."),
        (f"/subscriptions/{OTHER}", "SubscriptionNotFound", OTHER),
        (f"{DEMO}/Microsoft.App/managedEnvironments/x", "InvalidResourceType", "'managedEnvironments'"),
        (f"{DEMO}/Microsoft.Compute/virtualMachines/x", "InvalidResourceNamespace", "'Microsoft.Compute'"),
        (f"{SUBSCRIPTION}/resourceGroups/demo", "NotEmulated", "resourceGroups"),
        ("/tenants", "NotEmulated", "/tenants"),
    ],
)
async def test_what_does_not_exist_is_a_404_that_says_what(path: str, code: str, text: str) -> None:
    async with asking() as it:
        answer = await it.ask(path)
    assert (answer.status, answer.code) == (404, code)
    assert text in answer.body["error"]["message"]


async def test_part_of_a_site_that_is_missing_is_refused_in_the_shape_of_its_own_provider() -> None:
    async with asking() as it:
        answer = await it.ask(f"{ORDERS}/sitecontainers/none")
    assert (answer.status, answer.body["Code"]) == (404, "NotFound")
    assert "error" not in answer.body


async def test_subscription_that_is_no_guid_is_malformed() -> None:
    async with asking() as it:
        answer = await it.ask("/subscriptions/mine")
    assert (answer.status, answer.code) == (400, "InvalidSubscriptionId")


async def test_missing_version_is_refused_before_anybody_is_asked_who_they_are() -> None:
    async with asking() as it:
        for path in (APP, f"{APP}?api-version=", APPS):
            answer = await it.get(path)
            assert (answer.status, answer.code) == (400, "MissingApiVersionParameter")


@pytest.mark.parametrize(
    ("path", "version", "code"),
    [
        (APP, "2019-01-01", "NoRegisteredProviderFound"),
        (APPS, "2019-01-01", "NoRegisteredProviderFound"),
        (APP, "2024-04-01", "NoRegisteredProviderFound"),
        (f"{ORDERS}/sitecontainers", "2022-03-01", "NoRegisteredProviderFound"),
        (f"{APP}/revisions", "yesterday", "InvalidApiVersionParameter"),
        (SUBSCRIPTION, "2024-04-01", "InvalidApiVersionParameter"),
    ],
)
async def test_version_that_the_type_has_not_is_refused_with_those_it_has(path: str, version: str, code: str) -> None:
    async with asking() as it:
        answer = await it.ask(path, version=version)
    assert (answer.status, answer.code) == (400, code)
    versions = SUBSCRIPTION_VERSIONS if path == SUBSCRIPTION else KINDS["microsoft.app/containerapps"].versions
    if "Microsoft.Web" not in path:
        assert all(each in answer.body["error"]["message"] for each in versions)


async def test_version_that_the_type_has_not_may_be_a_404() -> None:
    async with asking() as it:
        it.arm.options.change({"unsupported_version": "no_type"})
        answer = await it.ask(APPS, version="2019-01-01")
    assert (answer.status, answer.code) == (404, "InvalidResourceType")


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.type)
async def test_every_version_of_every_type_is_answered(kind: Kind) -> None:
    paths = {
        "Microsoft.App/containerApps": APP,
        "Microsoft.App/containerApps/revisions": f"{APP}/revisions/shop--v1",
        "Microsoft.App/jobs": f"{DEMO}/Microsoft.App/jobs/nightly",
        "Microsoft.Web/sites": SITE,
        "Microsoft.Web/sites/config": f"{SITE}/config/web",
        "Microsoft.Web/sites/slots": f"{SITE}/slots/staging",
        "Microsoft.Web/sites/slots/config": f"{SITE}/slots/staging/config/web",
        "Microsoft.Web/sites/sitecontainers": f"{ORDERS}/sitecontainers/main",
        "Microsoft.Web/sites/slots/sitecontainers": f"{SITE}/slots/staging/sitecontainers",
        "Microsoft.ContainerInstance/containerGroups": GROUP,
        "Microsoft.ContainerRegistry/registries": REGISTRY,
        "Microsoft.ContainerRegistry/registries/replications": f"{REGISTRY}/replications/westeurope",
        "Microsoft.ContainerRegistry/registries/tasks": f"{REGISTRY}/tasks/weekly-purge",
        "Microsoft.EventGrid/topics": f"{SUBSCRIPTION}/providers/Microsoft.EventGrid/topics",
        "Microsoft.Authorization/roleAssignments": f"{REGISTRY}/providers/Microsoft.Authorization/roleAssignments",
        "Microsoft.Authorization/locks": f"{REGISTRY}/providers/Microsoft.Authorization/locks",
    }
    async with asking() as it:
        for version in kind.versions:
            assert (await it.ask(paths[kind.type], version=version)).status == 200


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_not_emulated_and_say_so(method: str) -> None:
    async with asking() as it:
        headers = {"Authorization": f"Bearer {it.cloud.identity.token(MANAGEMENT)}"}
        url = f"{it.arm.endpoint}{APP}/listSecrets?api-version=2025-07-01"
        async with it.http.request(method, url, headers=headers) as answer:
            assert answer.status == 404
    assert it.arm.traffic.counts() == {f"{method} unknown": 1}
