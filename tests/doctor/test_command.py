"""`python -m taglock doctor` and the handlers, against the whole local cloud with its shipped seeds."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from handlers.doctor import doctor
from handlers.health import health
from localcloud.cloud import CloudOptions, LocalCloud
from taglock.__main__ import main
from taglock.cli.doctor import as_text, painter
from taglock.domain.doctor import Check, CheckState, DoctorReport
from taglock.services import open_services
from tests.doctor.world import RULES
from tests.infra.bicep import ROOT

SEEDS = ROOT / "localcloud/arm/seeds"


@pytest.fixture
async def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(folder=tmp_path, arm_seed=SEEDS)) as running:
        rules = tmp_path / "rules.toml"
        rules.write_text(RULES)
        for name, value in {**running.environment(), "TAGLOCK_RULES": str(rules)}.items():
            monkeypatch.setenv(name, value)
        yield running


async def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = await asyncio.to_thread(main, ["doctor", *arguments])
    return code, capsys.readouterr().out


def states(report: Any) -> dict[str, str]:
    return {check["name"]: check["state"] for check in report["checks"]}


async def test_the_local_cloud_is_examined_with_the_identity_of_the_app(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = await shown(capsys, "--json")
    report = json.loads(out)
    found = states(report)
    assert found["admin-user"] == "warn"
    assert found["purge-tasks"] == found["replications"] == found["ledger"] == found["topic"] == "ok"
    assert found["permission-write"] == "ok"
    assert (code, report["state"]) == (0, "warn")


async def test_a_failing_check_ends_the_command_with_1_and_the_table_says_what_to_do(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGLOCK_AUDIT_SCHEDULE", "@daily")
    code, out = await shown(capsys)
    assert code == 1
    lines = out.splitlines()
    (number,) = [index for index, line in enumerate(lines) if line.startswith("fail")]
    assert "schedule" in lines[number] and "to do: write it with seconds first" in lines[number + 1]
    assert lines[-1] == "worst: fail"
    assert "\x1b" not in out


async def test_settings_that_cannot_be_used_are_the_one_check(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGLOCK_LEDGER", "ledger.sqlite")
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "in Azure")
    code, out = await shown(capsys, "--json")
    (check,) = json.loads(out)["checks"]
    assert (code, check["name"], check["state"]) == (1, "settings", "fail")
    assert "a file of one instance is lost with it" in check["found"]


async def test_the_handler_answers_the_same_as_the_command(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    _code, out = await shown(capsys, "--json")
    services = open_services(os.environ)
    try:
        assert states(await doctor(lambda: services.doctoring)) == states(json.loads(out))
    finally:
        await services.aclose()


async def test_the_handler_answers_when_the_settings_are_wrong() -> None:
    report = await doctor(lambda: open_services({}).doctoring)
    assert states(report) == {"settings": "fail"}


async def test_health_tells_yes_or_no_and_nothing_else() -> None:
    assert health(lambda: None).status == 200
    broken = health(lambda: open_services({"TAGLOCK_MODE": "hunter2"}))
    assert (broken.status, broken.body) == (503, {"status": "unusable"})


async def test_no_planted_secret_is_told(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
    _code, out = await shown(capsys, "--json")
    assert "planted-secret" not in out


def test_colours_are_for_terminals_and_control_characters_for_nobody() -> None:
    check = Check(name="x", state=CheckState.WARN, found="a\x1b[31mb\nc", advice="d")
    text = as_text(DoctorReport(checks=(check,)), lambda state, text: f"<{state}:{text}>")
    assert "<warn:warn>" in text
    assert "\x1b" not in text and "b c" in text


def test_a_terminal_gets_colours_unless_it_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert painter()(CheckState.FAIL, "fail") == "\x1b[31mfail\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert painter()(CheckState.FAIL, "fail") == "fail"
