"""What an audit costs: requests against the number of pages, CPU for each object, memory against size."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.audits import Size, audit_costs, seed
from bench.emulator import running
from bench.rows import Aim, Of, Row, Samples
from bench.stage import Stage

MEBIBYTE = 1 << 20
SIZES = (Size(tags=10_000, repositories=10), Size(tags=100_000, repositories=100))
LARGE = (*SIZES, Size(tags=1_000_000, repositories=1_000), Size(tags=300_000, repositories=1))
REQUESTS = Aim(of=Of.FLOOR, at_most=1.01)
MICROSECONDS = Aim(of=Of.VALUE, at_most=30)


async def audits(_stage: Stage) -> Sequence[Row]:
    """Measure audits of 10,000 and 100,000 tags with a ledger that knows every release."""
    return rows_of(SIZES)


async def large_audits(_stage: Stage) -> Sequence[Row]:
    """Measure audits up to a million tags, and of one repository with 300,000: a quarter of an hour."""
    return rows_of(LARGE)


def rows_of(sizes: Sequence[Size]) -> Sequence[Row]:
    """Return the rows of each size, in a registry and interpreters of their own."""
    return [row for size in sizes for row in _rows(size)]


def _rows(size: Size) -> Sequence[Row]:
    with tempfile.TemporaryDirectory(prefix="taglock-bench-") as text:
        folder = Path(text)
        with running(folder) as emulator:
            emulator.seed(seed(size))
            first, second = audit_costs(emulator, folder / "audits.sqlite", watched=True)
    name = f"audit of {size.tags:,} tags in {size.repositories:,}"
    floors = (size.page_floor + size.indexes, size.page_floor)
    return [
        _row(f"{name}, first: requests", "requests", first.requests, floor=floors[0], aim=REQUESTS),
        _row(f"{name}, second: requests", "requests", second.requests, floor=floors[1], aim=REQUESTS),
        _row(f"{name}, first: CPU for an object", "us", first.cpu_microseconds),
        _row(f"{name}, second: CPU for an object", "us", second.cpu_microseconds, aim=MICROSECONDS),
        _row(f"{name}: peak memory of the interpreter", "MiB", second.peak_bytes / MEBIBYTE),
    ]


def _row(name: str, unit: str, value: float, *, floor: float | None = None, aim: Aim | None = None) -> Row:
    return Row(name=name, unit=unit, samples=Samples(own=[value], floor=[floor] if floor else []), aim=aim)
