"""The event subscriptions deliver what the handlers accept, to functions that exist, and lose nothing unseen."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from localcloud.subscribed import PIPELINE_FUNCTION, SUBSCRIBED
from taglock.domain.deployment_event import PARSERS
from tests.infra.bicep import ROOT, Template, template, templates, unwrapped

FUNCTION = re.compile(r"\$\{functionAppId\}/functions/(.+)")
FILTER = re.compile(r"```json filter\n(.*?)```", re.DOTALL)
SUBSCRIPTION = re.compile(r"Microsoft\.EventGrid/(systemTopics|topics)/eventSubscriptions")
FILES = ("registry", "deployments", "sites", "pipelines")


def subscription(name: str) -> Mapping[str, Any]:
    """Return the properties of the subscription in a file."""
    properties: Mapping[str, Any] = unwrapped(file_of(name).resources["subscription"]["config"])["properties"]
    return properties


def file_of(name: str) -> Template:
    return template(f"subscriptions/{name}.bicep")


def wanted() -> list[Mapping[str, Any]]:
    """Return what is subscribed on each registry."""
    entries: list[Mapping[str, Any]] = file_of("registry").value("wanted")
    return entries


def functions_of(name: str) -> set[str]:
    found = FUNCTION.fullmatch(subscription(name)["destination"]["properties"]["resourceId"])
    assert found is not None
    return {entry["function"] for entry in wanted()} if found[1] == "${each.function}" else {found[1]}


def documented() -> list[Mapping[str, Any]]:
    return [json.loads(text) for text in FILTER.findall((ROOT / "docs/deployments.md").read_text(encoding="utf-8"))]


def indexed() -> Mapping[str, str]:
    """Return the functions of the app with their triggers, from the decorators of function_app.py."""
    tree = ast.parse((ROOT / "function_app.py").read_text(encoding="utf-8"))
    return dict(_functions(tree))


def _functions(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
            made = {ast.unparse(each.func): each for each in calls}
            if "app.function_name" in made:
                name = ast.literal_eval(made["app.function_name"].args[0])
                yield name, next(each for each in made if each.endswith(("_trigger", ".route")))


def test_every_event_function_of_the_app_is_subscribed_and_no_other() -> None:
    event_functions = {name for name, trigger in indexed().items() if trigger == "app.event_grid_trigger"}
    assert {function for name in FILES for function in functions_of(name)} == event_functions


def test_the_hooks_wait_for_exactly_the_functions_that_are_subscribed() -> None:
    subscribed = {function for name in FILES for function in functions_of(name)}
    shell = re.search(r'(?m)^functions="([^"]+)"', (ROOT / "infra/hooks/postdeploy.sh").read_text())
    power = re.search(r"(?m)^\$functions = @\(([^)]+)\)", (ROOT / "infra/hooks/postdeploy.ps1").read_text())
    assert shell is not None and power is not None
    assert set(shell[1].split()) == set(re.findall(r"'(\w+)'", power[1])) == subscribed


def test_a_registry_tells_each_function_what_its_handler_accepts() -> None:
    told = {entry["function"]: set(entry["eventTypes"]) for entry in wanted()}
    assert told == {function: set(types) for function, types in SUBSCRIBED.items() if function in told}
    assert subscription("registry")["filter"] == {"includedEventTypes": _accessor("each", "eventTypes")}


def _accessor(first: str, second: str) -> Mapping[str, Any]:
    return {"operator": {"type": "property_accessor", "operands": {"operand_1": first, "operand_2": second}}}


@pytest.mark.parametrize("name", ["deployments", "sites", "pipelines"])
def test_the_filters_are_those_of_the_document(name: str) -> None:
    assert subscription(name)["filter"] in documented()


def test_what_passes_the_filters_has_a_parser_and_what_has_a_parser_passes_or_is_an_alternative() -> None:
    exact = {each for name in ("deployments", "sites") for each in subscription(name)["filter"]["includedEventTypes"]}
    (told,) = subscription("pipelines")["filter"]["advancedFilters"]
    accepted = {event_type for event_type, _parse in PARSERS}
    # Resource notifications are the alternative to the events of Resource Manager: one of both, never both.
    alternative = {each for each in accepted if each.startswith("Microsoft.ResourceNotifications.")}
    assert exact | set(told["values"]) == accepted - alternative
    assert exact <= SUBSCRIBED[PIPELINE_FUNCTION]


def test_only_writes_of_resources_that_run_images_pass() -> None:
    (only,) = subscription("deployments")["filter"]["advancedFilters"]
    read = template("deployments/subscription.bicep").value("actions")
    assert all(any(action.startswith(prefix) for action in read) for prefix in only["values"])


@pytest.mark.parametrize("name", FILES)
def test_each_event_comes_alone_and_is_tried_for_a_day(name: str) -> None:
    properties = subscription(name)
    assert properties["destination"]["endpointType"] == "AzureFunction"
    assert properties["destination"]["properties"]["maxEventsPerBatch"] == 1
    assert properties["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}


@pytest.mark.parametrize("name", ["registry", "sites", "pipelines"])
def test_dead_letters_are_kept_through_the_identity_of_the_topic(name: str) -> None:
    kept = subscription(name)["deadLetterWithResourceIdentity"]
    assert kept["identity"]["type"] == "UserAssigned"
    assert kept["deadLetterDestination"]["endpointType"] == "StorageBlob"
    assert "deadLetterDestination" not in subscription(name)


def test_only_the_global_topic_has_no_dead_letters_because_it_can_have_no_identity() -> None:
    assert not any("deadLetter" in key for key in subscription("deployments"))
    assert "identity" not in unwrapped(template("deployments/global-topic.bicep").resources["topic"]["config"])
    document = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    assert "enable-identity-system-topics" in document


def test_pipelines_get_cloud_events_out_because_cloud_events_come_in() -> None:
    inbound = unwrapped(template("app/topics.bicep").resources["inbound"]["config"])["properties"]
    assert inbound["inputSchema"] == subscription("pipelines")["eventDeliverySchema"] == "CloudEventSchemaV1_0"


def test_every_topic_that_is_subscribed_tells_of_lost_events() -> None:
    makers = [
        each
        for each in templates()
        for resource in each.resources.values()
        if resource["type"] in ("Microsoft.EventGrid/systemTopics", "Microsoft.EventGrid/topics")
        and not resource["existing"]
    ]
    assert makers
    assert all("lost" in each.modules for each in makers)


def test_every_subscription_is_in_one_of_the_files() -> None:
    outbound = "infra/notifications/"  # what the app tells; these files are for what it is told
    found = {str(each) for each in templates() if SUBSCRIPTION.search(each.text)}
    found = {each for each in found if not each.startswith(outbound)}
    assert found == {f"infra/subscriptions/{name}.bicep" for name in FILES}
