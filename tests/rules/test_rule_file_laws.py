import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.rule import RuleSet
from taglock.errors import InvalidConfiguration
from taglock.rule_file import parse_rules
from tests.rules.strategies import RULE_FILES, toml

FULL: dict[str, Any] = {
    "version": 1,
    "profile": {"own": {"off": ["delete", "list"]}},
    "rule": [
        {
            "name": "releases",
            "on": ["push", "deployment"],
            "registries": ["*"],
            "repositories": ["prod/**", "!prod/x"],
            "tags": {"semver": ">=1", "prereleases": True, "variants": ["a"], "exclude": ["b*"]},
            "media_types": ["a/b"],
            "artifact_types": ["**"],
            "environments": ["prod"],
            "profile": "own",
            "manifest_profile": "immutable",
            "referrers": True,
            "tag": True,
            "mode": "report",
        },
        {"name": "ignored", "tags": {"regex": "a+"}, "action": "ignore"},
        {"name": "repo", "scope": "repository", "profile": "undeletable"},
    ],
    "example": [
        {
            "image": "a:1.4.2",
            "on": "deployment",
            "environment": "x",
            "media_type": "",
            "artifact_type": "",
            "expect": "none",
        },
        {"repository": "a", "expect": "repo"},
    ],
}
SCALARS = st.one_of(
    st.booleans(), st.integers(), st.text(max_size=6), st.sampled_from(["push", "*", "!", "own", "^1", "(", "a:1"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: object) -> list[tuple[object, ...]]:
    """Every place in a nested value, as the keys that lead to it."""
    keys: list[object] = []
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    return [place for key in keys for place in [(key,), *((key, *rest) for rest in places(value[key]))]]  # type: ignore[index]


def replaced(place: tuple[object, ...], new: object, content: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(content)
    inner: Any = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return changed


def outcome(text: str) -> RuleSet | InvalidConfiguration:
    """Whatever is raised but InvalidConfiguration fails the test."""
    try:
        return parse_rules(text)
    except InvalidConfiguration as error:
        assert error.problems
        assert all(problem.path and problem.message for problem in error.problems)
        return error


def test_the_file_that_is_mutated_here_is_right() -> None:
    assert isinstance(outcome(toml(FULL)), RuleSet)


@given(st.sampled_from(places(FULL)), VALUES)
def test_any_value_in_any_place_is_accepted_or_a_problem(place: tuple[object, ...], value: object) -> None:
    outcome(toml(replaced(place, value, FULL)))


@given(st.lists(st.tuples(st.sampled_from(places(FULL)), VALUES), min_size=2, max_size=4))
def test_any_values_in_several_places_are_accepted_or_problems(
    changes: list[tuple[tuple[object, ...], object]],
) -> None:
    content = FULL
    for place, value in changes:
        try:
            content = replaced(place, value, content)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
    outcome(toml(content))


@given(
    st.sampled_from([place for place in places(FULL) if isinstance(place[-1], str)]), st.text(min_size=1, max_size=8)
)
def test_an_unknown_key_anywhere_is_refused(place: tuple[object, ...], key: str) -> None:
    inner: Any = FULL
    for step in place[:-1]:
        inner = inner[step]
    if key in ("name", "on", "tag", "off", *inner) or place[:-1] == ("profile",):
        return
    result = outcome(toml(replaced((*place[:-1], f"{key}-unknown"), 1, FULL)))
    assert isinstance(result, InvalidConfiguration)
    assert any("unknown key" in problem.message for problem in result.problems)


@given(st.text(max_size=200))
def test_any_text_is_accepted_or_a_problem(text: str) -> None:
    outcome(text)


@given(st.integers(0, 400), st.text(max_size=3))
def test_any_damage_to_a_file_is_accepted_or_a_problem(position: int, damage: str) -> None:
    text = toml(FULL)
    outcome(text[:position] + damage + text[position + 1 :])


@given(RULE_FILES)
def test_the_same_text_gives_equal_rules(content: dict[str, Any]) -> None:
    first, second = outcome(toml(content)), outcome(toml(content))
    if isinstance(first, RuleSet):
        assert first == second
    else:
        assert str(first) == str(second)
