"""`hold`: lock an image by hand, whatever the rules say, or end that."""

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
  python -m taglock hold contoso.azurecr.io/prod/api:nightly --reason "evidence" --profile immutable
  python -m taglock hold --end ID --reason "case closed"
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "hold",
        help="lock an image or a repository until the hold is ended",
        description="Lock an image or a repository until the hold is ended.",
        epilog=EXAMPLES + HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    about_a_place(parser)
    parser.add_argument("--profile", metavar="NAME", help="immutable (the default), undeletable or hidden")
    parser.add_argument("--manifest-profile", metavar="NAME", help="for the manifests of a tag (undeletable)")
    parser.add_argument("--force", action="store_true", help="with --end: although a target was changed meanwhile")
    parser.add_argument("--end", metavar="ID", help="end this hold")
    common(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Hold, or end a hold; return the exit code."""
    path = f"hold/{quote(arguments.end, safe='')}/end" if arguments.end else "hold"
    body = given(
        image=arguments.image,
        repository=arguments.repository,
        reason=arguments.reason,
        profile=arguments.profile,
        manifest_profile=arguments.manifest_profile,
        force=arguments.force,
    )
    return tell(asyncio.run(call(read_api(), "POST", path, body=body)), act_lines, as_json=arguments.json)
