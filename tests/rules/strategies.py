"""Hypothesis strategies for candidates and rule files."""

from typing import Any

from hypothesis import strategies as st

from taglock.domain.reference import LoginServer, Repository, Tag
from taglock.domain.rule import Candidate, Trigger

DIGITS = "0123456789abcdef" * 4
WORDS = st.sampled_from(["prod", "dev", "api", "a", "b-c", "x_y", "1.4.2"])
TAGS = st.one_of(
    st.sampled_from(["latest", "1.4.2", "v1.4.2", "1.4.2-alpine", "1.4.2-rc.1", f"sha256-{DIGITS}.sig", "20"]),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,12}", fullmatch=True),
)
TYPES = st.none() | st.sampled_from(["", "application/vnd.oci.image.index.v1+json", "a/b"]) | st.text(max_size=8)

CANDIDATES = st.builds(
    Candidate,
    registry=st.sampled_from(["contoso.azurecr.io", "127.0.0.1:5000"]).map(LoginServer),
    repository=st.lists(WORDS, min_size=1, max_size=4).map("/".join).map(Repository),
    tag=st.none() | TAGS.map(Tag),
    trigger=st.sampled_from(Trigger),
    media_type=TYPES,
    artifact_type=TYPES,
    environment=st.none() | st.text(max_size=8),
)

GLOBS = st.lists(st.text("abp/*?.-", min_size=1, max_size=6), min_size=1, max_size=3).flatmap(
    lambda wanted: st.lists(st.text("ab/*?", min_size=1, max_size=4).map("!{}".format), max_size=2).map(
        lambda excluded: [*wanted, *excluded]
    )
)
TAG_GLOBS = st.lists(
    st.sampled_from(["*", "latest", "1.*", "v?.*", "sha256-*", "!*-rc*"]), min_size=1, max_size=3
).filter(lambda globs: any(not glob.startswith("!") for glob in globs))
TAG_TABLES = st.one_of(
    st.fixed_dictionaries(
        {"semver": st.sampled_from(["*", ">=1", "^1.4 || ~2.1", "!=1.4.2", "<2.0.0-0"])},
        optional={"prereleases": st.booleans(), "variants": st.just(["alpine", "slim"]), "exclude": TAG_GLOBS},
    ),
    st.fixed_dictionaries({"glob": TAG_GLOBS}, optional={"exclude": TAG_GLOBS}),
    st.fixed_dictionaries({"regex": st.sampled_from([".*", "v?[0-9.]+", "sha256-.*", "(a|b)+"])}),
)
IMAGE_RULES = st.fixed_dictionaries(
    {},
    optional={
        "on": st.sampled_from([["push"], ["deployment"], ["push", "deployment"]]),
        "repositories": GLOBS,
        "registries": st.sampled_from([["*"], ["contoso.*"], ["*", "!127*"]]),
        "tags": TAG_TABLES,
        "media_types": GLOBS,
        "artifact_types": GLOBS,
        "action": st.sampled_from(["protect", "ignore"]),
    },
)


def named(rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the content of a rule file with these rules, each under a name of its own."""
    return {"version": 1, "rule": [{"name": f"rule-{index}", **rule} for index, rule in enumerate(rules)]}


RULE_FILES = st.lists(IMAGE_RULES, min_size=1, max_size=4).map(named)


def toml(value: object) -> str:
    """Write a JSON-like value as a TOML file of inline tables."""
    assert isinstance(value, dict)
    return "".join(f"{_text(key)} = {_inline(entry)}\n" for key, entry in value.items())


def _inline(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{_text(str(key))} = {_inline(entry)}" for key, entry in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_inline, value)) + "]"
        case str():
            return _text(value)
    return repr(value)


def _text(text: str) -> str:
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'
