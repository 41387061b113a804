"""`lift`: restore what was there before a quarantine."""

import argparse
import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from taglock.cli.act_client import HELP, call, common, given, read_api
from taglock.cli.act_text import act_lines, tell

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  python -m taglock lift ID --reason "fixed in 1.4.3, this one is a false alarm"
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "lift",
        help="lift a quarantine: restore exactly what was there before",
        description="Lift a quarantine: restore exactly what was there before.",
        epilog=EXAMPLES + HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", metavar="ID", help="of the quarantine")
    parser.add_argument("--force", action="store_true", help="although somebody else changed a target meanwhile")
    common(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Lift and return the exit code."""
    path = f"quarantine/{quote(arguments.id, safe='')}/lift"
    body = given(reason=arguments.reason, force=arguments.force)
    return tell(asyncio.run(call(read_api(), "POST", path, body=body)), act_lines, as_json=arguments.json)
