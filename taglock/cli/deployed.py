"""`deployed`: which workloads run which digests, as far as the ledger knows."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from taglock.cli.rule_text import table
from taglock.domain.deployment import Coverage, Running, Workload
from taglock.enforcement.deployments import coverage, workloads
from taglock.enforcement.refreshing import Refreshed, refresh_deployments
from taglock.errors import HandOverFailed, LedgerError
from taglock.services import open_services

if TYPE_CHECKING:
    from argparse import _SubParsersAction

BROKEN = 1
EXAMPLES = """\
examples:
  python -m taglock deployed
  python -m taglock deployed --environment production --json
  python -m taglock deployed --refresh

--refresh lists the subscriptions of TAGLOCK_SUBSCRIPTIONS through Azure Resource Manager, and locks what runs there as
the app does: only in enforce mode, and only what a rule wants.

exit code: 0, or 1 when the ledger or a subscription could not be read
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "deployed",
        help="show which workloads run which digests",
        description="Show what the ledger knows about deployments, with the settings of the environment.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--environment", metavar="NAME", help="only workloads of this environment")
    parser.add_argument("--refresh", action="store_true", help="list the subscriptions first")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the deployments and what the answer rests on; return the exit code."""
    try:
        return asyncio.run(_run(arguments))
    except (LedgerError, HandOverFailed) as error:
        print(error, file=sys.stderr)
        return BROKEN


async def _run(arguments: argparse.Namespace) -> int:
    services = open_services(os.environ)
    try:
        app = services.enforcement
        refreshed = await refresh_deployments(app, trigger="deployed") if arguments.refresh else ()
        wanted = arguments.environment
        found = [each async for each in workloads(app) if wanted is None or each.environment == wanted]
        covered = await coverage(app)
    finally:
        await services.aclose()
    found.sort(key=lambda workload: (workload.environment, workload.key))
    print(_as_json(found, covered) if arguments.json else _as_text(found, covered))
    return _tell_problems(refreshed)


def _tell_problems(refreshed: Sequence[Refreshed]) -> int:
    problems = [f"{each.subscription}: {each.problem}" for each in refreshed if each.problem]
    problems += [f"{one.image}: {problem}" for each in refreshed for one in each.handled for problem in one.problems]
    if problems:
        print(*problems, sep="\n", file=sys.stderr)
    return BROKEN if problems else 0


def _as_text(found: Sequence[Workload], covered: Sequence[Coverage]) -> str:
    header = ["ENVIRONMENT", "WORKLOAD", "IMAGE", "DIGEST", "SINCE", "CONFIRMED BY"]
    rows = [_row(workload, run) for workload in found for run in workload.runs]
    rows += [
        [workload.environment or "-", workload.key, image, "(another registry)", "", ""]
        for workload in found
        for image in workload.elsewhere
    ]
    lines = [_coverage_line(each) for each in covered] or ["no subscription was listed: there may be more"]
    return "\n".join([table([header, *rows]), *lines])


def _coverage_line(covered: Coverage) -> str:
    return f"subscription {covered.subscription}: {covered.workloads} listed at {covered.listed_at:%Y-%m-%d %H:%M}Z"


def _row(workload: Workload, run: Running) -> list[str]:
    digest = run.digest or "(not resolved yet)"
    moved = " (tag moved since)" if run.moved_at else ""
    since = f"{run.since:%Y-%m-%d %H:%M}Z"
    return [workload.environment or "-", workload.key, str(run.image), f"{digest}{moved}", since, run.source]


def _as_json(found: Sequence[Workload], covered: Sequence[Coverage]) -> str:
    return json.dumps(
        {
            "workloads": [_workload_json(workload) for workload in found],
            "coverage": [
                {"subscription": each.subscription, "listedAt": each.listed_at.isoformat(), "workloads": each.workloads}
                for each in covered
            ],
        },
        indent=2,
    )


def _workload_json(workload: Workload) -> dict[str, object]:
    return {
        "workload": workload.key,
        "environment": workload.environment,
        "deployer": workload.deployer,
        "runs": [
            {
                "image": str(run.image),
                "digest": run.digest,
                "since": run.since.isoformat(),
                "confirmedBy": run.source,
                "tagMovedAt": run.moved_at.isoformat() if run.moved_at else None,
            }
            for run in workload.runs
        ],
        "elsewhere": list(workload.elsewhere),
    }
