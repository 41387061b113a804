"""`quarantine`: make an image impossible to pull, or show what is quarantined."""

import argparse
import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from taglock.cli.act_client import HELP, about_a_place, call, common, given, read_api
from taglock.cli.act_text import act_lines, acts_lines, tell

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  python -m taglock quarantine contoso.azurecr.io/prod/api:1.4.2 --reason "CVE-2026-1234" --preview
  python -m taglock quarantine contoso.azurecr.io/prod/api:1.4.2 --reason "CVE-2026-1234" --acknowledge sha256:...
  python -m taglock quarantine --list --phase open
  python -m taglock quarantine --show ID
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "quarantine",
        help="make an image, its whole closure and every tag on it impossible to pull",
        description="Make an image, its whole closure and every tag on it impossible to pull.",
        epilog=EXAMPLES + HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    about_a_place(parser)
    parser.add_argument("--ticket", metavar="TEXT", help="a reference to your tracker")
    parser.add_argument("--review-by", metavar="TIME", help="raise a finding then, as 2026-12-01T12:00:00Z")
    parser.add_argument("--preview", action="store_true", help="only tell what would be done, and who runs it")
    parser.add_argument("--acknowledge", metavar="DIGEST", help="go on although this digest runs, or nobody can tell")
    parser.add_argument("--everywhere", action="store_true", help="also where else the ledger knows the same digest")
    parser.add_argument("--show", metavar="ID", help="show one quarantine")
    parser.add_argument("--list", action="store_true", help="list quarantines, newest first")
    parser.add_argument("--phase", metavar="PHASE", help="with --list: beginning, open, ending or ended")
    parser.add_argument("--after", metavar="PLACE", help="with --list: go on behind this one")
    common(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Quarantine, show or list; return the exit code."""
    api = read_api()
    if arguments.show:
        found = asyncio.run(call(api, "GET", f"quarantine/{quote(arguments.show, safe='')}"))
        return tell(found, act_lines, as_json=arguments.json)
    if arguments.list:
        query = urlencode(given(phase=arguments.phase, after=arguments.after))
        found = asyncio.run(call(api, "GET", f"quarantine?{query}" if query else "quarantine"))
        return tell(found, acts_lines, as_json=arguments.json)
    body = given(
        image=arguments.image,
        repository=arguments.repository,
        reason=arguments.reason,
        ticket=arguments.ticket,
        review_by=arguments.review_by,
        preview=arguments.preview,
        acknowledge=arguments.acknowledge,
        everywhere=arguments.everywhere,
    )
    return tell(asyncio.run(call(api, "POST", "quarantine", body=body)), act_lines, as_json=arguments.json)
