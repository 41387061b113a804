"""`retire`: give releases up, so that they may be deleted."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from taglock.cli.act_client import HELP, call, common, given, read_api
from taglock.cli.act_text import act_lines, many_lines, tell

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  python -m taglock retire contoso.azurecr.io/prod/api:1.4.2 --reason "end of life"
  python -m taglock retire --rule wrong-rule --reason "it matched every tag"
  python -m taglock retire --since 2026-11-24T10:00:00Z --reason "wrong rule" --acknowledge PLAN

Many at once take two steps: without --acknowledge the plan is printed and nothing is changed.
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "retire",
        help="unlock an image for good, or all releases of a rule",
        description="Unlock an image for good, or all releases of a rule.",
        epilog=EXAMPLES + HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="REGISTRY/REPOSITORY:TAG")
    parser.add_argument("--rule", metavar="NAME", help="all releases that this rule locked")
    parser.add_argument("--since", metavar="TIME", help="all releases that were locked since, as 2026-11-24T10:00:00Z")
    parser.add_argument("--registry", metavar="NAME", help="with --rule or --since: only of this registry")
    parser.add_argument("--acknowledge", metavar="PLAN", help="carry out the plan that was printed")
    parser.add_argument("--force", action="store_true", help="although it runs, or nobody can tell")
    common(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Retire and return the exit code."""
    if arguments.rule is None and arguments.since is None:
        body = given(image=arguments.image, reason=arguments.reason, force=arguments.force)
        return tell(asyncio.run(call(read_api(), "POST", "retire", body=body)), act_lines, as_json=arguments.json)
    body = given(
        registry=arguments.registry,
        rule=arguments.rule,
        since=arguments.since,
        reason=arguments.reason,
        acknowledge=arguments.acknowledge,
        force=arguments.force,
    )
    return tell(asyncio.run(call(read_api(), "POST", "retire/many", body=body)), many_lines, as_json=arguments.json)
