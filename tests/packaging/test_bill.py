import hashlib
import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools.package.build import Package
from tools.supply.bill import bill

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def text(package: Package) -> str:
    return bill(package)


@pytest.fixture(scope="module")
def tree(text: str) -> dict[str, Any]:
    return dict(json.loads(text))


def test_the_bill_keeps_the_schema_of_cyclonedx(text: str, tree: dict[str, Any]) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(json.dumps({**tree, "components": [{"name": "no type"}]})) is not None


def test_the_same_package_gives_the_same_bill(package: Package, text: str) -> None:
    assert bill(package) == text


def test_it_names_every_package_that_is_in_the_zip_with_the_hash_of_its_file(
    package: Package, tree: dict[str, Any]
) -> None:
    hashes = {each["name"]: each["hashes"][0]["content"] for each in tree["components"]}
    assert hashes == package.dependencies.hashes
    assert all(each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}" for each in tree["components"])


def test_it_is_about_this_very_zip(package: Package, tree: dict[str, Any]) -> None:
    own = tree["metadata"]["component"]
    assert own["hashes"][0]["content"] == hashlib.sha256(package.archive.read_bytes()).hexdigest()
    assert "timestamp" not in tree["metadata"]


def test_every_component_has_a_licence(tree: dict[str, Any]) -> None:
    assert not [each["name"] for each in tree["components"] if not each.get("licenses")]


def test_every_component_is_reached_from_the_app(tree: dict[str, Any]) -> None:
    needs = {each["ref"]: set(each.get("dependsOn", ())) for each in tree["dependencies"]}
    reached, waiting = set[str](), ["taglock"]
    while waiting:
        here = waiting.pop()
        reached.add(here)
        waiting += needs[here] - reached
    assert reached == {"taglock", *(each["bom-ref"] for each in tree["components"])}
    assert "msal==" in " ".join(needs[next(ref for ref in needs if ref.startswith("azure-identity=="))])
