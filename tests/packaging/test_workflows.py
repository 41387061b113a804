"""The workflows for forks: what they call exists, what they use is pinned, and they hold no secret."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.pins import PROJECT

FOLDER = PROJECT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"uses: [A-Za-z0-9-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def workflow(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def jobs(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from workflow(file)["jobs"].items()


def targets_called(text: str) -> set[str]:
    """The targets of every make command; NAME=VALUE sets a variable."""
    calls = re.findall(r"\bmake ((?:[a-z-]+ ?)+)", text)
    return {name for call in calls for name in call.split()}


def makefile_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def test_there_is_one_that_tests_and_one_that_deploys() -> None:
    assert [file.name for file in FILES] == ["ci.yml", "deploy.yml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_make_target_that_is_called_exists(file: Path) -> None:
    runs = [step.get("run", "") for _, job in jobs(file) for step in job["steps"]]
    called = targets_called("\n".join(runs))
    assert {"check", "test", "licences", "audit-packages", "sbom"} <= called <= makefile_targets()


def test_azd_calls_a_target_that_exists() -> None:
    hook = yaml.safe_load((PROJECT / "azure.yaml").read_text())["services"]["app"]["hooks"]["prepackage"]
    assert targets_called(hook["posix"]["run"]) == {"package"} <= makefile_targets()
    assert (PROJECT / hook["windows"]["run"]).is_file()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_action_is_pinned_by_its_commit_and_tells_its_tag(file: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in file.read_text().splitlines() if "uses:" in line]
    assert lines
    assert not [line for line in lines if not PINNED.match(line)]


def test_an_action_has_the_same_commit_everywhere() -> None:
    found = {
        tuple(line.split("uses:")[1].split("@"))
        for f in FILES
        for line in f.read_text().splitlines()
        if "uses:" in line
    }
    assert len({name for name, _ in found}) == len(found)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_there_is_no_secret_and_a_job_may_only_read(file: Path) -> None:
    assert "secrets." not in file.read_text()
    assert workflow(file)["permissions"] == {"contents": "read"}
    asking = {name: job["permissions"] for name, job in jobs(file) if "permissions" in job}
    expected = {"deploy": {"contents": "read", "id-token": "write"}} if file.name == "deploy.yml" else {}
    assert asking == expected


def test_what_can_sign_in_builds_nothing_and_deploys_the_package_that_was_built() -> None:
    job = dict(jobs(FOLDER / "deploy.yml"))["deploy"]
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert job["needs"] == "build"
    assert not targets_called("\n".join(runs))
    assert runs[-1] == "azd deploy app --from-package dist/taglock.zip --no-prompt"


def test_only_a_person_starts_a_deployment() -> None:
    starts = yaml.load((FOLDER / "deploy.yml").read_text(), Loader=yaml.BaseLoader)["on"]
    assert set(starts) == {"workflow_dispatch"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_that_others_write_is_put_into_a_shell(file: Path) -> None:
    runs = [step.get("run", "") for _, job in jobs(file) for step in job["steps"]]
    assert not [run for run in runs if "${{" in run]


def test_targets_are_told_from_variables() -> None:
    assert targets_called("make check test PYTHON=python\nmake sbom") == {"check", "test", "sbom"}
