from typing import Any

import pytest
from hypothesis import given

from taglock.domain.reach import unreachable
from taglock.domain.rule import Candidate, RuleSet, decide
from taglock.errors import InvalidConfiguration
from taglock.rule_file import parse_rules
from tests.rules.strategies import CANDIDATES, RULE_FILES, toml

CATCH_ALL = 'name = "first"'


def reached(*tables: str) -> bool:
    try:
        parse_rules("version = 1\n" + "\n".join(f"[[rule]]\n{table}" for table in tables))
    except InvalidConfiguration as error:
        last = f"$.rule[{len(tables) - 1}]"
        assert [problem.path for problem in error.problems] == [last]
        assert "can never apply" in str(error)
        return False
    return True


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("", ""),
        ("", 'repositories = ["prod/**"]'),
        ("", 'tags = { semver = "*" }'),
        ('registries = ["*"]\nrepositories = ["**"]', 'registries = ["contoso.*"]'),
        ('repositories = ["prod/**", "dev/**"]', 'repositories = ["prod/**", "!prod/x"]'),
        ('tags = { glob = ["*"] }', 'tags = { semver = "*" }'),
        ('tags = { semver = ">=1" }', 'tags = { semver = ">=1", exclude = ["*-x"] }'),
        ('tags = { glob = ["v*", "w*"] }', 'tags = { glob = ["v*"] }'),
        ('on = ["push", "deployment"]', 'on = ["deployment"]\nenvironments = ["prod"]'),
        ('media_types = ["a/b"]', 'media_types = ["a/b"]\ntags = { glob = ["v*"] }'),
    ],
)
def test_a_rule_behind_one_that_takes_everything_it_would_match_is_a_problem(earlier: str, later: str) -> None:
    assert not reached(f'name = "first"\n{earlier}', f'name = "second"\n{later}')


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ('repositories = ["prod/**"]', ""),
        ('repositories = ["prod/**", "!prod/x"]', 'repositories = ["prod/**"]'),
        ('repositories = ["*"]', 'repositories = ["prod/**"]'),
        ("", 'on = ["deployment"]'),
        ("", 'on = ["push", "deployment"]'),
        ("", 'tags = { glob = ["sha256-*.sig"] }'),
        ('tags = { glob = ["**"] }', 'tags = { glob = ["sha256-*.sig"] }'),
        ('on = ["deployment"]\ntags = { glob = ["*"] }', 'on = ["deployment"]'),
        ('tags = { semver = ">=1", exclude = ["*-x"] }', 'tags = { semver = ">=1" }'),
        ('on = ["deployment"]\nenvironments = ["a"]', 'on = ["deployment"]'),
        ('media_types = ["a/b"]', 'media_types = ["a/b", "c/d"]'),
        ("", 'scope = "repository"\nprofile = "undeletable"'),
    ],
)
def test_a_rule_that_could_still_match_something_is_accepted(earlier: str, later: str) -> None:
    assert reached(f'name = "first"\n{earlier}', f'name = "second"\n{later}')


def test_two_rules_that_together_take_each_trigger_make_a_third_unreachable() -> None:
    assert not reached(CATCH_ALL, 'name = "second"\non = ["deployment"]', 'name = "third"\non = ["push", "deployment"]')


def test_repository_rules_shadow_only_each_other() -> None:
    everywhere = 'scope = "repository"\nprofile = "undeletable"'
    assert not reached(f'name = "first"\n{everywhere}', f'name = "second"\n{everywhere}\nrepositories = ["prod/**"]')


@given(RULE_FILES, CANDIDATES)
def test_a_rule_called_unreachable_never_decides(content: dict[str, Any], candidate: Candidate) -> None:
    # A rule set is built from single files, because a whole file with such a rule is refused.
    single = [parse_rules(toml({"version": 1, "rule": [rule]})) for rule in content["rule"]]
    rules = tuple(rule for rule_set in single for rule in rule_set.rules)
    decision = decide(RuleSet(rules=rules), candidate)
    assert all(rules[index] is not decision.rule for index, _ in unreachable(rules))
