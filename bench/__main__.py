"""Measure everything, or only the sections that are named: `python -m bench [SECTION ...]`.

A missed aim is said plainly and is no error; the exit code is 1 only when something could not be measured.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import MappingProxyType

from bench.emulator import BenchFailed
from bench.rows import Row, table, verdict
from bench.sections.audit_peers import audit_peers
from bench.sections.audits import audits, large_audits
from bench.sections.cold_import import cold_import
from bench.sections.deployments import deployments
from bench.sections.duplicates import duplicate_deliveries
from bench.sections.package_import import package_import
from bench.sections.throughput import sustained
from bench.sections.time_to_lock import indexes, plain_images
from bench.stage import Effort, Section, opened_stage

RESULTS = Path(__file__).parent / "results.json"
SECTIONS: Mapping[str, Section] = MappingProxyType(
    {
        "plain": plain_images,
        "index": indexes,
        "throughput": sustained,
        "deployments": deployments,
        "duplicates": duplicate_deliveries,
        "import": cold_import,
        "package": package_import,
        "audits": audits,
        "audit-peers": audit_peers,
    }
)
ON_REQUEST: Mapping[str, Section] = MappingProxyType({"large-audits": large_audits})
"""Those that take too long to be measured every time."""


def main() -> int:
    """Measure, show, write the results, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure taglock.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"one of {', '.join(SECTIONS)} (default: all)")
    names = parser.parse_args().sections or list(SECTIONS)
    if unknown := [name for name in names if name not in {**SECTIONS, **ON_REQUEST}]:
        parser.error(f"{unknown[0]!r}, expected one of {', '.join([*SECTIONS, *ON_REQUEST])}")
    began = monotonic()
    try:
        rows = asyncio.run(measured(names, Effort()))
    except (BenchFailed, ExceptionGroup) as error:
        logging.getLogger("bench").exception("a measurement failed", exc_info=error)
        return 1
    RESULTS.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    print(f"{table(rows)}\n\n{EXPLANATION}\n\n{verdict(rows)}\nMeasured in {monotonic() - began:.0f} s.")
    return 0


EXPLANATION = (
    "floor: a bare loop that sends the same requests with a ready token; for the import, an app with nothing in\n"
    "it; from the package, the library azure.functions.\n"
    "peer: azure-containerregistry as its samples use it. ratio: value / floor, or / peer where there is no floor.\n"
    "Values are medians of the repetitions, ratios are medians of the ratios within each repetition.\n"
    "docs/benchmarks.md says how each number is measured."
)


async def measured(names: Sequence[str], effort: Effort) -> Sequence[Row]:
    """Measure some sections on one stage and return their rows in that order."""
    rows: list[Row] = []
    async with opened_stage(effort) as stage:
        for name in names:
            began = monotonic()
            rows += await {**SECTIONS, **ON_REQUEST}[name](stage)
            print(f"{name}: {monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
