"""docs/rules.md, the shipped rule file and the JSON Schema are held against the code."""

import json
import re
from collections.abc import Iterator
from copy import replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from semver import Version

from taglock.domain.example import NO_RULE
from taglock.domain.reference import LoginServer, Repository, parse_reference
from taglock.domain.rule import Candidate, RuleSet, Trigger, decide, decide_repository
from taglock.domain.version_range import parse_range
from taglock.errors import InvalidConfiguration
from taglock.rule_builder import IMAGE_ONLY
from taglock.rule_file import json_schema, parse_rules, read_rules
from taglock.rule_tables import RuleTable
from tests.rules.strategies import RULE_FILES
from tests.rules.test_rule_file_laws import FULL

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
BLOCKS = re.compile(r"^```toml\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
BROKEN = re.compile(r"^```toml broken\n(.*?)^```\n\n```text\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
TABLES = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
Row = dict[str, str]


def versioned(block: str) -> str:
    return block if "version = " in block else f"version = 1\n{block}"


def table_rows(text: str) -> Iterator[list[Row]]:
    for table in TABLES.findall(text):
        lines = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in table.splitlines()]
        header = [cell.strip() for cell in lines[0]]
        yield [dict(zip(header, (cell.strip() for cell in line), strict=True)) for line in lines[2:]]


def sections() -> Iterator[tuple[str, list[Row]]]:
    """Each TOML block with the rows about decisions that follow it."""
    parts = BLOCKS.split(PAGE)
    for block, after in zip(parts[1::2], parts[2::2], strict=True):
        rows = [row for table in table_rows(after) for row in table if "decided by" in row]
        yield block, rows


SECTIONS = list(sections())


@cache
def rules_of(block: str) -> RuleSet:
    return parse_rules(versioned(block))


def test_every_block_is_followed_by_decisions_and_nothing_is_lost_by_the_parser() -> None:
    assert len(SECTIONS) == PAGE.count("```toml\n") >= 10
    assert all(rows for _, rows in SECTIONS)
    assert sum(len(rows) for _, rows in SECTIONS) >= 60


@pytest.mark.parametrize(("block", "row"), [(block, row) for block, rows in SECTIONS for row in rows])
def test_each_decision_on_the_page_is_what_the_rules_decide(block: str, row: Row) -> None:
    rules = rules_of(block)
    if "repository" in row:
        name = Repository(row["repository"].strip("`"))
        decision = decide_repository(rules, registry=LoginServer("contoso.azurecr.io"), repository=name)
    else:
        decision = decide(rules, candidate(row))
    assert (decision.rule.name if decision.rule else NO_RULE) == row["decided by"]


def candidate(row: Row) -> Candidate:
    text = row["image"].strip("`")
    image = parse_reference(text if ".azurecr.io/" in text else f"contoso.azurecr.io/{text}")
    cells = {key: cell.strip("`") for key, cell in row.items()}
    return Candidate(
        registry=image.registry,
        repository=image.repository,
        tag=image.tag,
        trigger=Trigger(cells.get("on", "push")),
        media_type=cells.get("media type"),
        artifact_type=cells.get("artifact type"),
        environment=cells.get("environment"),
    )


RANGES = [row for table in table_rows(PAGE) for row in table if "does not contain" in row]


@pytest.mark.parametrize("row", RANGES, ids=lambda row: row["range"])
def test_each_range_on_the_page_contains_what_is_said(row: Row) -> None:
    for text in re.findall(r"`([^`]+)`", row["range"].replace("\\|", "|")):
        found = parse_range(text)
        for version in re.findall(r"`([^`]+)`", row["contains"]):
            assert found.contains(Version.parse(version)), (text, version)
        for version in re.findall(r"`([^`]+)`", row["does not contain"]):
            assert not found.contains(Version.parse(version)), (text, version)


def test_the_problems_on_the_page_are_the_ones_that_are_reported() -> None:
    ((block, expected),) = BROKEN.findall(PAGE)
    with pytest.raises(InvalidConfiguration) as caught:
        parse_rules(versioned(block))
    assert [str(problem) for problem in caught.value.problems] == expected.splitlines()


def test_every_key_of_a_rule_is_in_the_table_of_the_page() -> None:
    documented = [row["key"].strip("`") for table in table_rows(PAGE) for row in table if "default" in row]
    assert sorted(documented) == sorted(RuleTable.__struct_fields__)
    assert set(IMAGE_ONLY) < set(documented)


def test_the_shipped_rules_are_right() -> None:
    rules = read_rules(ROOT / "lock_rules.toml")
    assert rules.rules
    assert rules.examples


def test_the_shipped_rules_are_right_with_everything_switched_on_before_the_general_rule() -> None:
    text = (ROOT / "lock_rules.toml").read_text(encoding="utf-8")
    commented = [line[1:] for line in text.splitlines() if re.match(r"#[\[a-z]", line)]
    assert len([line for line in commented if line == "[[rule]]"]) == 3
    general = '[[rule]]\nname = "semver-releases"'
    assert text.count(general) == 1
    rules = parse_rules(text.replace(general, "\n".join(commented) + "\n" + general))
    names = [rule.name for rule in rules.rules]
    assert names[-1] == "semver-releases"
    assert len(names) == 5


def test_the_schema_in_docs_is_the_generated_one() -> None:
    stored = json.loads((ROOT / "docs/lock_rules.schema.json").read_text(encoding="utf-8"))
    assert stored == json_schema(), "run: python -m taglock schema > docs/lock_rules.schema.json"


def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


@given(RULE_FILES)
def test_the_schema_accepts_what_the_reader_accepts(content: dict[str, Any]) -> None:
    assert not list(validator().iter_errors(content))


def test_the_schema_accepts_every_key_and_refuses_what_is_unknown_or_doubled() -> None:
    assert not list(validator().iter_errors(FULL))
    rule = FULL["rule"][0]
    for wrong in (
        {**FULL, "rules": []},
        {**FULL, "version": 2},
        {**FULL, "rule": [{**rule, "tag_pattern": "x"}]},
        {**FULL, "rule": [{**rule, "tags": {"semver": "*", "glob": ["a"]}}]},
        {**FULL, "rule": [{**rule, "mode": "enforce"}]},
        {**FULL, "profile": {"own": {"off": ["read"]}}},
        {**FULL, "example": [{"expect": "none"}]},
    ):
        assert list(validator().iter_errors(wrong)), wrong


def test_a_decision_row_that_is_wrong_is_noticed() -> None:
    block, rows = SECTIONS[0]
    wrong = replace(candidate(rows[0]), repository=Repository("elsewhere"))
    assert decide(rules_of(block), wrong).rule is None
