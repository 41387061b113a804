"""What an audit costs: requests against the number of pages, CPU for each object, memory against size."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from bench.audit_probe import Cost
from bench.audits import Size, audit_costs, seed
from bench.emulator import BenchFailed, running
from bench.rows import Aim, Of, Row, Samples
from bench.stage import Stage

MEBIBYTE = 1 << 20
SIZES = (Size(tags=10_000, repositories=10), Size(tags=100_000, repositories=100))
LARGE = (*SIZES, Size(tags=1_000_000, repositories=1_000), Size(tags=300_000, repositories=1))
REQUESTS = Aim(of=Of.FLOOR, at_most=1.01)
GROWTH = Aim(of=Of.VALUE, at_most=16)
MICROSECONDS = Aim(of=Of.VALUE, at_most=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What two audits of a registry of this size cost."""

    size: Size
    first: Cost
    second: Cost


async def audits(stage: Stage) -> Sequence[Row]:
    """Measure audits of 10,000 and 100,000 tags with a ledger that knows every release."""
    return measured(SIZES, stage.cores)


async def large_audits(stage: Stage) -> Sequence[Row]:
    """Measure audits up to a million tags, and of one repository with 300,000: seven minutes."""
    return measured(LARGE, stage.cores)


def measured(sizes: Sequence[Size], cores: frozenset[int]) -> Sequence[Row]:
    """Return the rows of each size, in a registry and interpreters of their own, and how much more memory many need."""
    found = [audited(size, cores) for size in sizes]
    return [*(row for each in found for row in _rows(each)), *_growth(found)]


def audited(size: Size, cores: frozenset[int]) -> Audited:
    """Audit a registry of this size twice, and tell that it is done."""
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="taglock-bench-") as text:
        folder = Path(text)
        with running(folder, cores=cores) as emulator:
            emulator.seed(seed(size))
            first, second = audit_costs(emulator, folder / "audits.sqlite", watched=True)
    for cost in (first, second):
        if (cost.verdict, cost.tags) != ("CLEAN", size.tags):
            raise BenchFailed(f"an audit saw {cost.tags} tags and said {cost.verdict}, expected {size.tags} and CLEAN")
    print(f"{_name(size)}: {monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return Audited(size=size, first=first, second=second)


def _rows(audited: Audited) -> Sequence[Row]:
    size, first, second = audited.size, audited.first, audited.second
    name = _name(size)
    floors = (size.page_floor + size.indexes, size.page_floor)
    return [
        _row(f"{name}, first: requests", "requests", first.requests, floor=floors[0], aim=REQUESTS),
        _row(f"{name}, second: requests", "requests", second.requests, floor=floors[1], aim=REQUESTS),
        _row(f"{name}, first: CPU for an object", "us", first.cpu_microseconds),
        _row(f"{name}, second: CPU for an object", "us", second.cpu_microseconds, aim=MICROSECONDS),
        _row(f"{name}: peak memory of the interpreter", "MiB", second.peak_bytes / MEBIBYTE),
    ]


def _growth(found: Sequence[Audited]) -> Sequence[Row]:
    """Compare the smallest with the largest registry whose repositories are of one size."""
    alike = [each for each in found if each.size.per_repository == found[0].size.per_repository]
    least, most = alike[0], alike[-1]
    name = f"audits of {least.size.tags:,} and {most.size.tags:,} tags: growth of memory"
    return [_row(name, "MiB", (most.second.peak_bytes - least.second.peak_bytes) / MEBIBYTE, aim=GROWTH)]


def _name(size: Size) -> str:
    return f"audit of {size.tags:,} tags in {size.repositories:,}"


def _row(name: str, unit: str, value: float, *, floor: float | None = None, aim: Aim | None = None) -> Row:
    return Row(name=name, unit=unit, samples=Samples(own=[value], floor=[floor] if floor else []), aim=aim)
