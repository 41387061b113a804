import email.message
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from tools.pins import DEVELOPMENT, Pin, read_pins
from tools.supply.licence import Policy, read_policy
from tools.supply.licences import judged

POLICY = Policy(
    allowed=frozenset({"MIT", "Apache-2.0"}),
    classifiers={"OSI Approved :: MIT License": "MIT", "OSI Approved :: Apache Software License": "Apache-2.0"},
    mended={"silent": "MIT"},
    exceptions={"certifi": "MPL-2.0"},
)


class Described(Distribution):
    """A package of which there is nothing but metadata."""

    def __init__(self, name: str, *fields: tuple[str, str]) -> None:
        message = email.message.Message()
        for field, value in (("Name", name), ("Version", "1.0"), *fields):
            message[field] = value
        self._text = message.as_string()

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


def classifier(name: str) -> tuple[str, str]:
    return ("Classifier", f"License :: OSI Approved :: {name}")


@pytest.mark.parametrize(
    ("package", "licence"),
    [
        (Described("a", ("License-Expression", "MIT OR GPL-3.0-only")), "MIT OR GPL-3.0-only"),
        (Described("a", classifier("MIT License"), ("License", "GPL-3.0-only")), "MIT"),
        (Described("a", ("License", "Apache-2.0")), "Apache-2.0"),
        (Described("a", classifier("MIT License"), classifier("Apache Software License")), None),
        (Described("a", ("License", "ask the author")), None),
        (Described("a"), None),
        (Described("silent", ("License", "ask the author")), "MIT"),
    ],
)
def test_a_licence_is_what_a_decision_then_spdx_then_one_classifier_then_the_text_says(
    package: Described, licence: str | None
) -> None:
    assert POLICY.licence(package) == licence


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT AND Apache-2.0", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", True),
        ("GPL-3.0-only", False),
        ("MPL-2.0", False),
        ("not a licence", False),
    ],
)
def test_a_choice_needs_one_allowed_licence_and_a_combination_all(expression: str, allowed: bool) -> None:
    assert POLICY.allows("some", expression) is allowed


def test_an_exception_is_for_one_package_and_one_licence() -> None:
    assert POLICY.allows("certifi", "MPL-2.0")
    assert not POLICY.allows("certifi", "GPL-3.0-only")


def test_every_package_of_the_project_is_allowed() -> None:
    assert list(judged(read_pins(DEVELOPMENT), read_policy())) == []


def test_a_package_that_is_not_allowed_is_told_by_name() -> None:
    pins = [pin for pin in read_pins(DEVELOPMENT) if pin.name in ("certifi", "silent")]
    strict = Policy(allowed=frozenset({"MIT"}), classifiers=read_policy().classifiers, mended={}, exceptions={})
    assert list(judged(pins, strict)) == ["certifi: 'MPL-2.0' is not allowed: expected MIT"]


def test_a_package_that_is_not_there_and_a_decision_that_is_not_needed_are_told() -> None:
    policy = Policy(allowed=frozenset({"MIT"}), classifiers={}, mended={"gone": "MIT"}, exceptions={})
    first, second = judged([Pin(name="no-such-package", version="1", hashes=("0",))], policy)
    assert first.startswith("no-such-package 1 is not installed")
    assert second.startswith("gone: ")
