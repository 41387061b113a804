"""`plan`: what a repair would lock over whole registries, grouped by rule; nothing is changed, not even the ledger."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from copy import replace
from typing import TYPE_CHECKING

from taglock.cli.auditing import add_registry_option, audited, chosen
from taglock.cli.rule_text import table
from taglock.domain.audit.rows import run_key
from taglock.domain.audit_report import AuditReport, AuditVerdict
from taglock.domain.reference import LoginServer
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.overlay import Overlay
from taglock.errors import LedgerError
from taglock.services import open_services

if TYPE_CHECKING:
    from argparse import _SubParsersAction

INCOMPLETE = 3
FAILED = 4
EXAMPLES = """\
examples:
  python -m taglock plan
  python -m taglock plan --registry contoso.azurecr.io --images

exit code: 0, or 3 when something could not be read, 4 when the ledger does not answer
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "plan",
        help="show what a repair would lock",
        description="Audit registries without leaving a trace, and show what would be locked by which rule.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_registry_option(parser)
    parser.add_argument("--images", action="store_true", help="also name the images, at most a thousand")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan of each registry and return the exit code."""
    try:
        return max(asyncio.run(_run(arguments)), default=0)
    except LedgerError as error:
        print(error, file=sys.stderr)
        return FAILED


async def _run(arguments: argparse.Namespace) -> list[int]:
    services = open_services(os.environ)
    try:
        codes = []
        for registry in chosen(sorted(services.settings.registries.values()), arguments.registry):
            report = await audited(without_trace(services.auditing, registry), registry)
            print("\n".join(_lines(report, arguments)))
            codes.append(INCOMPLETE if report.verdict is AuditVerdict.INCOMPLETE else 0)
        return codes
    finally:
        await services.aclose()


def without_trace(auditing: Auditing, registry: LoginServer) -> Auditing:
    """Return what audits without writing to the ledger, publishing or repairing, whatever runs elsewhere."""
    rows = Overlay(auditing.app.rows, hidden=[run_key(registry)])
    return replace(auditing, app=replace(auditing.app, rows=rows, publisher=None), repair=False)


def _lines(report: AuditReport, arguments: argparse.Namespace) -> Iterator[str]:
    repair = report.repair
    yield f"{report.registry}: {repair.planned} updates for {repair.images} images"
    rows = [["  rule", "images", "updates"]]
    rows += [[f"  {rule}", str(count.images), str(count.targets)] for rule, count in sorted(repair.by_rule.items())]
    yield table(rows)
    yield from (f"  unread: {each.subject}: {each.reason}" for each in report.coverage.unread)
    if arguments.images:
        yield table([[f"  {each.image}", each.rule, each.reason, str(each.targets)] for each in repair.actions])
