"""What the app asked for, and the right that each request needed, in all tests of this session."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from localcloud.traffic import SeenRequest
from tests.infra.bicep import ROOT

APP = "taglock"
"""The name with which the app's own clients call; tests call the same services with other clients, too."""
LAST = "tests/infra/test_rights_of_the_suite.py"
SUITE = frozenset(
    path.relative_to(ROOT).as_posix()
    for folder in ("acts", "adapters", "auditing", "deploying", "doctor", "infra", "pushing")
    for path in (ROOT / "tests" / folder).rglob("test_*.py")
)
"""The modules in which the app asks for everything that it ever asks for."""

FIRST_ASKED: dict[str, str] = {}
"""Each right with the first test in which a request needed it."""


def note(request: SeenRequest) -> None:
    """Remember the right that a request of the app needed."""
    if request.user_agent == APP and request.required:
        FIRST_ASKED.setdefault(right_of(request.required), os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0])


def right_of(required: str) -> str:
    """Return a scope as docs/permissions.md writes it (any repository is NAME), and an action as it is."""
    kind, _, rest = required.partition(":")
    name, _, action = rest.rpartition(":")
    if not rest:
        return required.lower()
    return f"{kind}:{name if kind == 'registry' else 'NAME'}:{action}"


def of_registries() -> Mapping[str, str]:
    """Return the scopes of registries that were needed, each with a test that did."""
    return {right: test for right, test in FIRST_ASKED.items() if ":" in right}


def of_resource_manager() -> Mapping[str, str]:
    """Return the actions of Resource Manager that were needed, each with a test that did."""
    return {right: test for right, test in FIRST_ASKED.items() if ":" not in right}


def is_whole(collected: Iterable[Path]) -> bool:
    """Tell whether all modules of the suite were collected; without some of them rights may be missing."""
    return SUITE.issubset(path.relative_to(ROOT).as_posix() for path in collected if path.is_relative_to(ROOT))
