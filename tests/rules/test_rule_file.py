from pathlib import Path

import pytest

from taglock.domain.attributes import Attribute, LockProfile
from taglock.domain.rule import Mode
from taglock.errors import InvalidConfiguration, Problem
from taglock.rule_file import MAXIMUM_BYTES, parse_rules, read_rules

RULE = 'version = 1\n[[rule]]\nname = "r"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_rules(text)
    return [str(problem) for problem in caught.value.problems]


def paths(text: str) -> list[str]:
    return [line.split(": ")[0] for line in problems(text)]


def test_a_file_with_ten_mistakes_reports_ten_problems() -> None:
    text = """
vrsion = 1
[profile.own]
off = ["read"]
[[rule]]
name = "first"
on = ["deploy"]
registries = ["Contoso.azurecr.io"]
tags = { semver = ">=1..0" }
mode = "enforce"
[[rule]]
name = "first"
tags = { regex = "a(b" }
action = "ignore"
profile = "immutable"
[[example]]
image = "prod/api"
expect = "first"
"""
    assert sorted(paths(text)) == [
        "$.example[0].image",
        "$.profile.own.off[0]",
        "$.rule[0].mode",
        "$.rule[0].on[0]",
        "$.rule[0].registries[0]",
        "$.rule[0].tags.semver",
        "$.rule[1].name",
        "$.rule[1].profile",
        "$.rule[1].tags.regex",
        "$.version",
        "$.vrsion",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["$.version", "$.rule"]),
        ("version = 1", ["$.rule"]),
        ("version = 1\nrule = []", ["$.rule"]),
        ("version = 1\nrule = [1]", ["$.rule[0]"]),
        ('version = 1\nrule = "x"', ["$.rule"]),
        ("version = 1\n" + "[[rule]]\n" * 501, ["$.rule"]),
        (RULE + '[[example]]\nimage = "a:1"\nexpect = "r"\n' * 501, ["$.example"]),
        ("version = 1\n[[rule]]", ["$.rule[0].name"]),
        ('version = 2\n[[rule]]\nname = "r"', ["$.version"]),
        ('version = true\n[[rule]]\nname = "r"', ["$.version"]),
        ('version = "1"\n[[rule]]\nname = "r"', ["$.version"]),
        ('version = 1\n[[rule]]\nname = "none"', ["$.rule[0].name"]),
        ('version = 1\n[[rule]]\nname = ""', ["$.rule[0].name"]),
        ('version = 1\n[[rule]]\nname = "a\\n"', ["$.rule[0].name"]),
        ('version = 1\n[[rule]]\nname = "a b"', ["$.rule[0].name"]),
        (RULE + "on = []", ["$.rule[0].on"]),
        (RULE + 'on = "push"', ["$.rule[0].on"]),
        (RULE + "repositories = []", ["$.rule[0].repositories"]),
        (RULE + 'repositories = ["!a"]', ["$.rule[0].repositories"]),
        (RULE + 'repositories = ["a", 1, "b", true]', ["$.rule[0].repositories[1]", "$.rule[0].repositories[3]"]),
        (RULE + 'tags = "latest"', ["$.rule[0].tags"]),
        (RULE + "tags = {}", ["$.rule[0].tags"]),
        (RULE + 'tags = { exclude = ["a"] }', ["$.rule[0].tags"]),
        (RULE + 'tags = { semver = "*", glob = ["a"] }', ["$.rule[0].tags"]),
        (RULE + "tags = { semver = 1.2 }", ["$.rule[0].tags.semver"]),
        (RULE + 'tags = { glob = ["a"], prereleases = true }', ["$.rule[0].tags.prereleases"]),
        (RULE + 'tags = { glob = ["a"], exclude = ["!b"] }', ["$.rule[0].tags.exclude"]),
        (
            RULE + 'tags = { semver = "*", variants = ["-a", "b", "", "b/c"] }',
            [f"$.rule[0].tags.variants[{index}]" for index in (0, 2, 3)],
        ),
        (RULE + 'environments = ["prod"]', ["$.rule[0].environments"]),
        (RULE + "tag = true", ["$.rule[0].tag"]),
        (RULE + 'on = ["deploy"]\nenvironments = ["prod"]', ["$.rule[0].on[0]"]),
        (RULE + 'action = "ignore"\nreferrers = true\nmode = "report"', ["$.rule[0].referrers", "$.rule[0].mode"]),
        (RULE + 'profile = "quarantined"', ["$.rule[0].profile"]),
        (RULE + 'manifest_profile = "unknown"', ["$.rule[0].manifest_profile"]),
        (RULE + 'scope = "repository"', ["$.rule[0].profile"]),
        (
            RULE + 'scope = "repository"\nprofile = "hidden"\ntags = { glob = ["a"] }\non = ["push"]',
            ["$.rule[0].on", "$.rule[0].tags"],
        ),
        (RULE + "[profile.immutable]\noff = ['delete']", ["$.profile.immutable"]),
        (RULE + "[profile.quarantined]\noff = ['delete']", ["$.profile.quarantined"]),
        (RULE + "[profile.own]\noff = []", ["$.profile.own.off"]),
        (RULE + "[profile.own]\noff = ['delete', 'read']", ["$.profile.own.off[1]"]),
        (RULE + "[profile.own]", ["$.profile.own.off"]),
        (RULE + "[profile.'my own']\noff = ['delete']", ["$.profile['my own']"]),
        (RULE + "[[profile]]\nname = 'own'", ["$.profile"]),
        (RULE + 'name2 = "x"', ["$.rule[0].name2"]),
        (RULE + '"a.b" = "x"', ["$.rule[0]['a.b']"]),
        (RULE + '[[example]]\nimage = "a:1"', ["$.example[0].expect"]),
        (RULE + '[[example]]\nexpect = "r"', ["$.example[0]"]),
        (RULE + '[[example]]\nimage = "a:1"\nrepository = "a"\nexpect = "r"', ["$.example[0]"]),
        (RULE + '[[example]]\nimage = "A:1"\nexpect = "r"', ["$.example[0].image"]),
        (RULE + '[[example]]\nimage = "a:1"\nexpect = "r"\nenvironment = "x"', ["$.example[0].environment"]),
        (RULE + '[[example]]\nrepository = "a"\nexpect = "r"\nmedia_type = ""', ["$.example[0].media_type"]),
        (RULE + '[[example]]\nrepository = "a:1"\nexpect = "r"', ["$.example[0].repository"]),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_once_at_its_path(text: str, expected: list[str]) -> None:
    assert paths(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("version = 1\n[[rules]]\nname = 'r'", "$.rules: unknown key 'rules', did you mean 'rule'?"),
        (RULE + "repository = ['a']", "$.rule[0].repository: unknown key 'repository', did you mean 'repositories'?"),
        (RULE + "tags = { semvar = '*' }", "$.rule[0].tags.semvar: unknown key 'semvar', did you mean 'semver'?"),
        (RULE + "[profile.a]\nof = []", "$.profile.a.of: unknown key 'of', did you mean 'off'?"),
        (RULE + "zzz = 1", "$.rule[0].zzz: unknown key 'zzz', expected one of 'name', 'on', 'registries', "),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_key(text: str, hint: str) -> None:
    assert any(problem.startswith(hint) for problem in problems(text))


def test_a_syntax_error_names_source_line_and_column() -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_rules("version = 1\n\nrule = = 2\n", source="rules/prod.toml")
    (problem,) = caught.value.problems
    assert problem.path == "rules/prod.toml:3:8"


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 50_000,
        "x = " + "{a = " * 20_000,
        "a." * 60_000 + "a = 1",
        "[" + "a." * 4_900 + "a]",
        "x = " + "1" * 5_000,
        "x = 1\nx = 2",
        "version = 1\ud800",
        "\0",
        "version = 1 # \x01",
        "#" * (MAXIMUM_BYTES + 1),
        "#" + "é" * (MAXIMUM_BYTES - 1),
    ],
    ids=range(11),
)
def test_a_hostile_text_is_a_problem_and_neither_a_hang_nor_another_error(text: str) -> None:
    assert problems(text)


def test_a_number_too_long_to_be_printed_is_a_problem() -> None:
    assert problems(RULE + "referrers = 0x" + "f" * 9_000) == [
        "$.rule[0].referrers: a int too large to show, expected true or false"
    ]


def test_a_declared_profile_can_be_used_by_its_name() -> None:
    rules = parse_rules(RULE + 'profile = "sealed"\nmode = "report"\n[profile.sealed]\noff = ["delete", "list"]')
    assert rules.rules[0].profile == LockProfile("sealed", frozenset({Attribute.DELETE, Attribute.LIST}))
    assert rules.rules[0].mode is Mode.REPORT
    assert set(rules.profiles) == {"immutable", "undeletable", "hidden", "sealed"}


def test_an_example_that_does_not_hold_is_a_problem_that_names_what_decides() -> None:
    text = RULE + '[[example]]\nimage = "prod/api:1.4.2"\nexpect = "none"'
    assert problems(text) == ["$.example[0]: push of prod/api:1.4.2 is decided by 'r', expected 'none'"]


def test_an_example_that_expects_an_unknown_rule_is_a_problem_with_the_nearest_name() -> None:
    text = 'version = 1\n[[rule]]\nname = "releases"\n[[example]]\nimage = "a:1"\nexpect = "release"'
    assert problems(text) == ["$.example[0].expect: 'release' is no rule, did you mean 'releases'?"]


def test_an_example_without_a_registry_must_hold_in_every_registry() -> None:
    rules = RULE + 'registries = ["contoso.*"]\n[[example]]\nexpect = "r"\nimage = '
    assert "depends on the registry" in problems(rules + '"api:1"')[0]
    assert parse_rules(rules + '"contoso.azurecr.io/api:1"').examples[0].registry == "contoso.azurecr.io"
    ahead = 'version = 1\n[[rule]]\nname = "all"\nrepositories = ["a*"]\n' + rules.removeprefix("version = 1\n")
    assert parse_rules(ahead.replace('expect = "r"', 'expect = "all"') + '"api:1"').examples[0].registry is None


def test_an_example_of_a_rule_about_types_must_name_the_type() -> None:
    text = RULE + 'artifact_types = ["a/b"]\n[[example]]\nimage = "api:1"\nexpect = "none"\n'
    assert "depends on the artifact_type" in problems(text)[0]
    assert parse_rules(text + 'artifact_type = ""')


def test_examples_cover_deployments_environments_digests_ports_and_repositories() -> None:
    digest = "sha256:" + "a" * 64
    parse_rules(f"""
version = 1
[[rule]]
name = "running"
on = ["deployment"]
environments = ["prod"]
[[rule]]
name = "repository"
scope = "repository"
profile = "undeletable"
[[example]]
image = "localhost:5000/api@{digest}"
on = "deployment"
environment = "prod"
expect = "running"
[[example]]
image = "prod/api:1"
on = "deployment"
expect = "none"
[[example]]
repository = "localhost:5000/prod/api"
expect = "repository"
""")


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(b"\xef\xbb\xbf" + RULE.encode())
    assert read_rules(file).rules[0].name == "r"


def test_a_file_that_cannot_be_read_is_a_problem_that_names_it(tmp_path: Path) -> None:
    latin, large = tmp_path / "latin.toml", tmp_path / "large.toml"
    latin.write_bytes(b"# \xe9")
    large.write_bytes(b"#" * (MAXIMUM_BYTES + 1))
    for path in (tmp_path / "absent.toml", tmp_path, latin, large, Path("a\0b")):
        with pytest.raises(InvalidConfiguration) as caught:
            read_rules(path)
        assert [problem.path for problem in caught.value.problems] == [str(path)]


def test_a_problem_is_one_line_whatever_the_file_holds() -> None:
    found = problems(RULE + 'profile = """a\nb\u2028c\u001b"""'.replace("\u001b", "\\u001b"))
    assert all(line.isprintable() for line in found), found
    assert isinstance(Problem("$", found[0]), Problem)
