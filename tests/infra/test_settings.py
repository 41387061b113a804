"""The deployed app gets every setting, with the values that an operator chose or the documents promise."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from taglock.domain.rule import Mode
from taglock.settings import AuditRepair, read_settings
from tests.infra.bicep import INFRA, ROOT, template, unwrapped

SETTING = re.compile(r"TAGLOCK_[A-Z_]+")
FROM_ENVIRONMENT = re.compile(r"\$\{(\w+)(?:=(.*))?\}")
OF_THE_PLATFORM = {
    "AZURE_CLIENT_ID",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
    "AzureFunctionsJobHost__telemetryMode",
    "AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes",
}
MADE_HERE = {
    "TAGLOCK_REGISTRIES": "contoso=contoso.azurecr.io,fabrikam=fabrikam-a1b2.azurecr.io",
    "TAGLOCK_LEDGER": "https://sttaglock.table.core.windows.net",
    "TAGLOCK_TOPIC_ENDPOINT": "https://evgt-taglock-out.westeurope-1.eventgrid.azure.net/api/events",
    "TAGLOCK_CLOUD": "public",
    "TAGLOCK_ARM_ENDPOINT": "",
    "TAGLOCK_HTTP_AUTH": "key",
}
"""What the infrastructure makes up itself, as it would be for two registries in the public cloud."""


def app_settings() -> Mapping[str, Any]:
    settings: Mapping[str, Any] = template("app/function-app.bicep").value("settings")
    return settings


def sample() -> Mapping[str, str]:
    values: Mapping[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    return values


def parameter_files_values() -> Mapping[str, str]:
    file = json.loads((INFRA / "main.parameters.json").read_text())
    return {name: entry["value"] for name, entry in file["parameters"].items()}


def property_of(value: Any) -> str:
    """Return the `x` of `taglock.x` or `join(taglock.x, ',')`."""
    function = value.get("function")
    operands = (function["parameters"]["input_array"] if function else value)["operator"]["operands"]
    assert operands["operand_1"] == "taglock"
    return str(operands["operand_2"])


def chosen(name: str, environment: Mapping[str, str]) -> str:
    """Return the value of a setting for what an operator set with `azd env set`."""
    if name in MADE_HERE:
        return MADE_HERE[name]
    parameters = unwrapped(template("main.bicep").modules["app"]["config"])["params"]["taglock"]
    parameter = {"watched": "watchedSubscriptions"}.get(source := parameters[property_of(app_settings()[name])], source)
    declared = template("main.bicep").declared("parameters")[parameter]["default"]
    found = FROM_ENVIRONMENT.fullmatch(parameter_files_values().get(parameter, ""))
    if found is None:
        return str(declared)
    assert found[1] == name, f"{parameter} is read from {found[1]}, expected {name}"
    assert (found[2] or "") == (declared or ""), f"two defaults of {parameter}"
    return environment.get(name, found[2] or "")


def test_every_setting_of_the_documents_is_set_and_no_other() -> None:
    ours = {name for name in app_settings() if SETTING.fullmatch(name)}
    documented = set(re.findall(r"(?m)^## (TAGLOCK_[A-Z_]+)$", (ROOT / "docs/settings.md").read_text()))
    assert ours == documented == {name for name in sample() if SETTING.fullmatch(name)}
    assert set(app_settings()) - ours == OF_THE_PLATFORM


@pytest.mark.parametrize("mode", list(Mode))
def test_the_app_accepts_what_is_deployed(mode: Mode, tmp_path: Path) -> None:
    environment = {name: chosen(name, {"TAGLOCK_MODE": mode}) for name in app_settings() if SETTING.fullmatch(name)}
    settings = read_settings({**environment, "WEBSITE_INSTANCE_ID": "1", "AZURE_CLIENT_ID": "id"}, folder=tmp_path)
    assert settings.mode is mode
    assert settings.registries == {"contoso": "contoso.azurecr.io", "fabrikam": "fabrikam-a1b2.azurecr.io"}
    assert (settings.ledger, settings.client_id) == (MADE_HERE["TAGLOCK_LEDGER"], "id")
    assert settings.audit_repair is AuditRepair.NONE


def test_what_nobody_chose_has_the_value_of_the_sample() -> None:
    names = {name for name in app_settings() if SETTING.fullmatch(name)} - MADE_HERE.keys() - {"TAGLOCK_MODE"}
    assert {name: chosen(name, {}) for name in names} == {name: sample()[name] for name in names}


def test_the_mode_is_asked_for_with_report_first_and_has_no_other_default() -> None:
    mode = template("main.bicep").declared("parameters")["mode"]
    assert mode["default"] is None
    assert {"type": "allowed", "argument": [Mode.REPORT, Mode.ENFORCE]} in mode["decorators"]
    assert chosen("TAGLOCK_MODE", {}) == ""  # azd asks for what is empty and has no default


def test_every_parameter_of_the_file_exists_and_what_has_no_default_is_in_it() -> None:
    declared = template("main.bicep").declared("parameters")
    values = parameter_files_values()
    assert values.keys() <= declared.keys()
    assert {name for name, details in declared.items() if details["default"] is None} <= values.keys()


def test_no_log_line_that_the_alerts_read_is_sampled_away() -> None:
    host = json.loads((ROOT / "host.json").read_text())["logging"]["applicationInsights"]["samplingSettings"]
    name = "AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes"
    assert set(app_settings()[name].split(";")) == {*host["excludedTypes"].split(";"), "Trace"}


def test_the_queue_of_audits_is_the_one_that_the_app_uses() -> None:
    queue = unwrapped(template("app/storage.bicep").resources["audits"]["config"])["name"]
    assert f'AUDITS = "{queue}"' in (ROOT / "function_app.py").read_text()
