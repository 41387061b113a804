"""`doctor`: whether everything is as it should be, and what to do where it is not."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from taglock.cli.rule_text import table
from taglock.domain.doctor import Check, CheckState, DoctorReport, report_json
from taglock.enforcement.doctor.context import Doctoring
from taglock.enforcement.doctor.examining import examined
from taglock.services import Services, open_services

if TYPE_CHECKING:
    from argparse import _SubParsersAction

FAILED = 1
COLOURS = {CheckState.OK: "32", CheckState.UNKNOWN: "36", CheckState.WARN: "33", CheckState.FAIL: "31"}
EXAMPLES = """\
examples:
  python -m taglock doctor
  python -m taglock doctor --json

Nothing is written, neither to a registry nor to the ledger nor to the topic. What surrounds a registry is read from
Azure Resource Manager, in the subscriptions of TAGLOCK_SUBSCRIPTIONS.

exit code: 0, or 1 when a check fails
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="tell what is not as it should be, and what to do",
        description="Check permissions, rules, ledger, topic, schedules, and what around a registry defeats locks.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the checks and return the exit code."""
    report = asyncio.run(_examined())
    print(json.dumps(report_json(report), indent=2) if arguments.json else as_text(report, painter()))
    return FAILED if report.state is CheckState.FAIL else 0


async def _examined() -> DoctorReport:
    opened: list[Services] = []

    def opening() -> Doctoring:
        opened.append(open_services(os.environ))
        return opened[0].doctoring

    try:
        return await examined(opening)
    finally:
        for services in opened:
            await services.aclose()


def as_text(report: DoctorReport, paint: Callable[[CheckState, str], str]) -> str:
    """Return a table of the checks, each with what to do below it; `paint` colours a state's word."""
    rows = table([["STATE", "CHECK", "ABOUT", "FOUND"], *(_row(check) for check in report.checks)]).splitlines()
    return "\n".join([rows[0], *_lines(report, rows[1:], paint), f"worst: {paint(report.state, report.state)}"])


def _lines(report: DoctorReport, rows: list[str], paint: Callable[[CheckState, str], str]) -> Iterator[str]:
    for check, row in zip(report.checks, rows, strict=True):
        yield paint(check.state, check.state) + row[len(check.state) :]
        if check.advice and check.state is not CheckState.OK:
            yield f"         to do: {check.advice}"


def _row(check: Check) -> list[str]:
    return [check.state, check.name, check.subject or "the app", _one_line(check.found)]


def _one_line(text: str) -> str:
    """Return a text without control characters: it may quote what a service answered."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def painter() -> Callable[[CheckState, str], str]:
    """Return what colours a state: nothing unless standard output is a terminal that wants it (https://no-color.org)."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return lambda _state, text: text
    return lambda state, text: f"\x1b[{COLOURS[state]}m{text}\x1b[0m"
