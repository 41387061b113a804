"""The role in a registry holds exactly what the app's own requests need, and with it the app does all its work."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from localcloud.registry.principal import CATALOG
from localcloud.tls import Authority
from taglock.adapters.acr_call import Action
from taglock.domain.audit_report import AuditVerdict
from tests.infra.bicep import ROOT, template, unwrapped
from tests.infra.flows import REFERRERS, Flows, flows
from tests.pushing.images import plain

ROW = re.compile(r"(?m)^\| `((?:registry|repository):[^`]+)` \| [^|]+ \| `([^`]+)` \| `([^`]+)` \|$")
CHANGING = re.compile(r"delete|push|content/write|artifacts|sign|quarantine|\*")


def table() -> Mapping[str, tuple[str, str]]:
    """Return data action and action by scope, as docs/permissions.md says."""
    text = (ROOT / "docs/permissions.md").read_text(encoding="utf-8")
    return {scope: (in_abac_mode, in_rbac_mode) for scope, in_abac_mode, in_rbac_mode in ROW.findall(text)}


def role(name: str) -> set[str]:
    """Return one of the lists in infra/registry/role.bicep."""
    return set(template("registry/role.bicep").value(name))


def data_actions(needed: Mapping[str, Any]) -> set[str]:
    return {table()[scope][0] for scope in needed}


def actions_of(rights: set[str]) -> frozenset[str]:
    """Return what an identity with these data actions may do, as the local registry spells it."""
    scopes = {scope for scope, (data_action, _action) in table().items() if data_action in rights}
    return frozenset(CATALOG if scope.startswith("registry") else scope.rpartition(":")[2] for scope in scopes)


async def everything(made: Flows) -> None:
    """Run all ways that need no content."""
    await made.pushes()
    await made.unfinished_work()
    await made.report_mode()
    await made.deployments()
    await made.audits(repair=False)
    await made.audits(repair=True)


async def test_the_role_is_exactly_what_the_requests_of_all_flows_need(trusted: Authority) -> None:
    async with flows(trusted, actions=actions_of(role("dataActions"))) as made:
        await everything(made)
        assert data_actions(made.needed) == role("dataActions")
        assert await made.local.pushing.due() == []


async def test_with_the_role_everything_is_locked_and_audits_repair(trusted: Authority) -> None:
    async with flows(trusted, actions=actions_of(role("dataActions"))) as made:
        await everything(made)
        report = await made.audits(repair=True)
        assert report.verdict is not AuditVerdict.INCOMPLETE
        assert report.repair.applied > 0
        assert not made.local.pushing.tag_flags("1.0.0").write


@pytest.mark.parametrize("missing", sorted(role("dataActions")))
async def test_without_any_one_right_the_app_tells_what_it_cannot_do(missing: str, trusted: Authority) -> None:
    async with flows(trusted, actions=actions_of(role("dataActions") - {missing})) as made:
        await made.pushes()
        report = await made.audits(repair=False)
        assert report.verdict is AuditVerdict.INCOMPLETE or await made.local.pushing.due()


async def test_content_is_read_for_referrers_and_unnamed_children_only(trusted: Authority) -> None:
    rights = role("dataActions") | role("contentDataActions")
    async with flows(trusted, actions=actions_of(rights), rules=REFERRERS) as made:
        await made.signatures()
        assert await made.local.pushing.due() == []
        assert data_actions(made.needed) - role("dataActions") == role("contentDataActions")
    async with flows(trusted, actions=actions_of(rights)) as made:
        await made.unnamed_children()
        assert data_actions(made.needed) - role("dataActions") == role("contentDataActions")
        assert not made.local.pushing.flags(plain("unnamed")).delete


async def test_report_mode_alone_needs_no_right_to_write(trusted: Authority) -> None:
    rights = {each for each in role("dataActions") if not each.endswith("/write")}
    async with flows(trusted, actions=actions_of(rights)) as made:
        await made.report_mode()
        assert data_actions(made.needed) == {each for each in rights if "/repositories/" in each}


def test_no_right_pushes_or_deletes() -> None:
    every = {*role("dataActions"), *role("contentDataActions"), *role("actions")}
    assert not {right for right in every if CHANGING.search(right)}


def test_the_document_says_what_the_role_holds_in_both_modes() -> None:
    assert {data_action for data_action, _action in table().values()} == role("dataActions") | role(
        "contentDataActions"
    )
    assert {action for _data_action, action in table().values()} == role("actions")


def test_a_registry_in_abac_mode_gets_data_actions_only_and_another_one_actions_only() -> None:
    text = re.sub(r"\s+", " ", template("registry/role.bicep").text)
    assert "actions: abac ? [] : actions " in text
    assert "dataActions: abac ? concat(dataActions, contentRead == 'on' ? contentDataActions : []) : [] " in text


def test_the_built_in_variant_lists_and_writes_metadata_and_its_condition_takes_pushing_away() -> None:
    resources = template("registry/role.bicep").resources
    assert template("registry/role.bicep").value("catalogLister") == "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7"
    assert template("registry/role.bicep").value("repositoryWriter") == "2a1e307c-b015-4ebd-883e-5b7698a07328"
    assert {"writerAssignment", "listerAssignment"} <= set(resources)
    prefix = "Microsoft.ContainerRegistry/registries/repositories/"
    denied = {
        name: set(re.findall(r"!\(ActionMatches\{\\?'([^'\\]+)\\?'\}\)", template("registry/role.bicep").value(name)))
        for name in ("neverPush", "neverPushOrPull")
    }
    assert denied["neverPush"] == {f"{prefix}content/write"}
    assert denied["neverPushOrPull"] == {f"{prefix}content/write"} | role("contentDataActions")
    assert unwrapped(resources["writerAssignment"]["config"])["properties"]["conditionVersion"] == "2.0"


def test_the_documented_scopes_are_those_that_the_app_asks_for() -> None:
    asked = {f"repository:NAME:{action}" for action in Action if action is not Action.CATALOG}
    assert set(table()) == asked | {"registry:catalog:*"}
