from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.matcher import (
    MAXIMUM_ENTRIES,
    MAXIMUM_PATTERN,
    REGISTRY_NAMES,
    REPOSITORY_NAMES,
    TAG_NAMES,
    glob_list,
    whole_regex,
)
from taglock.errors import InvalidConfiguration


def reference_match(glob: str, text: str) -> bool:
    """A glob matcher by trying everything, written from docs/rules.md and from nothing else."""

    @lru_cache(None)
    def at(g: int, t: int) -> bool:
        if g == len(glob):
            return t == len(text)
        if glob.startswith("**", g):
            end = g
            while end < len(glob) and glob[end] == "*":
                end += 1
            at_segment_start = g == 0 or glob[g - 1] == "/"
            if at_segment_start and end < len(glob) and glob[end] == "/":
                whole_segments = [t] + [i + 1 for i in range(t, len(text)) if text[i] == "/"]
                return any(at(end + 1, start) for start in whole_segments)
            return any(at(end, rest) for rest in range(t, len(text) + 1))
        if glob[g] == "*":
            return at(g + 1, t) or (t < len(text) and text[t] != "/" and at(g, t + 1))
        if t == len(text):
            return False
        if glob[g] == "?":
            return text[t] != "/" and at(g + 1, t + 1)
        return glob[g] == text[t] and at(g + 1, t + 1)

    return at(0, 0)


@given(st.text("ab/*?.", min_size=1, max_size=8), st.text("ab/.", max_size=8))
def test_a_glob_matches_what_the_reference_matcher_matches(glob: str, text: str) -> None:
    assert glob_list([glob]).matches(text) == reference_match(glob, text)


@given(st.lists(st.text("ab/*?!", min_size=1, max_size=5), min_size=1, max_size=5), st.text("ab/", max_size=6))
def test_a_list_matches_when_a_positive_entry_and_no_exclusion_does(entries: list[str], text: str) -> None:
    wanted = [entry for entry in entries if not entry.startswith("!")]
    excluded = [entry[1:] for entry in entries if entry.startswith("!")]
    if not wanted or not all(excluded) or any("!" in glob for glob in [*wanted, *excluded]):
        with pytest.raises(InvalidConfiguration):
            glob_list(entries)
        return
    expected = any(reference_match(g, text) for g in wanted) and not any(reference_match(g, text) for g in excluded)
    assert glob_list(entries).matches(text) == expected


@given(st.lists(st.text("ab/*?", min_size=1, max_size=5), min_size=1, max_size=4), st.text("ab/", max_size=6))
def test_a_reason_is_given_exactly_for_what_does_not_match(entries: list[str], text: str) -> None:
    globs = glob_list([*entries, "!b*"])
    if not globs.matches(text):
        assert ("is excluded by '!b*'" in globs.why_not(text)) == any(reference_match(g, text) for g in entries)


@pytest.mark.parametrize("character", [*".+()|^$#&~\n\0é日"])
def test_every_other_character_stands_for_itself(character: str) -> None:
    globs = glob_list([f"a{character}?"])
    assert globs.matches(f"a{character}x")
    assert not globs.matches(f"a{character}")
    assert not globs.matches("aax")


@pytest.mark.parametrize("character", list("[]{}\\!"))
def test_characters_of_other_glob_dialects_are_refused(character: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        glob_list(["fine", f"a{character}"], "$.x")
    assert [problem.path for problem in caught.value.problems] == ["$.x[1]"]


def test_stars_stand_for_any_character_even_a_line_break() -> None:
    assert glob_list(["a**"]).matches("a\nb")
    assert glob_list(["a*"]).matches("a\nb")


def test_letters_are_told_apart_by_case() -> None:
    assert not glob_list(["Latest*"]).matches("latest")


@pytest.mark.parametrize(
    ("alphabet", "glob"),
    [(REGISTRY_NAMES, "Contoso*"), (REPOSITORY_NAMES, "prod/Api"), (TAG_NAMES, "a/b"), (TAG_NAMES, "a b")],
)
def test_a_glob_that_could_never_match_is_refused(alphabet: object, glob: str) -> None:
    with pytest.raises(InvalidConfiguration, match="could never match"):
        glob_list([glob], alphabet=alphabet)  # type: ignore[arg-type]


def test_one_star_is_everything_only_where_names_have_no_slash() -> None:
    assert glob_list(["*"], alphabet=TAG_NAMES).is_everything
    assert not glob_list(["*"], alphabet=REPOSITORY_NAMES).is_everything
    assert glob_list(["a", "**"], alphabet=REPOSITORY_NAMES).is_everything
    assert not glob_list(["**", "!a"], alphabet=REPOSITORY_NAMES).is_everything


def test_too_long_globs_and_too_many_entries_are_each_reported() -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        glob_list(["a" * (MAXIMUM_PATTERN + 1)] + ["b"] * MAXIMUM_ENTRIES, "$.x")
    assert [problem.path for problem in caught.value.problems] == ["$.x[0]", "$.x"]


def test_the_largest_allowed_list_compiles() -> None:
    globs = glob_list([f"{'a' * 80}*{index}" for index in range(MAXIMUM_ENTRIES)])
    assert globs.matches("a" * 80 + "x199")
    assert not globs.matches("a" * 80 + "200x")


def test_a_list_too_large_for_the_memory_bound_is_a_problem_and_not_a_silent_miss() -> None:
    with pytest.raises(InvalidConfiguration, match="smaller or fewer globs"):
        glob_list([f"{index:03}" + "?*" * 498 for index in range(MAXIMUM_ENTRIES)], "$.x")


@pytest.mark.parametrize(
    "pattern", ["*a" * 60 + "b", "**a" * 60 + "b", "a*" * 100 + "b", "**/" * 60 + "b", "?*" * 100 + "b"]
)
def test_a_glob_built_to_explode_answers_without_backtracking(pattern: str) -> None:
    globs = glob_list([pattern])
    assert not globs.matches("a" * 255)  # by backtracking: longer than the age of the universe


@pytest.mark.timeout(30)
@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)+b", "(.*a){25}b", "(a?){60}a{60}b", "([a-z]+)*=", "(x+x+)+y"])
def test_a_regular_expression_built_to_explode_answers_without_backtracking(pattern: str) -> None:
    regex = whole_regex(pattern)
    assert not regex.matches("a" * 128)


@pytest.mark.parametrize(
    "pattern", ["a(b", r"(a)\1", "(?=a)", "a{1001}", "((a{100}){100}){100}", "", "a" * 1001, "[z-a]", r"\p{L}{900}"]
)
def test_an_expression_that_re2_refuses_is_a_problem_at_its_path(pattern: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        whole_regex(pattern, "$.rule[0].tags.regex")
    assert [problem.path for problem in caught.value.problems] == ["$.rule[0].tags.regex"]


def test_an_expression_matches_the_whole_text_or_not_at_all() -> None:
    regex = whole_regex("a|ab")
    assert [regex.matches(text) for text in ("a", "ab", "abc", "xa", "a\n", "")] == [True, True] + [False] * 4


@given(st.text())
def test_matching_never_raises_for_any_text(text: str) -> None:
    assert glob_list(["**"]).matches(text)
    glob_list(["a*", "!?b"]).matches(text)
    whole_regex("a.*").matches(text)


def test_a_text_that_is_not_unicode_is_matched_without_an_error() -> None:
    assert glob_list(["a*"]).matches("a\ud800")
