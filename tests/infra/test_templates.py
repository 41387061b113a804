"""Every Bicep file parses, refers only to what exists, and holds no secret."""

import re
from typing import Any

import pytest
import yaml

from tests.infra.bicep import INFRA, ROOT, Template, module_of, references, template, templates, unwrapped, walked
from tests.infra.resource_types import SOURCES, version_of

LOADED = re.compile(r"loadTextContent\('([^']+)'\)")
KEYS = re.compile(r"listKeys|listAccountSas|listSas|AccountKey=|SharedAccessSignature|InstrumentationKey=|\bpassword\b")
NOTIFICATIONS = INFRA / "notifications"
CHANNELS = ("teams", "slack", "email")
every_template = pytest.mark.parametrize("each", templates(), ids=str)


@every_template
def test_it_parses_and_declares_something(each: Template) -> None:
    assert each.resources or each.modules


@every_template
def test_every_reference_is_declared_in_the_file(each: Template) -> None:
    unknown = {".".join(chain) for chain in each.references() if chain[0] not in each.names}
    assert not unknown


@every_template
def test_every_parameter_and_variable_is_used(each: Template) -> None:
    used = {chain[0] for chain in each.references()}
    assert {*each.declared("parameters"), *each.declared("variables")} <= used


@every_template
def test_every_module_gets_exactly_the_parameters_that_it_needs(each: Template) -> None:
    for name, module in each.modules.items():
        declared = module_of(each, module).declared("parameters")
        needed = {parameter for parameter, details in declared.items() if details["default"] is None}
        given = set(unwrapped(module["config"])["params"])
        assert needed <= given <= set(declared), f"{each}: {name}"


@every_template
def test_every_output_of_a_module_that_is_used_exists(each: Template) -> None:
    outputs = {
        (name, output)
        for name, module in each.modules.items()
        for output in module_of(each, module).declared("outputs")
    }
    used = {(chain[0], chain[2]) for chain in each.references() if chain[0] in each.modules and chain[1] == "outputs"}
    assert used <= outputs
    assert not {chain for chain in each.references() if chain[0] in each.modules and chain[1:2] != ("outputs",)}


@every_template
def test_every_resource_type_and_version_is_in_the_table(each: Template) -> None:
    used = {(resource["type"], resource["api_version"]) for resource in each.resources.values()}
    assert used <= {(resource_type, version_of(resource_type)) for resource_type in SOURCES}


@every_template
def test_every_file_that_is_loaded_exists(each: Template) -> None:
    assert all((each.path.parent / name).is_file() for name in LOADED.findall(each.text))


@every_template
def test_it_holds_and_asks_for_no_key(each: Template) -> None:
    assert not KEYS.findall(each.text)
    assert "@secure()" not in each.text or each.path.parent == NOTIFICATIONS  # addresses that others gave


@every_template
def test_no_module_comes_from_elsewhere(each: Template) -> None:
    assert {module["type"] for module in each.modules.values()} <= {"local"}


def test_the_table_has_nothing_that_is_not_used() -> None:
    assert set(SOURCES) == {resource["type"] for each in templates() for resource in each.resources.values()}


def test_every_query_and_every_template_is_used() -> None:
    loaded = {(each.path.parent / name).resolve() for each in templates() for name in LOADED.findall(each.text)}
    called = {module_of(each, module).path for each in templates() for module in each.modules.values()}
    started = {INFRA / "main.bicep", INFRA / "subscriptions/main.bicep"}
    started |= {NOTIFICATIONS / f"{channel}.bicep" for channel in CHANNELS}
    files = {*INFRA.rglob("*.kql"), *INFRA.rglob("*.bicep"), INFRA / "monitoring/workbook.json"}
    files |= {*NOTIFICATIONS.glob("*.json")}
    assert loaded | called | started == files


def body(name: str, resource: str) -> Any:
    return unwrapped(template(name).resources[resource]["config"])


def test_the_storage_account_refuses_keys_and_the_topics_too() -> None:
    properties = body("app/storage.bicep", "account")["properties"]
    assert (properties["allowSharedKeyAccess"], properties["allowBlobPublicAccess"]) == (False, False)
    topics = [body("app/topics.bicep", name)["properties"] for name in ("inbound", "outbound")]
    assert [each["disableLocalAuth"] for each in topics] == [True, True]
    assert body("monitoring/insights.bicep", "component")["properties"]["DisableLocalAuth"] is True
    policies = [body("app/function-app.bicep", name) for name in ("noFtpPassword", "noScmPassword")]
    assert [(each["name"], each["properties"]["allow"]) for each in policies] == [("ftp", False), ("scm", False)]


def test_the_app_runs_the_python_of_the_project_on_capped_instances() -> None:
    config = body("app/function-app.bicep", "app")["properties"]["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": (ROOT / ".python-version").read_text().strip()}
    assert config["scaleAndConcurrency"]["maximumInstanceCount"] == "maximumInstances"
    assert template("main.bicep").declared("parameters")["maximumInstances"]["default"] == 40


def test_only_event_grid_and_named_ranges_reach_the_app() -> None:
    site = body("app/function-app.bicep", "app")["properties"]["siteConfig"]
    assert site["ipSecurityRestrictionsDefaultAction"] == "Deny"
    (rule,) = template("app/function-app.bicep").value("eventGridOnly")
    assert (rule["tag"], rule["ipAddress"], rule["action"]) == ("ServiceTag", "AzureEventGrid", "Allow")
    text = template("app/function-app.bicep").text
    assert "ipSecurityRestrictions: concat(eventGridOnly, operators)" in text
    assert "var operators = [for (range, i) in operatorRanges:" in text
    assert template("main.bicep").declared("parameters")["operatorRanges"]["default"] == ""


def test_outgoing_connections_are_private_only_where_a_subnet_is_named() -> None:
    text = template("app/function-app.bicep").text
    assert "virtualNetworkSubnetId: empty(outboundSubnetId) ? null : outboundSubnetId" in text
    assert template("main.bicep").declared("parameters")["outboundSubnetId"]["default"] == ""


@pytest.mark.parametrize(("name", "parameter"), [("registry", "registries"), ("site", "sites")])
def test_what_lies_elsewhere_is_deployed_to_its_own_subscription_and_group(name: str, parameter: str) -> None:
    text = template("main.bicep").text.partition(f"module {name} ")[2].partition("params:")[0]
    assert f"for id in {parameter}:" in text
    assert "scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])" in text


def test_pipelines_send_to_the_inbound_topic_only_and_the_app_to_the_outbound_one() -> None:
    assert body("app/topics.bicep", "pipelinesSend")["scope"] == "inbound"
    assert body("app/topics.bicep", "appSends")["scope"] == "outbound"
    assert "d5a91429-5739-47e2-a06b-3470a27159e7" in template("app/topics.bicep").text


def test_no_role_is_given_on_a_resource_group_and_only_reading_on_a_subscription() -> None:
    scopes = {
        (str(each), name, str(unwrapped(resource["config"]).get("scope", "the whole scope of the file")))
        for each in templates()
        for name, resource in each.resources.items()
        if resource["type"] == "Microsoft.Authorization/roleAssignments"
    }
    whole = {(file, name) for file, name, scope in scopes if scope == "the whole scope of the file"}
    assert whole == {("infra/deployments/subscription.bicep", "assignment")}
    assert all(action.endswith("/read") for action in template("deployments/subscription.bicep").value("actions"))


def test_no_broad_role_is_given_anywhere() -> None:
    broad = {
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
        "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    }
    assert not {(str(each), role) for each in templates() for role in broad if role in each.text}


def test_azd_makes_these_files_and_deploys_the_app_that_they_tag() -> None:
    azure = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    assert (INFRA / f"{azure['infra']['module']}.bicep").is_file()
    app = dict(azure["services"]["app"])
    assert {app.pop("hooks")["prepackage"]["posix"]["run"]} == {"make package"}
    assert app == {"project": ".", "dist": "dist/app", "remoteBuild": False, "language": "python", "host": "function"}
    assert "'azd-service-name': 'app'" in template("app/function-app.bicep").text
    for hook in azure["hooks"]["postdeploy"].values():
        assert (ROOT / hook["run"]).is_file()


def test_a_reference_to_nothing_is_found() -> None:
    text = "param a string\nvar b = {\n  a: a\n  'x': '${c.d} and ${e(f)}'\n  g: h ? i : j[k].l\n}\n"
    found = {".".join(chain) for chain in references(text)}
    assert found == {"a", "c.d", "f", "h", "i", "j.l", "k"}


def test_a_value_is_walked_to_its_end() -> None:
    assert list(walked({"a": [1, {"b": 2}]})) == [{"a": [1, {"b": 2}]}, [1, {"b": 2}], 1, {"b": 2}, 2]


def test_the_declared_names_are_those_that_pycep_finds() -> None:
    for each in templates():
        kinds = ("parameters", "variables", "resources", "modules")
        assert {name for kind in kinds for name in each.declared(kind)} <= each.names
