import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from localcloud.clock import Clock

START = datetime(2026, 1, 1, tzinfo=UTC)


async def test_standing_clock_moves_only_by_advance() -> None:
    clock = Clock(pace=0, start=START)
    assert clock.now() == START
    clock.advance(timedelta(hours=1))
    assert clock.now() == START + timedelta(hours=1)


async def test_sleepers_wake_when_their_moment_has_come_and_not_before() -> None:
    clock = Clock(pace=0, start=START)
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (30, 10)]
    await asyncio.sleep(0)
    assert clock.next_wake() == START + timedelta(seconds=10)
    clock.advance(timedelta(seconds=10))
    await tasks[1]
    assert woken == [10]
    clock.advance(timedelta(days=1))
    await tasks[0]
    assert (woken, clock.next_wake()) == ([10, 30], None)


async def test_quick_clock_needs_no_advance() -> None:
    clock = Clock(pace=1_000_000, start=START)
    await clock.sleep(86_400)
    assert clock.now() >= START + timedelta(days=1)


async def test_changed_pace_reaches_whoever_sleeps() -> None:
    clock = Clock(pace=0, start=START)
    task = asyncio.create_task(clock.sleep(86_400))
    await asyncio.sleep(0)
    clock.set_pace(1_000_000)
    await task


def test_clock_neither_goes_back_nor_takes_a_negative_pace() -> None:
    clock = Clock(pace=0, start=START)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(timedelta(seconds=-1))
    with pytest.raises(ValueError, match="pace -1"):
        clock.set_pace(-1)
