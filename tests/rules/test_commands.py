import json
import subprocess
import sys
from pathlib import Path

import pytest

from taglock.__main__ import main
from taglock.rule_file import json_schema

ROOT = Path(__file__).resolve().parents[2]
RULES = """
version = 1
[[rule]]
name = "skip"
tags = { glob = ["latest"] }
action = "ignore"
[[rule]]
name = "charts"
repositories = ["charts/**"]
artifact_types = ["application/helm"]
[[rule]]
name = "releases"
repositories = ["prod/**"]
tags = { semver = ">=1", variants = ["alpine"] }
manifest_profile = "immutable"
referrers = true
[[rule]]
name = "running"
on = ["deployment"]
environments = ["prod"]
tag = true
mode = "report"
[[rule]]
name = "stay"
scope = "repository"
registries = ["contoso.*"]
profile = "undeletable"
[[example]]
image = "prod/api:1.4.2"
expect = "releases"
"""


@pytest.fixture
def rule_file(tmp_path: Path) -> str:
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    return str(path)


def test_check_prints_the_rules_of_a_good_file(rule_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", rule_file]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["RULE", "skip", "charts", "releases", "running", "stay"]
    assert "tag delete,write; manifests delete,write; referrers too" in lines[3]
    assert lines[4].endswith("tag delete,write; manifests delete (report only)")
    assert "contoso.*: **" in lines[5]
    assert lines[-1] == f"{rule_file}: 5 rules, 1 examples hold"


def test_check_prints_one_line_per_problem_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('vers = 1\n[[rule]]\nname = "r"\non = ["x"]\n', encoding="utf-8")
    assert main(["check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["$.vers", "$.version", "$.rule[0].on[0]"]


def test_check_of_an_absent_file_fails_with_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "absent.toml")]) == 1
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'absent.toml'}: cannot be read")


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


def test_explain_says_which_rule_decides_and_why_those_before_it_do_not_match(
    rule_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(capsys, "contoso.azurecr.io/prod/api:1.4.2-alpine", "--rules", rule_file) == (
        "push of contoso.azurecr.io/prod/api:1.4.2-alpine\n"
        "  1.  skip      does not match: tag '1.4.2-alpine' matches none of 'latest'\n"
        "  2.  charts    does not match: repository 'prod/api' matches none of 'charts/**'\n"
        "  3.  releases  matches: every condition is met\n"
        "decision: protect, by rule 'releases'\n"
        "  tag        delete,write off (profile immutable)\n"
        "  manifests  delete,write off (profile immutable)\n"
        "  referrers  delete,write off (profile immutable)\n"
        "repository prod/api: delete off (profile undeletable), by rule 'stay', through audit repair\n"
    )


def test_explain_of_an_image_that_no_rule_matches_answers_for_every_rule(
    rule_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = explained(capsys, "x.azurecr.io/dev/api:1.4.2", "--rules", rule_file)
    assert said.count("does not match") == 4
    assert "decision: ignore, no rule matched" in said
    assert "repository dev/api: unchanged, no repository rule matched" in said


def test_explain_of_an_ignored_image_names_the_rule(rule_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "decision: ignore, rule 'skip' says ignore" in explained(
        capsys, "x.azurecr.io/prod/api:latest", "--rules", rule_file
    )


def test_explain_asks_for_a_type_that_the_answer_depends_on(rule_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    image = ("x.azurecr.io/charts/api:1", "--rules", rule_file)
    assert "undecided, rule 'charts' needs --artifact-type" in explained(capsys, *image)
    assert "by rule 'charts'" in explained(capsys, *image, "--artifact-type", "application/helm")
    assert "no rule matched" in explained(capsys, *image, "--artifact-type", "")


def test_explain_of_a_deployment_says_what_happens_to_the_tag(
    rule_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--rules", rule_file, "--on", "deployment", "--environment", "prod")
    tagged = explained(capsys, "x.azurecr.io/prod/api:stable", *options)
    assert "by rule 'running', in report mode: it changes nothing" in tagged
    assert "tag        delete,write off" in tagged
    assert "tag        unchanged" in explained(capsys, f"x.azurecr.io/prod/api@sha256:{'a' * 64}", *options)


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "prod"],
        ["explain", "x.azurecr.io/prod/api"],
        ["explain", "x.azurecr.io/Prod/api:1"],
        ["explain", f"x.azurecr.io/api@sha256:{'a' * 64}"],
        ["explain", "x.azurecr.io/api:1", "--environment", "prod"],
        ["explain", "x.azurecr.io/api:1", "--rules", "absent.toml"],
    ],
)
def test_input_that_cannot_be_understood_exits_with_2_and_its_message(
    arguments: list[str], rule_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--rules" not in arguments:
        arguments = [*arguments, "--rules", rule_file]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "expected" in captured.err


def test_schema_prints_the_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


@pytest.mark.parametrize("command", ["check", "explain", "schema"])
def test_each_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"python -m taglock {command}" in capsys.readouterr().out


def test_the_module_runs_as_a_program_on_the_shipped_rules() -> None:
    command = [sys.executable, "-m", "taglock", "check"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "examples hold" in ended.stdout


def test_reading_rules_imports_nothing_that_talks() -> None:
    code = "import sys, taglock.rule_file; print(*sorted(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(ended.stdout.split())
    assert not loaded & {"asyncio", "socket", "ssl", "logging", "azure", "aiohttp", "sqlite3", "http.client"}
