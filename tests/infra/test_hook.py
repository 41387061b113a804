"""The hook waits until Azure knows the functions, then makes the subscriptions with what azd put out."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA, ROOT, template
from tests.infra.test_events import FILES, functions_of

HOOK = INFRA / "hooks/postdeploy.sh"
SHELL = shutil.which("sh")
OUTPUTS = {
    "AZURE_ENV_NAME": "test",
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
    "AZURE_LOCATION": "westeurope",
    "FUNCTION_APP_ID": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/func",
    "STORAGE_ACCOUNT_ID": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/st",
    "DEAD_LETTER_CONTAINER": "dead-letters",
    "TOPICS_IDENTITY_ID": "/subscriptions/s/resourceGroups/g/providers/identity",
    "PIPELINES_TOPIC_ID": "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/in",
    "REGISTRY_TOPIC_IDS": '["/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/systemTopics/a b"]',
    "SUBSCRIPTION_TOPIC_IDS": "[]",
    "SITE_TOPIC_IDS": "[]",
}
AZ = """#!/bin/sh
printf '%s\\n' "$*" >> "$AZ_CALLS"
[ "$1" = resource ] || { for each in "$@"; do printf '%s\\n' "$each"; done > "$AZ_CALLS.deployment"; exit 0; }
[ "$(grep -c "^resource" "$AZ_CALLS")" -gt "$AZ_REFUSALS" ]
"""
"""A stand-in for the Azure CLI: knows no function for the first calls, and notes what it was asked."""

pytestmark = pytest.mark.skipif(SHELL is None, reason="sh is not installed")


def run(folder: Path, *, refusals: int = 0, attempts: int = 5, az: str = AZ) -> subprocess.CompletedProcess[str]:
    program = folder / "bin/az"
    program.parent.mkdir()
    program.write_text(az)
    program.chmod(0o755)
    given = {"TAGLOCK_HOOK_ATTEMPTS": str(attempts), "TAGLOCK_HOOK_PAUSE_SECONDS": "0", "AZ_REFUSALS": str(refusals)}
    environment = {
        **OUTPUTS,
        **given,
        "AZ_CALLS": str(folder / "calls"),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
    }
    return subprocess.run([str(HOOK)], env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_the_subscriptions_are_made_with_every_parameter_unharmed(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 0
    asked = (tmp_path / "calls.deployment").read_text().splitlines()
    parameters = dict(each.split("=", 1) for each in asked[asked.index("--parameters") + 1 :])
    declared = template("subscriptions/main.bicep").declared("parameters")
    assert parameters.keys() == declared.keys()
    assert json.loads(parameters["registryTopicIds"]) == json.loads(OUTPUTS["REGISTRY_TOPIC_IDS"])
    assert set(parameters.values()) <= set(OUTPUTS.values())
    file = Path(asked[asked.index("--template-file") + 1]).resolve()
    assert file == INFRA / "subscriptions/main.bicep"


def test_each_function_is_waited_for(tmp_path: Path) -> None:
    assert run(tmp_path, refusals=3).returncode == 0
    calls = (tmp_path / "calls").read_text().splitlines()
    known = {call.rpartition("/functions/")[2].split()[0] for call in calls if call.startswith("resource")}
    assert known == {function for name in FILES for function in functions_of(name)}
    assert [call.split()[0] for call in calls].count("resource") == 3 + len(known)


def test_a_function_that_never_comes_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    ended = run(tmp_path, refusals=100)
    assert ended.returncode == 1
    assert "image_pushed is not there after 5 attempts" in ended.stderr
    assert not (tmp_path / "calls.deployment").exists()


def test_a_deployment_that_fails_fails_the_hook(tmp_path: Path) -> None:
    ended = run(tmp_path, az='#!/bin/sh\n[ "$1" = resource ]\n')
    assert ended.returncode != 0
    assert "is there" not in ended.stdout


def test_every_output_that_the_hook_reads_is_put_out() -> None:
    outputs = set(template("main.bicep").declared("outputs"))
    of_azd = {"AZURE_ENV_NAME", "AZURE_SUBSCRIPTION_ID"}
    assert set(OUTPUTS) <= outputs | of_azd
    for name in ("postdeploy.sh", "postdeploy.ps1"):
        text = (INFRA / "hooks" / name).read_text(encoding="utf-8")
        used = set(re.findall(r"\$(?:env:)?([A-Z_]+)\b", text)) - {"LASTEXITCODE"}
        assert {each for each in used if not each.startswith("TAGLOCK_HOOK")} == set(OUTPUTS)


def test_both_hooks_give_the_same_parameters() -> None:
    declared = set(template("subscriptions/main.bicep").declared("parameters"))
    text = (INFRA / "hooks/postdeploy.ps1").read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^    (\w+) += @\{ value", text)) == declared


def test_every_choice_of_the_document_is_a_parameter_and_the_reverse() -> None:
    text = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    settings = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"(?m)^\| `(TAGLOCK_[A-Z_]+)` \|", text + settings))
    read = set(re.findall(r"\$\{(TAGLOCK_[A-Z_]+)", (INFRA / "main.parameters.json").read_text(encoding="utf-8")))
    assert read <= documented
    assert set(re.findall(r"(?m)^\| `(TAGLOCK_[A-Z_]+)` \|", text)) <= read
