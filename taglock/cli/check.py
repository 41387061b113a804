"""`check [FILE]`: whether a rule file can be used, with every problem when it cannot."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from taglock.cli.rule_text import rule_rows, table
from taglock.errors import InvalidConfiguration
from taglock.rule_file import read_rules

if TYPE_CHECKING:
    from argparse import _SubParsersAction

DEFAULT_FILE = Path("lock_rules.toml")
BROKEN = 1
EXAMPLES = """\
examples:
  python -m taglock check
  python -m taglock check environments/prod/lock_rules.toml

exit code: 0 when the file can be used, 1 when it cannot: one line per problem, its path first
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "check",
        help="tell whether a rule file can be used",
        description="Read a rule file as the app does: keys, patterns, rules that can never apply, examples.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT_FILE, metavar="FILE", help=f"({DEFAULT_FILE})")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the rules, or every problem, and return the exit code."""
    try:
        rules = read_rules(arguments.file)
    except InvalidConfiguration as error:
        print(*error.problems, sep="\n")
        return BROKEN
    print(table(rule_rows(rules.rules)))
    print(f"{arguments.file}: {len(rules.rules)} rules, {len(rules.examples)} examples hold")
    return 0
