"""The script that registers with Entra: roles, a scope that people get tokens for, tokens that App Service takes."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.infra.bicep import INFRA

HOOKS = INFRA / "hooks"
SHELL = shutil.which("sh")
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""https://github.com/Azure/azure-cli/issues/15056"""
ID = "11111111-2222-3333-4444-555555555555"
AZ = f"""#!/bin/sh
printf 'az %s\\n' "$*" >> "$CALLS"
case "$*" in
  *"$AZ_FAILS"*) exit 1 ;;
  "ad app create"*) echo {ID} ;;
  "cloud show"*) echo https://graph.microsoft.com/ ;;
  "ad sp show"*) [ -e "$CALLS.principal" ] ;;
  "ad sp create"*) : > "$CALLS.principal" ;;
esac
"""
AZD = """#!/bin/sh
printf 'azd %s\\n' "$*" >> "$CALLS"
case "$*" in
  "env get-value AZURE_ENV_NAME") [ -z "$AZD_FAILS" ] && echo prod ;;
  "env get-value TAGLOCK_AUTH_CLIENT_ID") cat "$CALLS.id" ;;
  "env set TAGLOCK_AUTH_CLIENT_ID"*) echo "$4" > "$CALLS.id" ;;
esac
"""
"""Stand-ins for the two command-line tools: they note what they were asked, and remember what was made."""

pytestmark = pytest.mark.skipif(SHELL is None, reason="sh is not installed")


def run(folder: Path, *, az_fails: str = "nothing fails", azd_fails: str = "") -> subprocess.CompletedProcess[str]:
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, text in (("az", AZ), ("azd", AZD)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    environment = {
        "CALLS": str(folder / "calls"),
        "AZ_FAILS": az_fails,
        "AZD_FAILS": azd_fails,
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    script = [str(HOOKS / "register.sh")]
    return subprocess.run(script, env=environment, capture_output=True, text=True, timeout=30, check=False)


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def part(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HOOKS / name).read_text(encoding="utf-8"))["api"]
    return found


def test_it_registers_with_roles_a_scope_and_the_azure_cli_and_hands_the_id_to_azd(tmp_path: Path) -> None:
    ended = run(tmp_path)
    assert ended.returncode == 0, ended.stderr
    asked = [each for each in calls(tmp_path) if not re.match(r"azd env get|az cloud show|az ad sp show", each)]
    application = f"az rest --method PATCH --url https://graph.microsoft.com/v1.0/applications(appId='{ID}')"
    assert [each.partition(" --headers")[0].partition(" --query")[0] for each in asked] == [
        "az ad app create --display-name taglock-prod --sign-in-audience AzureADMyOrg",
        f"azd env set TAGLOCK_AUTH_CLIENT_ID {ID}",
        f"az ad app update --id {ID} --identifier-uris api://{ID} --app-roles @app-roles.json",
        application,
        application,
        f"az ad sp create --id {ID} --output none",
        f"az ad sp update --id {ID} --set appRoleAssignmentRequired=true",
    ]
    assert [body for each in asked for body in re.findall(r"--body @(\S+)", each)] == [
        "app-scope.json",
        "app-clients.json",
    ]
    assert ID in ended.stdout


def test_a_second_run_makes_nothing_a_second_time(tmp_path: Path) -> None:
    run(tmp_path)
    first = len(calls(tmp_path))
    assert run(tmp_path).returncode == 0
    again = calls(tmp_path)[first:]
    assert not [each for each in again if " create " in each]
    assert any("--app-roles @app-roles.json" in each for each in again)


def test_what_failed_half_way_goes_on_with_the_same_registration(tmp_path: Path) -> None:
    assert run(tmp_path, az_fails="app-clients.json").returncode != 0
    assert run(tmp_path).returncode == 0
    assert len([each for each in calls(tmp_path) if each.startswith("az ad app create")]) == 1


def test_without_an_azd_environment_nothing_is_registered(tmp_path: Path) -> None:
    ended = run(tmp_path, azd_fails="no environment")
    assert ended.returncode == 1
    assert "azd env new" in ended.stderr
    assert not [each for each in calls(tmp_path) if each.startswith("az ")]


def test_a_persons_own_sign_in_gets_a_token_because_the_azure_cli_is_authorized_for_the_scope() -> None:
    (scope,) = part("app-scope.json")["oauth2PermissionScopes"]
    assert (scope["value"], scope["type"], scope["isEnabled"]) == ("user_impersonation", "User", True)
    assert part("app-clients.json") == {
        "preAuthorizedApplications": [{"appId": AZURE_CLI, "delegatedPermissionIds": [scope["id"]]}]
    }
    roles = json.loads((HOOKS / "app-roles.json").read_text(encoding="utf-8"))
    assert scope["id"] not in {role["id"] for role in roles}


def test_tokens_are_of_the_version_whose_issuer_and_audience_app_service_takes() -> None:
    assert part("app-scope.json")["requestedAccessTokenVersion"] == 2
    bicep = (INFRA / "app/function-app.bicep").read_text(encoding="utf-8")
    assert re.search(r"openIdIssuer: '\S+/v2\.0'", bicep)
    (audiences,) = re.findall(r"allowedAudiences: \[([^\]]*)\]", bicep)
    assert audiences.split() == ["'api://${authClientId}'", "authClientId"]


def test_both_scripts_ask_for_the_same() -> None:
    asked = [_asked((HOOKS / f"register.{suffix}").read_text(encoding="utf-8")) for suffix in ("sh", "ps1")]
    assert asked[0] == asked[1]
    assert len(asked[0]) == 10


def _asked(script: str) -> list[str]:
    """Return each call of az and azd up to its first option."""
    code = re.sub(r"(?m)^\s*#.*$", "", script)
    found = re.findall(r"\b(azd? (?:ad|env|cloud|rest|account)\b(?: [a-z-]+)*(?: [A-Z_]{5,})?)", code)
    return [each for each in found if each != "azd env new first"]
