"""The rule file `lock_rules.toml`: read once, all problems together, each with its path."""

from pathlib import Path

from taglock.domain.rule import RuleSet


def parse_rules(text: str, *, source: str = "lock_rules.toml") -> RuleSet:
    """Return the rules of a file's text or raise InvalidConfiguration with every problem found."""
    raise NotImplementedError(source)


def read_rules(path: Path) -> RuleSet:
    """Return the rules of a file or raise InvalidConfiguration."""
    return parse_rules(path.read_text(encoding="utf-8"), source=str(path))


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of the rule file, generated from the types that read it."""
    raise NotImplementedError
