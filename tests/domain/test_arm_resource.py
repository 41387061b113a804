"""Resource ids: one value for one resource, whatever its spelling, and nothing else becomes a path."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.arm_resource import ResourceId, ResourceKind, parse_resource_id
from taglock.errors import InvalidReference

EVENTS = sorted((Path(__file__).resolve().parents[2] / "../shared/events").glob("arm-resource-write-success.*.json"))
SUBSCRIPTION = "0b1f6471-1bf0-4dda-aec3-111122223333"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Prod-RG/providers"

CANONICAL = {
    "Microsoft.App/containerApps/Api": "microsoft.app/containerapps/api",
    "Microsoft.App/jobs/nightly": "microsoft.app/jobs/nightly",
    "Microsoft.Web/sites/Shop": "microsoft.web/sites/shop",
    "Microsoft.Web/sites/shop/slots/Staging": "microsoft.web/sites/shop/slots/staging",
    "microsoft.containerinstance/CONTAINERGROUPS/batch": "microsoft.containerinstance/containergroups/batch",
}
CHILDREN = {
    "Microsoft.App/containerApps/api/revisions/api--v2": "microsoft.app/containerapps/api",
    "Microsoft.App/jobs/nightly/executions/x": "microsoft.app/jobs/nightly",
    "Microsoft.Web/sites/shop/config/web": "microsoft.web/sites/shop",
    "Microsoft.Web/sites/shop/config/appsettings/list": "microsoft.web/sites/shop",
    "Microsoft.Web/sites/shop/sitecontainers/main": "microsoft.web/sites/shop",
    "Microsoft.Web/sites/shop/slots": "microsoft.web/sites/shop",
    "Microsoft.Web/sites/shop/slots/staging/config/web": "microsoft.web/sites/shop/slots/staging",
    "Microsoft.Web/sites/shop/slots/staging/sitecontainers/x": "microsoft.web/sites/shop/slots/staging",
}


@pytest.mark.parametrize(("text", "canonical"), (CANONICAL | CHILDREN).items())
def test_an_id_and_that_of_a_child_name_the_resource_in_lower_case(text: str, canonical: str) -> None:
    found = parse_resource_id(f"{GROUP}/{text}", "$")
    assert str(found) == f"{GROUP.lower()}/{canonical}"


@pytest.mark.parametrize(
    "text",
    [
        f"/subscriptions/{SUBSCRIPTION}",
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg",
        f"{GROUP}/Microsoft.Storage/storageAccounts/x",
        f"{GROUP}/Microsoft.App/managedEnvironments/env",
        f"{GROUP}/Microsoft.Web/serverfarms/plan",
        f"{GROUP}/Microsoft.Web/sites/shop/providers/Microsoft.Insights/diagnosticSettings/all",
        f"{GROUP}/Microsoft.Web/sites/shop/slots/staging/providers/Microsoft.Insights/diagnosticSettings/all",
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Web/sites/shop",
        "/subscriptions/{subscription-id}/resourceGroups/{rg}/providers/Microsoft.Storage/storageAccounts/{name}",
        "/providers/Microsoft.Management/managementGroups/all",
        "/websystems/WebSites",
    ],
)
def test_a_well_formed_id_of_another_type_is_none(text: str) -> None:
    assert parse_resource_id(text, "$") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        None,
        7,
        "subscriptions/x",
        f"https://management.azure.com{GROUP}/Microsoft.Web/sites/shop",
        f"{GROUP}/Microsoft.Web/sites//config",
        f"{GROUP}/Microsoft.Web/sites/../x",
        f"{GROUP}/Microsoft.Web/sites/shop?api-version=1",
        f"{GROUP}/Microsoft.Web/sites/shop#x",
        f"{GROUP}/Microsoft.Web/sites/sh\\op",
        f"{GROUP}/Microsoft.Web/sites/sh\nop",
        f"{GROUP}/Microsoft.Web/sites/sh%2fop",
        f"{GROUP}/Microsoft.Web/sites/sh op",
        f"{GROUP}/Microsoft.Web/sites/-shop",
        f"{GROUP}/Microsoft.Web/sites/shop/slots/a%2e",
        f"{GROUP}/Microsoft.Web/sites/{'x' * 91}",
        "/subscriptions/not-a-guid/resourceGroups/rg/providers/Microsoft.Web/sites/shop",
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg./providers/Microsoft.Web/sites/shop",
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/a@b/providers/Microsoft.Web/sites/shop",
        GROUP + "/x" * 2_000,
    ],
)
def test_what_is_no_id_is_refused_with_its_path(text: object) -> None:
    with pytest.raises(InvalidReference) as raised:
        parse_resource_id(text, "$.data.resourceUri")
    assert raised.value.problems[0].path == "$.data.resourceUri"


@pytest.mark.skipif(not EVENTS, reason="the shared events are not here")
def test_both_spellings_in_a_shared_event_are_one_resource() -> None:
    for file in EVENTS:
        event = json.loads(file.read_text())
        assert event["subject"] != event["data"]["resourceUri"]
        found = parse_resource_id(event["data"]["resourceUri"])
        assert found is not None
        assert parse_resource_id(event["subject"]) == found


names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,40}", fullmatch=True)
ids = st.builds(
    lambda kind, group, name, slot: ResourceId(
        subscription=SUBSCRIPTION,
        resource_group=group,
        kind=kind,
        name=name,
        slot=slot if kind is ResourceKind.SLOT else "",
    ),
    st.sampled_from(ResourceKind),
    st.from_regex(r"[a-z0-9_().-]{0,30}[a-z0-9_()-]", fullmatch=True).filter(lambda text: text not in (".", "..")),
    names,
    names,
)


@given(ids)
def test_an_id_reads_back_from_its_text_in_any_case(resource: ResourceId) -> None:
    assert parse_resource_id(str(resource), "$") == resource
    assert parse_resource_id(str(resource).upper(), "$") == resource
    assert parse_resource_id(f"{resource}/config/web", "$") == resource


@given(st.text() | st.from_regex(r"/subscriptions/[^/]*/resourceGroups/.*/sites/.*", fullmatch=True))
def test_any_text_is_an_id_or_none_or_refused(text: str) -> None:
    try:
        found = parse_resource_id(text, "$")
    except InvalidReference:
        return
    assert found is None or parse_resource_id(str(found), "$") == found
