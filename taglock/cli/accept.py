"""`accept`: make the digest that a moved tag points to the release."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from taglock.cli.act_client import HELP, call, common, given, read_api
from taglock.cli.act_text import act_lines, tell

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  python -m taglock accept contoso.azurecr.io/prod/api:1.4.2 sha256:... --reason "import by the platform team"
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "accept",
        help="accept that a tag moved: what it points to becomes the release",
        description="Accept that a tag moved: what it points to becomes the release.",
        epilog=EXAMPLES + HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", metavar="IMAGE", help="REGISTRY/REPOSITORY:TAG")
    parser.add_argument("digest", metavar="DIGEST", help="what the tag points to now")
    common(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Accept and return the exit code."""
    body = given(image=arguments.image, digest=arguments.digest, reason=arguments.reason)
    return tell(asyncio.run(call(read_api(), "POST", "accept", body=body)), act_lines, as_json=arguments.json)
