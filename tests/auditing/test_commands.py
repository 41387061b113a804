"""`plan` and `audit` from a terminal, against the local cloud with a managed identity."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from localcloud import faults
from localcloud.cloud import CloudOptions, LocalCloud
from localcloud.faults import Fault
from localcloud.registry.seeding import Bulk, seed_bulk
from localcloud.registry.times import TICKS_PER_SECOND
from localcloud.state import app_environment
from taglock.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
RULES = """
version = 1
[[rule]]
name = "releases"
tags = { semver = ">=1.0.0" }
[[rule]]
name = "nightlies"
tags = { glob = ["night-*"] }
"""


@pytest_asyncio.fixture
async def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(folder=tmp_path)) as running:
        for name, value in app_environment(running.state, ledger=tmp_path / "ledger.sqlite").items():
            monkeypatch.setenv(name, value)
        (tmp_path / "rules.toml").write_text(RULES)
        monkeypatch.setenv("TAGLOCK_RULES", str(tmp_path / "rules.toml"))
        store = running.registry.store
        seed_bulk(store, "prod/api", Bulk(images=12, tag="1.0.{}"))
        seed_bulk(store, "prod/web", Bulk(images=3, tag="night-{}", first=100, children=2))
        for repository in store.repositories.records():
            for tag in repository.tags.records():
                tag.updated -= 3600 * TICKS_PER_SECOND
        yield running


async def command(*arguments: str) -> int:
    return await asyncio.to_thread(main, list(arguments))


def patches(cloud: LocalCloud) -> int:
    return sum(count for kind, count in cloud.registry.traffic.counts().items() if kind.startswith("PATCH"))


async def test_plan_shows_what_each_rule_would_lock_and_changes_nothing(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert await command("plan", "--images") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"{cloud.registry.login_server}: 36 updates for 15 images"
    assert [line.split() for line in shown[1:4]] == [
        ["rule", "images", "updates"],
        ["nightlies", "3", "12"],
        ["releases", "12", "24"],
    ]
    assert len(shown) == 4 + 15
    assert (patches(cloud), len(cloud.topic.published)) == (0, 0)
    assert await command("plan") == 0
    assert "36 updates for 15 images" in capsys.readouterr().out


async def test_audit_reports_drift_then_repairs_it_when_the_settings_say_so(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await command("audit") == 1
    shown = capsys.readouterr().out
    assert shown.startswith(f"{cloud.registry.login_server}: DRIFT\n")
    assert "12 unlocked: 1.0.0, 1.0.1, 1.0.10" in shown
    assert "36 updates for 15 images planned" in shown
    monkeypatch.setenv("TAGLOCK_AUDIT_REPAIR", "locks")
    assert await command("audit") == 1
    assert "15 applied, 0 failed" in capsys.readouterr().out
    assert await command("audit") == 0
    assert "CLEAN" in capsys.readouterr().out


async def test_audit_writes_its_report_in_each_format(cloud: LocalCloud, tmp_path: Path) -> None:
    files = {each: tmp_path / f"report.{each}" for each in ("json", "html", "sarif", "junit")}
    options = [text for each, file in files.items() for text in (f"--{each}", str(file))]
    assert await command("audit", "--registry", cloud.registry.login_server, *options) == 1
    assert json.loads(files["json"].read_text())["verdict"] == "DRIFT"
    assert "<html" in files["html"].read_text()
    assert json.loads(files["sarif"].read_text())["version"] == "2.1.0"
    assert "<testsuite" in files["junit"].read_text()


async def test_an_incomplete_audit_has_its_own_exit_code(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.registry.faults.add(Fault(action=faults.Answer(status=500), kind="manifests", times=None))
    assert await command("audit") == 3
    assert "INCOMPLETE" in capsys.readouterr().out


async def test_a_registry_that_is_not_on_the_list_is_refused(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command("audit", "--registry", "other.azurecr.io") == 2
    assert "--registry: 'other.azurecr.io', expected one of TAGLOCK_REGISTRIES" in capsys.readouterr().err
