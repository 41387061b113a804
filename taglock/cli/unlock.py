"""`unlock`: unlock an image for a time, or lock again now."""

import argparse
import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from taglock.cli.act_client import HELP, about_a_place, call, common, given, read_api
from taglock.cli.act_text import act_lines, tell

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  python -m taglock unlock contoso.azurecr.io/prod/api:1.4.2 --reason "rebuild with the right base" --for 15m
  python -m taglock unlock --end ID --reason "done"
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "unlock",
        help="unlock an image or a repository for a time; it locks again by itself",
        description="Unlock an image or a repository for a time; it locks again by itself.",
        epilog=EXAMPLES + HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    about_a_place(parser)
    parser.add_argument("--for", dest="expires_in", metavar="DURATION", help="as 30m (the default), 2h, 90s or PT1H30M")
    parser.add_argument("--force", action="store_true", help="although it runs, or nobody can tell")
    parser.add_argument("--end", metavar="ID", help="end this unlock now")
    common(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Unlock, or end an unlock; return the exit code."""
    path = f"unlock/{quote(arguments.end, safe='')}/end" if arguments.end else "unlock"
    body = given(
        image=arguments.image,
        repository=arguments.repository,
        reason=arguments.reason,
        expires_in=arguments.expires_in,
        force=arguments.force,
    )
    return tell(asyncio.run(call(read_api(), "POST", path, body=body)), act_lines, as_json=arguments.json)
