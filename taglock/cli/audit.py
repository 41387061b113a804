"""`audit`: compare registries with the ledger and the rules, and repair them where the settings say so."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taglock.cli.auditing import add_registry_option, audited, chosen
from taglock.cli.rule_text import table
from taglock.domain.audit_report import AuditReport, AuditVerdict, Count
from taglock.errors import InvalidRequest, LedgerError
from taglock.services import open_services

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXIT_CODES = {
    AuditVerdict.CLEAN: 0,
    AuditVerdict.DRIFT: 1,
    AuditVerdict.BASELINE_MISSING: 1,
    AuditVerdict.INCOMPLETE: 3,
}
FAILED = 4
SHOWN = 100
FORMATS = ("json", "html", "sarif", "junit")
EXAMPLES = """\
examples:
  python -m taglock audit
  python -m taglock audit --registry contoso.azurecr.io --html audit.html --sarif audit.sarif

exit code: 0 clean, 1 drift, 3 something could not be read, 4 the ledger does not answer or another audit is under way
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "audit",
        help="find what is not locked as it should be",
        description="Audit registries with the settings of the environment, as the timer does.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_registry_option(parser)
    for each in FORMATS:
        parser.add_argument(f"--{each}", type=Path, metavar="FILE", help=f"also write the report as {each}")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a report for each registry and return the gravest exit code."""
    try:
        return max(asyncio.run(_run(arguments)), default=0)
    except LedgerError as error:
        print(error, file=sys.stderr)
        return FAILED


async def _run(arguments: argparse.Namespace) -> list[int]:
    services = open_services(os.environ)
    try:
        registries = chosen(sorted(services.settings.registries.values()), arguments.registry)
        files = {each: getattr(arguments, each) for each in FORMATS if getattr(arguments, each) is not None}
        if files and len(registries) != 1:
            raise InvalidRequest.at("--registry", None, "one registry when a report is written to a file")
        codes = []
        for registry in registries:
            report = await audited(services.auditing, registry)
            print("\n".join(_lines(report)))
            for each, file in files.items():
                file.write_bytes(rendered(report, each))
            codes.append(EXIT_CODES[report.verdict])
        return codes
    finally:
        await services.aclose()


def rendered(report: AuditReport, wanted: str) -> bytes:
    """Return a report in one of the formats."""
    if wanted == "json":
        from taglock.reporting.json_text import json_text

        return json_text(report)
    if wanted == "html":
        from taglock.reporting.html import html

        return html(report).encode()
    if wanted == "sarif":
        from taglock.reporting.sarif import sarif

        return sarif(report).encode()
    from taglock.reporting.junit import junit

    return junit(report).encode()


def _lines(report: AuditReport) -> Iterator[str]:
    coverage = report.coverage
    yield f"{report.registry}: {report.verdict}"
    yield table(
        [
            ["  repositories", _counted(coverage.repositories)],
            ["  tags", _counted(coverage.tags)],
            ["  manifests", _counted(coverage.manifests)],
            ["  releases", f"{coverage.releases} in the ledger, {coverage.protected} protected tags"],
            ["  findings", f"{report.findings_total}, {report.new_total} new, {report.closed_total} closed"],
            ["  repair", _repair(report)],
        ]
    )
    yield from (f"  unread: {each.subject}: {each.reason}" for each in coverage.unread)
    yield from (f"  note: {each}" for each in coverage.remarks)
    if report.findings:
        yield table(_rows(report))
    if report.findings_total > SHOWN:
        yield f"  and {report.findings_total - SHOWN} more"


def _counted(count: Count) -> str:
    hidden = f" ({count.looked_up} by name only)" if count.looked_up else ""
    return f"{count.seen} of {count.expected}{hidden}"


def _repair(report: AuditReport) -> str:
    repair = report.repair
    planned = f"{repair.planned} updates for {repair.images} images planned"
    if repair.refused:
        return f"refused: {repair.refused}"
    return f"{planned}, {repair.applied} applied, {repair.failed} failed" if repair.enabled else planned


def _rows(report: AuditReport) -> Sequence[Sequence[str]]:
    return [
        [f"  {found.severity}", found.kind, found.subject, f"{found.observed}; expected {found.expected}"]
        for found in report.findings[:SHOWN]
    ]
