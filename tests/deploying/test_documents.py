"""What docs/deployments.md offers to copy is what the app understands: events, filters, sources."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from taglock.domain.deployment import WorkloadDeployed
from taglock.domain.deployment_event import PARSERS
from taglock.domain.image_deployed import FIELDS, MAXIMUM_IMAGES
from taglock.errors import InvalidEvent
from tests.deploying.test_events import CONTOSO, DIGEST, OWN, own_files, parse

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/deployments.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "docs/image-deployed.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
BLOCK = re.compile(r"^```(\w+) (\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEREDOC = re.compile(r"<<JSON\n(.*?)\n\s*JSON$", re.MULTILINE | re.DOTALL)
IMAGE = f"{CONTOSO}/prod/api@{DIGEST}"
VALUES = {"IMAGE": IMAGE}


def blocks(purpose: str) -> list[tuple[str, str]]:
    return [(language, body) for language, name, body in BLOCK.findall(TEXT) if name == purpose]


def filled(text: str) -> str:
    """Return a template as a shell or Argo CD would fill it in."""
    text = text.replace("{{toJson .app.status.summary.images}}", json.dumps([IMAGE, "docker.io/library/redis:7"]))
    text = text.replace("{{.app.status.operationState.finishedAt}}", "2026-02-28T12:00:00Z")
    text = re.sub(r"\{\{[^}]*\}\}", "x", text)
    text = re.sub(r"\$\(date [^)]*\)", "2026-02-28T12:00:00Z", text)
    text = re.sub(r"\$\([^)]*\)", "x", text)
    return re.sub(r"\$([A-Z_]+)", lambda name: VALUES.get(name[1], "x"), text)


def event_text(language: str, body: str) -> str:
    if "{{" in body and "kind: ConfigMap" in body:
        template = yaml.safe_load(yaml.safe_load(body)["data"]["template.image-deployed"])
        return filled(template["webhook"]["taglock"]["body"])
    if language == "yaml":
        yaml.safe_load(body)  # it is a document that its reader can load
    (found,) = HEREDOC.findall(body)
    return filled(found)


EVENTS = [event_text(language, body) for language, body in blocks("event")]


def test_there_is_a_snippet_for_each_deployer() -> None:
    assert [json.loads(text)["data"]["deployer"] for text in EVENTS] == [
        *("curl", "azure-pipelines", "github-actions", "argocd", "flux"),
    ]


@pytest.mark.parametrize("text", EVENTS, ids=lambda text: json.loads(text)["data"]["deployer"])
def test_each_snippet_posts_an_event_that_the_schema_and_the_app_accept(text: str) -> None:
    VALIDATOR.validate(json.loads(text))
    found = parse(text)
    assert isinstance(found, WorkloadDeployed)
    assert str(found.images[0]) == IMAGE
    assert found.workload not in ("", "x")


def test_the_schema_is_a_schema_and_names_the_fields_that_are_read() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    content = SCHEMA["properties"]["data"]
    assert set(content["properties"]) == set(FIELDS)
    assert content["properties"]["images"]["maxItems"] == MAXIMUM_IMAGES


@pytest.mark.parametrize("file", sorted(OWN.glob("image-deployed.*.json")), ids=lambda file: file.name)
def test_the_schema_accepts_the_samples(file: Path) -> None:
    VALIDATOR.validate(json.loads(file.read_text(encoding="utf-8")))


contents = st.fixed_dictionaries(
    {},
    optional={
        "workload": st.sampled_from(["aks/x", "", 1, None, "x" * 1025]),
        "images": st.lists(
            st.sampled_from([IMAGE, "nginx", "localhost/x:1", "x.io/UPPER", "x.io/a@sha256:1", "", 7, "a/b:-c"]),
            max_size=3,
        )
        | st.sampled_from([None, "nginx", {}]),
        "environment": st.sampled_from(["production", "x" * 1025]),
        "deployer": st.sampled_from(["me", 7]),
        "other": st.just(1),
    },
)


@given(contents)
def test_the_schema_accepts_what_the_app_accepts(content: dict[str, Any]) -> None:
    envelope = {"specversion": "1.0", "id": "1", "type": "Taglock.ImageDeployed", "source": "/x"}
    event = {**envelope, "time": "2026-02-28T12:00:00Z", "data": content}
    try:
        parse(event)
    except InvalidEvent:
        assert not VALIDATOR.is_valid(event)
    else:
        assert VALIDATOR.is_valid(event)


# -- sources and filters -------------------------------------------------------------------------------------------


def test_the_table_of_sources_names_every_type_that_is_understood_and_no_other() -> None:
    table = TEXT[TEXT.index("## Sources") : TEXT.index("## Event Grid subscriptions")]
    named = set(re.findall(r"`((?:Microsoft\.(?:Resource\w+|Web)\.|dev\.|Taglock\.)[\w.*]+)`", table))
    assert named == {known + "*" if known.endswith(".") else known for known, _ in PARSERS}


FILTERS = [json.loads(body) for _, body in blocks("filter")]


def passes(filter_: dict[str, Any], event: dict[str, Any]) -> bool:
    """Tell whether Event Grid would deliver an event (https://learn.microsoft.com/azure/event-grid/event-filtering)."""
    event_type = event.get("type") or event.get("eventType")
    included = filter_.get("includedEventTypes")
    if included is not None and event_type not in included:
        return False
    for condition in filter_.get("advancedFilters", []):
        assert condition["operatorType"] == "StringBeginsWith"
        value: Any = {**event, "type": event_type}
        for key in condition["key"].split("."):
            value = value.get(key, {}) if isinstance(value, dict) else {}
        if not any(str(value).lower().startswith(start.lower()) for start in condition["values"]):
            return False
    return True


def test_each_filter_names_only_types_that_are_understood() -> None:
    known = {name for name, _ in PARSERS}
    assert len(FILTERS) == 4
    for each in FILTERS:
        assert set(each.get("includedEventTypes", [])) <= known
    (types,) = [condition["values"] for condition in FILTERS[3]["advancedFilters"]]
    named = {name for each in FILTERS[:3] for name in each["includedEventTypes"]} | set(types)
    assert named == known


@pytest.mark.parametrize("file", own_files, ids=lambda file: file.name)
def test_each_event_passes_exactly_one_filter_and_what_runs_nothing_none(file: Path) -> None:
    event = json.loads(file.read_text(encoding="utf-8"))
    if "context" in event or isinstance(event["data"], str):
        pytest.skip("Event Grid looks into neither")
    passed = sum(passes(each, event) for each in FILTERS)
    assert passed == (0 if "storage" in file.name else 1)
