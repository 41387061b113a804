"""`schema`: the JSON Schema of the rule file."""

import argparse
import json
from typing import TYPE_CHECKING

from taglock.rule_file import json_schema

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
example:
  python -m taglock schema > docs/lock_rules.schema.json

An editor that knows TOML schemas uses it through a first line in the rule file:
  #:schema docs/lock_rules.schema.json
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "schema",
        help="print the JSON Schema of the rule file",
        description="Print the JSON Schema of the rule file, for editors.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(json_schema(), indent=2))
    return 0
