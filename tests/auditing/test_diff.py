"""`diff`: what another rule file would change, against the registry or what was saved of it."""

from pathlib import Path

import pytest

from localcloud.cloud import LocalCloud
from tests.auditing.test_commands import RULES, cloud, command

__all__ = ["cloud"]

OTHER = """
version = 1
[[rule]]
name = "releases"
tags = { semver = ">=1.0.6" }
"""


async def test_the_same_rules_change_nothing(
    cloud: LocalCloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "same.toml").write_text(RULES)
    assert await command("diff", str(tmp_path / "same.toml")) == 0
    assert capsys.readouterr().out == "0 tags would be decided differently\n"
    assert not [kind for kind in cloud.registry.traffic.counts() if kind.startswith("PATCH")]


async def test_other_rules_are_told_in_sum_and_tag_by_tag(
    cloud: LocalCloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.toml").write_text(OTHER)
    assert await command("diff", str(tmp_path / "other.toml"), "--save", str(tmp_path / "tags.jsonl")) == 1
    live = capsys.readouterr().out
    lines = live.splitlines()
    assert lines[0] == "9 tags would be decided differently"
    assert [line.split()[0] for line in lines[1:3]] == ["6", "3"]
    assert lines[1].endswith("(releases)   ->  left alone")
    assert len(lines) == 3 + 9
    cloud.registry.store.clear()
    options = ("--snapshot", str(tmp_path / "tags.jsonl"))
    assert await command("diff", str(tmp_path / "other.toml"), *options) == 1
    assert capsys.readouterr().out == live


async def test_a_file_that_is_no_snapshot_is_refused(
    cloud: LocalCloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloud.registry.login_server
    (tmp_path / "other.toml").write_text(OTHER)
    (tmp_path / "tags.jsonl").write_text("nonsense")
    options = ("--snapshot", str(tmp_path / "tags.jsonl"))
    assert await command("diff", str(tmp_path / "other.toml"), *options) == 2
    assert "a file that --save wrote" in capsys.readouterr().err
