"""Requests that are generated from the served document are answered as it says, never with a server error.

Three checks are off. Unsupported methods: a method that a path has not is answered with 404 by the Functions host,
before the app runs, and not with the 405 that the check expects. Missing keys: the host answers them as well, and
test_roles.py asks each function for its own key. Acceptance of whatever the schema allows: a schema cannot say which
registries are on the allow-list, or that exactly one of two members is needed; what is refused names its path.
"""

import asyncio
import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from taglock.domain.http.openapi import document
from taglock.domain.http.operations import OPERATIONS, Operation
from tests.http.caller import Keyed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
EXAMPLES = 40
LEFT_OUT = {"unsupported_method", "ignored_auth", "positive_data_acceptance"}


def checks() -> list[Any]:
    return [check for check in CHECKS.get_all() if check.__name__ not in LEFT_OUT]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
async def test_an_operation_is_answered_as_the_document_says(keyed: Keyed, operation: Operation) -> None:
    # On another thread: the generator's client blocks, and the local cloud lives on this loop.
    await asyncio.to_thread(ask_for, keyed, operation)


def ask_for(keyed: Keyed, operation: Operation) -> None:
    schema = schemathesis.openapi.from_dict(json.loads(document())).include(operation_id=operation.name)
    (result,) = schema.get_all_operations()
    assert isinstance(result, Ok)
    found = result.ok()
    headers = {"x-functions-key": keyed.functions.keys.functions[operation.name]}

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=found.as_strategy())
    def ask(case: Case[Any]) -> None:
        case.call_and_validate(base_url=keyed.endpoint, headers=headers, checks=checks())

    ask()
