"""Callers are let in by App Service authentication, or by keys: never by neither."""

import json
from typing import Any

from taglock.domain.http.principal import HttpAuth, Role
from tests.infra.bicep import INFRA, ROOT

FUNCTION_APP = (INFRA / "app/function-app.bicep").read_text()
MAIN = (INFRA / "main.bicep").read_text()


def roles() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((INFRA / "hooks/app-roles.json").read_text())
    return found


def test_the_app_registration_has_the_roles_that_the_app_asks_for() -> None:
    assert {role["value"] for role in roles()} == set(Role)
    assert len({role["id"] for role in roles()}) == len(Role)


def test_without_an_app_registration_callers_need_keys_and_with_one_a_token() -> None:
    assert "httpAuth: empty(authClientId) ? 'key' : 'entra'" in MAIN
    assert {"key", "entra"} == set(HttpAuth)
    assert "if (!empty(authClientId))" in FUNCTION_APP
    assert "requireAuthentication: true" in FUNCTION_APP
    assert "unauthenticatedClientAction: 'Return401'" in FUNCTION_APP


def test_only_event_grid_and_health_come_past_authentication() -> None:
    listed = FUNCTION_APP.split("excludedPaths: [", 1)[1].split("]", 1)[0]
    paths = {line.strip().strip("'") for line in listed.splitlines() if line.strip()}
    assert paths == {"/runtime/webhooks/eventgrid", "/runtime/webhooks/EventGrid", "/api/health"}


def test_the_script_that_registers_names_the_file_of_roles_and_the_setting() -> None:
    script = (ROOT / "infra/hooks/register.sh").read_text()
    assert "@app-roles.json" in script
    assert "azd env set TAGLOCK_AUTH_CLIENT_ID" in script
    assert "TAGLOCK_AUTH_CLIENT_ID" in (INFRA / "main.parameters.json").read_text()
