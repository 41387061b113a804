"""Every section runs to its end against the real registry; what is measured is too little to say anything of time."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.__main__ import SECTIONS, measured
from bench.audits import Size
from bench.emulator import BenchFailed, running
from bench.pushes import Push, Shape, pushed
from bench.rows import Row
from bench.sections.deployments import Keeping, checked
from bench.stage import Effort, own_core
from bench.timing import delivered

LITTLE = Effort(repetitions=1, singles=1, burst=3, warm=2, sustained=4, deployments=4, duplicates=1, imports=1)
SMALL = Size(tags=20, repositories=2)
"""For audits, whose sizes do not depend on the effort."""
PEAKS = (("20 tags", 2), ("40 tags", 4))


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return dict(os.environ)


@pytest.fixture(scope="module")
def rows(before: dict[str, str]) -> Mapping[str, Row]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.sections.audits.SIZES", (SMALL, Size(tags=40, repositories=4)))
        patch.setattr("bench.sections.audit_peers.SIZE", SMALL)
        patch.setattr("bench.sections.audit_peers.NAMES", ["prod/r0000", "prod/r0001"])
        found = asyncio.run(measured(list(SECTIONS), LITTLE))
    assert len({row.name for row in found}) == len(found)
    return {row.name: row for row in found}


@pytest.mark.long
def test_requests_are_counted_for_all_three(rows: Mapping[str, Row]) -> None:
    plain, index = rows["plain image: requests for a push"], rows["index of 3: requests for a push"]
    assert (plain.value, plain.floor, plain.peer) == (2, 2, 12)
    assert (index.value, index.floor, index.peer) == (6, 6, 28)


@pytest.mark.long
def test_a_duplicate_event_sends_nothing(rows: Mapping[str, Row]) -> None:
    duplicate = rows["duplicate event: requests"]
    assert (duplicate.value, duplicate.floor, duplicate.peer) == (0, None, 12)


@pytest.mark.long
def test_a_deployment_by_digest_sends_one_request_and_again_none(rows: Mapping[str, Row]) -> None:
    deployed, again = rows["deployment by digest: requests"], rows["the same deployment again: requests"]
    assert (deployed.value, deployed.floor, deployed.peer) == (1, 1, 4)
    assert (again.value, again.floor, again.peer) == (0, None, None)


@pytest.mark.long
def test_the_growth_of_memory_is_that_between_registries_with_repositories_of_one_size(
    rows: Mapping[str, Row],
) -> None:
    growth = rows["audits of 20 and 40 tags: growth of memory"]
    peaks = [rows[f"audit of {tags} in {number}: peak memory of the interpreter"] for tags, number in PEAKS]
    assert growth.value == pytest.approx(peaks[1].value - peaks[0].value)


@pytest.mark.long
def test_every_row_has_a_number_and_a_unit(rows: Mapping[str, Row]) -> None:
    assert len(rows) > 15
    assert all(row.unit and (row.value >= 0 or "growth" in row.name) for row in rows.values())


@pytest.mark.long
def test_every_aim_has_what_it_is_compared_with(rows: Mapping[str, Row]) -> None:
    aims = [row for row in rows.values() if row.aim is not None]
    assert all(row.met is not None and (not row.aim.of or getattr(row, row.aim.of)) for row in aims if row.aim)


@pytest.mark.long
def test_the_environment_is_as_before(rows: Mapping[str, Row], before: dict[str, str]) -> None:
    assert rows
    changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
    assert changed <= {"PYTEST_CURRENT_TEST"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a program choose its cores")
def test_cores_are_given_back() -> None:
    cores = os.sched_getaffinity(0)
    with own_core() as other:
        assert not other & os.sched_getaffinity(0)
    assert os.sched_getaffinity(0) == cores


class Idle:
    async def lock(self, push: Push) -> None:
        return

    async def keep(self, push: Push) -> None:
        return


async def test_a_contender_that_keeps_nothing_is_found_out(tmp_path: Path) -> None:
    with running(tmp_path) as emulator:
        images = pushed(emulator, "prod/api", shape=Shape.PLAIN, count=2)
        found = await delivered(emulator, Keeping(Idle()), images)
        with pytest.raises(BenchFailed, match="2 manifests"):
            checked(found)


async def test_a_contender_that_locks_nothing_is_found_out(tmp_path: Path) -> None:
    with running(tmp_path) as emulator:
        found = await delivered(emulator, Idle(), pushed(emulator, "prod/api", shape=Shape.INDEX, count=2))
        with pytest.raises(BenchFailed, match="10 targets"):
            found.seconds_to_lock()


def test_a_registry_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").mkdir()
    with pytest.raises(BenchFailed, match=r"ca\.pem"), running(tmp_path):
        pass
