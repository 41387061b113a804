from copy import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.attributes import IMMUTABLE, UNDELETABLE
from taglock.domain.reference import LoginServer, Repository, Tag
from taglock.domain.rule import (
    Candidate,
    Ignore,
    Need,
    Protect,
    RuleSet,
    Trigger,
    Undecided,
    decide,
    decide_repository,
    explain,
)
from taglock.errors import InvalidConfiguration
from taglock.rule_file import parse_rules
from tests.rules.strategies import CANDIDATES, DIGITS, RULE_FILES, toml

CONTOSO = LoginServer("contoso.azurecr.io")
PUSHED = Candidate(registry=CONTOSO, repository=Repository("prod/api"), tag=Tag("1.4.2"))
DEPLOYED = replace(PUSHED, trigger=Trigger.DEPLOYMENT)


def rules(*tables: str) -> RuleSet:
    return parse_rules("version = 1\n" + "\n".join(f"[[rule]]\n{table}" for table in tables))


def parsed(content: dict[str, Any]) -> RuleSet:
    """Rules of generated content, without those that an earlier one makes unreachable."""
    while True:
        try:
            return parse_rules(toml(content))
        except InvalidConfiguration as error:
            paths = [problem.path for problem in error.problems]
            assert all("can never apply" in problem.message for problem in error.problems), error
            content = {
                **content,
                "rule": [rule for index, rule in enumerate(content["rule"]) if f"$.rule[{index}]" not in paths],
            }


@given(RULE_FILES, CANDIDATES)
def test_every_candidate_gets_a_decision_that_explain_agrees_with(
    content: dict[str, Any], candidate: Candidate
) -> None:
    rule_set = parsed(content)
    decision, answers = decide(rule_set, candidate), explain(rule_set, candidate)
    first = next((answer for answer in answers if answer.matched or answer.needs), None)
    assert decision.rule == (first.rule if first else None)
    assert isinstance(decision, Undecided) == bool(first and first.needs)
    assert all(answer.sentence for answer in answers)
    if isinstance(decision, Ignore):
        assert repr(decision.rule.name) in decision.reason if decision.rule else "no rule matched" in decision.reason


@given(RULE_FILES, CANDIDATES, st.sampled_from(["", "a/b", "application/x"]))
def test_knowing_more_only_ever_decides_what_was_undecided(
    content: dict[str, Any], candidate: Candidate, known: str
) -> None:
    rule_set = parsed(content)
    before = decide(rule_set, candidate)
    fuller = replace(
        candidate,
        media_type=known if candidate.media_type is None else candidate.media_type,
        artifact_type=known if candidate.artifact_type is None else candidate.artifact_type,
    )
    after = decide(rule_set, fuller)
    assert not isinstance(after, Undecided)
    if not isinstance(before, Undecided):
        assert after == before


@given(RULE_FILES, CANDIDATES)
def test_a_rule_that_does_not_match_can_be_taken_away(content: dict[str, Any], candidate: Candidate) -> None:
    rule_set = parsed(content)
    decision = decide(rule_set, candidate)
    without = tuple(answer.rule for answer in explain(rule_set, candidate) if answer.matched or answer.needs)
    assert decide(replace(rule_set, rules=without), candidate) == decision


def test_no_rules_ignore_everything() -> None:
    assert decide(RuleSet(rules=()), PUSHED) == Ignore("no rule matched")
    assert explain(RuleSet(rules=()), PUSHED) == ()


def test_the_first_rule_that_matches_decides_even_when_it_ignores() -> None:
    rule_set = rules(
        'name = "skip"\nrepositories = ["prod/*"]\naction = "ignore"',
        'name = "lock"',
        'name = "running"\non = ["deployment"]',
    )
    assert decide(rule_set, PUSHED) == Ignore("rule 'skip' says ignore", rule_set.rules[0])
    assert decide(rule_set, replace(PUSHED, repository=Repository("dev/api"))) == Protect(rule_set.rules[1])
    assert decide(rule_set, DEPLOYED) == Protect(rule_set.rules[2])


def test_a_rule_locks_the_tag_fully_and_manifests_against_deletion_by_default() -> None:
    (rule,) = rules('name = "r"').rules
    assert (rule.profile, rule.manifest_profile) == (IMMUTABLE, UNDELETABLE)
    assert (rule.on, rule.mode, rule.referrers, rule.tag) == (frozenset({Trigger.PUSH}), None, False, False)


def test_a_push_without_a_tag_matches_no_rule_and_a_deployment_by_digest_does() -> None:
    rule_set = rules('name = "any"\non = ["push", "deployment"]')
    pushed = decide(rule_set, replace(PUSHED, tag=None))
    assert isinstance(pushed, Ignore)
    assert "subject" in pushed.reason
    assert isinstance(decide(rule_set, replace(DEPLOYED, tag=None)), Protect)


def test_a_deployment_by_digest_does_not_match_a_rule_about_tags() -> None:
    rule_set = rules('name = "r"\non = ["deployment"]\ntags = { glob = ["*"] }')
    assert isinstance(decide(rule_set, replace(DEPLOYED, tag=None)), Ignore)


@pytest.mark.parametrize("end", ["sig", "att", "sbom"])
def test_a_cosign_tag_is_ignored_unless_a_pattern_names_such_tags(end: str) -> None:
    signature = replace(PUSHED, tag=Tag(f"sha256-{DIGITS}.{end}"))
    unnamed = [
        'name = "r"',
        'name = "r"\ntags = { glob = ["*"] }',
        'name = "r"\ntags = { regex = ".*" }',
        'name = "r"\ntags = { semver = "*", prereleases = true }',
        'name = "r"\ntags = { glob = ["sha256-x", "*", "!sha256-a*"] }',
    ]
    for table in unnamed:
        decision = decide(rules(table), signature)
        assert isinstance(decision, Ignore)
        assert "cosign" in decision.reason
    for table in ('name = "r"\ntags = { glob = ["sha256-*"] }', "name = 'r'\ntags = { regex = 'sha256-.*' }"):
        assert isinstance(decide(rules(table), signature), Protect)
    for excluded in ('glob = ["sha256-*"], exclude = ["*.s*", "*.att"]', 'glob = ["sha256-*", "!*.s*", "!*.att"]'):
        assert isinstance(decide(rules(f'name = "r"\ntags = {{ {excluded} }}'), signature), Ignore)


@pytest.mark.parametrize(
    "tag", ["sha256-abc.sig", f"sha256-{DIGITS}.txt", f"sha256-{DIGITS}", f"sha256-{DIGITS.upper()}.sig"]
)
def test_a_tag_that_only_resembles_one_of_cosign_is_an_ordinary_tag(tag: str) -> None:
    assert isinstance(decide(rules('name = "r"'), replace(PUSHED, tag=Tag(tag))), Protect)


def test_a_rule_that_depends_on_an_unknown_type_says_what_it_needs() -> None:
    rule_set = rules(
        'name = "elsewhere"\nrepositories = ["dev/*"]\nmedia_types = ["**"]',
        'name = "charts"\nmedia_types = ["**"]\nartifact_types = ["application/helm"]',
        'name = "rest"',
    )
    assert decide(rule_set, PUSHED) == Undecided(frozenset(Need), rule_set.rules[1])
    typed = replace(PUSHED, media_type="a/b")
    assert decide(rule_set, typed) == Undecided(frozenset({Need.ARTIFACT_TYPE}), rule_set.rules[1])
    assert decide(rule_set, replace(typed, artifact_type="")) == Protect(rule_set.rules[2])
    assert decide(rule_set, replace(typed, artifact_type="application/helm")) == Protect(rule_set.rules[1])


def test_a_type_that_is_known_not_to_fit_needs_nothing_more() -> None:
    rule_set = rules('name = "r"\nmedia_types = ["a/b"]\nartifact_types = ["c/d"]')
    assert isinstance(decide(rule_set, replace(PUSHED, media_type="x/y")), Ignore)


def test_environments_count_for_deployments_only_and_none_is_the_empty_name() -> None:
    rule_set = rules('name = "r"\non = ["push", "deployment"]\nenvironments = ["prod*"]')
    assert isinstance(decide(rule_set, PUSHED), Protect)
    assert isinstance(decide(rule_set, DEPLOYED), Ignore)
    assert isinstance(decide(rule_set, replace(DEPLOYED, environment="production")), Protect)
    everywhere = rules('name = "r"\non = ["deployment"]\nenvironments = ["*", "!dev"]')
    assert [isinstance(decide(everywhere, replace(DEPLOYED, environment=e)), Protect) for e in (None, "x", "dev")] == [
        True,
        True,
        False,
    ]


def test_repository_rules_are_a_chain_of_their_own() -> None:
    rule_set = rules(
        'name = "repo-skip"\nscope = "repository"\nrepositories = ["prod/tmp"]\naction = "ignore"',
        'name = "repo"\nscope = "repository"\nrepositories = ["prod/**"]\nprofile = "undeletable"',
        'name = "image"',
    )
    chosen = [
        decide_repository(rule_set, registry=CONTOSO, repository=Repository(name)).rule
        for name in ("prod/api", "prod/tmp", "dev/api")
    ]
    assert [rule and rule.name for rule in chosen] == ["repo", "repo-skip", None]
    assert decide(rule_set, PUSHED) == Protect(rule_set.rules[2])
    assert [answer.rule.name for answer in explain(rule_set, PUSHED)] == ["image"]


def test_referrers_are_wanted_where_a_protecting_rule_that_wants_them_could_apply() -> None:
    rule_set = rules(
        'name = "signed"\nregistries = ["contoso.*"]\nrepositories = ["prod/**"]\nreferrers = true', 'name = "plain"'
    )
    where = [(CONTOSO, "prod/api"), (CONTOSO, "dev/api"), (LoginServer("x.azurecr.io"), "prod/api")]
    assert [rule_set.wants_referrers(registry, Repository(name)) for registry, name in where] == [True, False, False]


def test_a_rule_is_found_by_its_name() -> None:
    rule_set = rules('name = "one"', 'name = "two"\non = ["deployment"]')
    assert [rule_set.rule("two"), rule_set.rule("three")] == [rule_set.rules[1], None]


def test_each_rule_says_in_one_sentence_why_it_does_not_match() -> None:
    rule_set = rules(
        'name = "a"\non = ["deployment"]',
        'name = "b"\nregistries = ["other.azurecr.io"]',
        'name = "c"\nrepositories = ["**", "!prod/**"]',
        'name = "d"\ntags = { semver = ">=2" }',
        'name = "e"\ntags = { glob = ["1.*"], exclude = ["*.2"] }',
        "name = 'f'\ntags = { regex = '[a-z]+' }",
        'name = "g"\nmedia_types = ["a/b"]',
        'name = "h"',
    )
    assert [answer.sentence for answer in explain(rule_set, replace(PUSHED, media_type="x/y"))] == [
        "it is for deployment, and this is a push",
        "registry 'contoso.azurecr.io' matches none of 'other.azurecr.io'",
        "repository 'prod/api' is excluded by '!prod/**'",
        "tag '1.4.2' is outside '>=2'",
        "tag '1.4.2' is excluded by '*.2'",
        "tag '1.4.2' does not match the whole regular expression '[a-z]+'",
        "media type 'x/y' matches none of 'a/b'",
        "every condition is met",
    ]
