"""What an audit needs does not grow with the number of repositories."""

from pathlib import Path

import pytest

from bench.audits import Size, audit_costs, seed
from bench.emulator import running

MEBIBYTE = 1 << 20
LARGEST_GROWTH = 16 * MEBIBYTE
SMALL = Size(tags=10_000, repositories=10)
TEN_TIMES = Size(tags=100_000, repositories=100)


def measured(size: Size, folder: Path) -> tuple[int, int, int]:
    """Return the requests of a first and a second audit and the peak memory, in a registry of this size."""
    folder.mkdir()
    with running(folder) as emulator:
        emulator.seed(seed(size))
        first, second = audit_costs(emulator, folder / "audits.sqlite", watched=True)
    assert (first.verdict, second.verdict) == ("CLEAN", "CLEAN")
    assert (first.tags, second.tags) == (size.tags, size.tags)
    return first.requests, second.requests, second.peak_bytes


def test_requests_are_pages_and_repositories_and_the_first_time_indexes(tmp_path: Path) -> None:
    first, second, _ = measured(SMALL, tmp_path / "small")
    assert second == SMALL.page_floor == 41
    assert first == SMALL.page_floor + SMALL.indexes


@pytest.mark.long
@pytest.mark.timeout(300)
def test_memory_does_not_grow_with_the_number_of_repositories(tmp_path: Path) -> None:
    *_, small = measured(SMALL, tmp_path / "small")
    *_, large = measured(TEN_TIMES, tmp_path / "large")
    assert large - small < LARGEST_GROWTH
