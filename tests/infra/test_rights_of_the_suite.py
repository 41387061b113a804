"""The roles hold exactly what the requests of all tests needed. This runs last; after a part, no right may be new."""

import pytest

from tests.infra.bicep import template
from tests.infra.rights import is_whole, of_registries, of_resource_manager
from tests.infra.test_registry_rights import role, table


def test_the_role_in_a_registry_is_what_all_tests_needed(request: pytest.FixtureRequest) -> None:
    held = role("dataActions") | role("contentDataActions")
    needed = of_registries()
    unheld = {scope: test for scope, test in needed.items() if scope not in table() or table()[scope][0] not in held}
    assert not unheld
    if is_whole(item.path for item in request.session.items):
        assert {table()[scope][0] for scope in needed} == held


def test_the_role_in_a_subscription_is_what_all_tests_needed(request: pytest.FixtureRequest) -> None:
    lists = [template("deployments/subscription.bicep").value(name) for name in ("actions", "doctorActions")]
    held = {action.lower() for actions in lists for action in actions}
    needed = of_resource_manager()
    unheld = {action: test for action, test in needed.items() if action not in held}
    assert not unheld
    if is_whole(item.path for item in request.session.items):
        assert set(needed) == held
