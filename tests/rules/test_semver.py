import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from taglock.domain.reference import Tag
from taglock.domain.semver_tag import SemverTags, parse_semver_tag
from taglock.domain.version_range import parse_range, precedence
from taglock.errors import InvalidConfiguration

NUMBERS = st.integers(0, 12)
IDENTIFIERS = st.sampled_from(["0", "1", "2", "10", "a", "alpha", "b", "rc", "-", "x-1", "0a"])
PRERELEASES = st.none() | st.lists(IDENTIFIERS, min_size=1, max_size=3).map(".".join)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS, PRERELEASES)


@given(VERSIONS, VERSIONS)
def test_precedence_orders_as_the_semver_library_does(one: Version, other: Version) -> None:
    mine = (precedence(one) > precedence(other)) - (precedence(one) < precedence(other))
    assert mine == one.compare(other)


@given(VERSIONS, VERSIONS)
def test_comparators_agree_with_the_semver_library(one: Version, bound: Version) -> None:
    for operator in (">", ">=", "<", "<=", "==", "!="):
        try:
            contains = parse_range(f"{operator}{bound}").contains(one)
        except InvalidConfiguration:
            # Only "before the very first version" is empty.
            assert operator == "<"
            assert not list(filter(None, [bound.major, bound.minor, bound.patch]))
            continue
        assert contains == one.match(f"{operator}{bound}"), operator


@given(VERSIONS, st.tuples(NUMBERS, NUMBERS))
def test_a_partial_version_stands_for_every_version_that_begins_with_it(one: Version, start: tuple[int, int]) -> None:
    major, minor = start
    assert parse_range(f"{major}.{minor}").contains(one) == ((one.major, one.minor) == start)
    assert parse_range(f"{major}.x").contains(one) == (one.major == major)
    assert parse_range(f">{major}").contains(one) == (one.major > major)
    assert parse_range(f"<={major}.{minor}").contains(one) == ((one.major, one.minor) <= start)
    assert parse_range(f"~{major}.{minor}").contains(one) == ((one.major, one.minor) == start)


@given(VERSIONS, VERSIONS)
def test_a_caret_keeps_the_first_number_that_is_not_zero(one: Version, base: Version) -> None:
    numbers = (base.major, base.minor, base.patch)
    kept = next((index for index, number in enumerate(numbers) if number), 2) + 1
    same = (one.major, one.minor, one.patch)[:kept] == numbers[:kept]
    assert parse_range(f"^{base}").contains(one) == (same and one >= base)


@given(VERSIONS, st.integers(0, 2), st.integers(0, 2))
def test_a_caret_before_a_partial_version_keeps_what_was_written_or_the_first_that_is_not_zero(
    one: Version, major: int, minor: int
) -> None:
    assert parse_range(f"^{major}").contains(one) == (one.major == major)
    begins = (one.major, one.minor) == (0, minor) if major == 0 else one.major == major and one.minor >= minor
    assert parse_range(f"^{major}.{minor}").contains(one) == begins
    assert parse_range(f"^{major}.{minor}.x").contains(one) == begins


@given(VERSIONS, VERSIONS, VERSIONS)
def test_a_space_is_and_a_double_bar_is_or(one: Version, low: Version, high: Version) -> None:
    above, below = parse_range(f">={low}").contains(one), one < high
    assert parse_range(f">={low} || <={high}").contains(one) == (above or one <= high)
    if low < high:
        assert parse_range(f">={low} <{high}").contains(one) == (above and below)
        assert parse_range(f" >= {low} ,< {high} ").contains(one) == (above and below)
        assert parse_range(f"{low} - {high}").contains(one) == (above and one <= high)


@given(VERSIONS, st.sampled_from([None, "alpine", "bookworm-slim"]), st.sampled_from(["", "v"]))
def test_a_version_with_a_variant_is_read_back(version: Version, variant: str | None, lead: str) -> None:
    tag = f"{lead}{version}" + (f"-{variant}" if variant else "")
    found = parse_semver_tag(tag, ("bookworm-slim", "alpine"))
    assert found is not None
    assert (found.version, found.variant) == (version, variant)


@given(st.text(max_size=40))
def test_any_text_is_a_range_or_a_problem(text: str) -> None:
    try:
        parse_range(text, "$.x").contains(Version(1, 4, 2))
    except InvalidConfiguration as error:
        assert [problem.path for problem in error.problems] == ["$.x"]


@given(st.text("0123456789.-x*<>=^~!| ,v", max_size=20))
def test_any_text_of_range_characters_is_a_range_or_a_problem(text: str) -> None:
    test_any_text_is_a_range_or_a_problem.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "||",
        ">=1 ||",
        "latest",
        ">=1.2.3.4",
        ">=01.2.3",
        "~>1.2",
        "=>1",
        "> *",
        "!=*",
        "^*",
        "1.x.2",
        ">=v1",
        "1.2.3+7",
        ">2 <1",
        ">1.2.3 <1.2.3",
        "<0",
        "<0.0.0-0",
        ">=1.0.0-",
        ">= <2",
        "1.2.3 -2.0.0",
        "1.2.3-",
        ">=1." + "9" * 300,
        "\u0661.0.0",
    ],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfiguration):
        parse_range(text)


def test_a_number_of_any_length_is_compared_by_value() -> None:
    assert parse_range(f">=1.0.{'9' * 100}").contains(Version(1, 0, int("1" + "0" * 100)))


@pytest.mark.parametrize(
    ("tag", "variants", "expected"),
    [
        ("1.4.2-bookworm-slim", ("bookworm-slim", "slim"), ("1.4.2", "bookworm-slim")),
        ("1.4.2-bookworm-slim", ("slim",), ("1.4.2-bookworm", "slim")),
        ("1.4.2-rc.1-alpine", ("alpine",), ("1.4.2-rc.1", "alpine")),
        ("1.4.2-rc.-3-alpine", ("3-alpine", "alpine"), ("1.4.2-rc.-3", "alpine")),
        ("1.4.2-alpine", (), ("1.4.2-alpine", None)),
        ("1.4.2-alpine-alpine", ("alpine",), ("1.4.2-alpine", "alpine")),
        ("1.4.2-alpine3.19", ("alpine3.19", "alpine"), ("1.4.2", "alpine3.19")),
        ("1.4.2-myalpine", ("alpine",), ("1.4.2-myalpine", None)),
    ],
)
def test_the_longest_variant_that_leaves_a_version_is_taken_off(
    tag: str, variants: tuple[str, ...], expected: tuple[str, str | None]
) -> None:
    found = parse_semver_tag(tag, variants)
    assert found is not None
    assert (str(found.version), found.variant) == expected


@pytest.mark.parametrize(
    "tag",
    [
        "1.4",
        "1",
        "1.4.2.0",
        "V1.4.2",
        "vv1.4.2",
        "01.4.2",
        "1.4.2-01",
        "1.4.2-",
        "1.4.2_7",
        "1.4.2-rc..1",
        "latest",
        "1.4.2-alpine_1",
        "",
        "\u0661.4.2",
        "1.4.2\n",
    ],
)
def test_what_is_not_three_numbers_is_no_version(tag: str) -> None:
    assert parse_semver_tag(tag, ("alpine",)) is None


def test_prereleases_match_only_when_wanted() -> None:
    release, both = SemverTags(range=parse_range("*")), SemverTags(range=parse_range("*"), prereleases=True)
    assert [tags.matches(Tag("1.4.2-rc.1")) for tags in (release, both)] == [False, True]
    assert release.why_not(Tag("1.4.2-rc.1")) == "is the prerelease 'rc.1' (no such variant is declared)"
