"""The rule file `lock_rules.toml`: read once, all problems together, each with its path."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from msgspec import UnsetType

from taglock.domain.example import NO_RULE
from taglock.domain.reach import unreachable
from taglock.domain.rule import Example, Rule, RuleSet
from taglock.errors import InvalidConfiguration, InvalidInput, Problem
from taglock.rule_builder import RuleBuilder, declared_profiles
from taglock.rule_examples import broken_promises, build_example
from taglock.rule_schema import json_schema
from taglock.rule_tables import ExampleTable, FileTable, RuleTable
from taglock.table_reader import read_table

__all__ = ["MAXIMUM_BYTES", "json_schema", "parse_rules", "read_rules"]

MAXIMUM_BYTES = 128 * 1024
"""A larger rule file is refused unread."""
MAXIMUM_DOTS = 5000
"""The standard library's reader takes time that grows with the square of the dots in one key (60,000: a minute)."""


def read_rules(path: Path) -> RuleSet:
    """Return the rules of a file or raise InvalidConfiguration with every problem; the file must be UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InvalidConfiguration(Problem(str(path), f"cannot be read, expected a rule file ({error})")) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(Problem(str(path), f"{error}, expected UTF-8")) from error
    return parse_rules(text, source=str(path))


def parse_rules(text: str, *, source: str = "lock_rules.toml") -> RuleSet:
    """Return the rules of a file's text or raise InvalidConfiguration with every problem found.

    The path of a problem starts with `$`, or with `source` when the text is not TOML at all. Rules that can never
    apply and examples that do not hold are judged when nothing else is wrong.
    """
    problems: list[Problem] = []
    table = read_table(FileTable, _toml(text, source), "$", problems)
    if isinstance(table, UnsetType):
        raise InvalidConfiguration(*problems)
    rules = _rule_set(table, problems)
    if not problems:
        problems.extend(_unreachable_rules(rules.rules))
        problems.extend(broken_promises(rules))
    if problems:
        raise InvalidConfiguration(*problems)
    return rules


def _toml(text: str, source: str) -> dict[str, object]:
    if len(text) > MAXIMUM_BYTES or len(text.encode("utf-8", "replace")) > MAXIMUM_BYTES:
        raise InvalidConfiguration(Problem(source, f"too large, expected at most {MAXIMUM_BYTES} bytes"))
    if text.count(".") > MAXIMUM_DOTS:
        raise InvalidConfiguration(Problem(source, f"{text.count('.')} dots, expected at most {MAXIMUM_DOTS}"))
    try:
        text.encode("utf-8")
        return tomllib.loads(text)
    except RecursionError as error:
        raise InvalidConfiguration(Problem(source, "nested too deeply, expected a few levels")) from error
    except ValueError as error:  # TOMLDecodeError, a number of thousands of digits, text that is not Unicode
        raise InvalidConfiguration(_syntax_problem(str(error), source)) from error


def _syntax_problem(said: str, source: str) -> Problem:
    place = re.search(r" \(at (?:line ([0-9]+), column ([0-9]+)|(end of document))\)$", said)
    if place is None:
        return Problem(source, f"{said}, expected TOML")
    where = f"{source}:{place[1]}:{place[2]}" if place[1] else source
    return Problem(where, f"{said}, expected TOML")


def _rule_set(table: FileTable, problems: list[Problem]) -> RuleSet:
    unusable = frozenset(re.sub(r"\[[0-9]+\]$", "", problem.path) for problem in problems)
    profiles = declared_profiles(_or_empty(table.profile, {}), problems)
    rule_tables = _or_empty(table.rule, ())
    builder = RuleBuilder(profiles, problems, unusable)
    rules = [
        builder.rule(rule, f"$.rule[{index}]") for index, rule in enumerate(rule_tables) if isinstance(rule, RuleTable)
    ]
    problems.extend(_repeated_names(rules))
    examples = _examples(_or_empty(table.example, ()), problems)
    return RuleSet(rules=tuple(rules), profiles=MappingProxyType(profiles), examples=examples)


def _examples(tables: Sequence[ExampleTable], problems: list[Problem]) -> tuple[Example, ...]:
    examples = []
    for index, table in enumerate(tables):
        try:
            if isinstance(table, ExampleTable):
                examples.append(build_example(table, f"$.example[{index}]"))
        except InvalidInput as error:
            problems.extend(error.problems)
    return tuple(examples)


def _repeated_names(rules: Sequence[Rule]) -> list[Problem]:
    first: dict[str, int] = {}
    problems = []
    for index, rule in enumerate(rules):
        path = f"$.rule[{index}].name"
        if rule.name == NO_RULE:
            problems.append(Problem(path, f"{rule.name!r} means that no rule matched, expected another name"))
        elif rule.name in first:
            problems.append(Problem(path, f"{rule.name!r} is the name of $.rule[{first[rule.name]}] already"))
        first.setdefault(rule.name, index)
    return problems


def _unreachable_rules(rules: Sequence[Rule]) -> list[Problem]:
    return [
        Problem(
            f"$.rule[{index}]",
            f"{rules[index].name!r} can never apply: {earlier.name!r} before it takes everything that it would match, "
            "expected the narrower rule first",
        )
        for index, earlier in unreachable(rules)
    ]


def _or_empty[T](value: T | UnsetType, empty: T) -> T:
    return empty if isinstance(value, UnsetType) else value
