from datetime import timedelta
from pathlib import Path

import pytest

from localcloud.functions.errors import InvalidSetting
from tests.localcloud.cloud.hosting import SETTINGS, START, Hosted, hosted
from tests.localcloud.cloud.waiting import until


async def asleep(sample: Hosted) -> None:
    """Wait until every timer sleeps until a moment that is still to come."""
    await until(lambda: sample.host.runner.running == 0 and (sample.clock.next_wake() or START) > sample.clock.now())


async def test_timer_runs_when_its_setting_says_and_not_before(sample: Hosted) -> None:
    await asleep(sample)
    assert sample.noted("tick") == []
    sample.clock.advance(timedelta(seconds=0.5))
    assert [each["past_due"] for each in await sample.wait_for_notes("tick", 1)] == [False]


async def test_timer_runs_again_at_each_occurrence(sample: Hosted) -> None:
    for count in (1, 2, 3):
        await asleep(sample)
        sample.clock.advance(timedelta(minutes=5))
        assert len(await sample.wait_for_notes("tick", count)) == count


async def test_timer_that_raises_keeps_its_schedule(sample: Hosted) -> None:
    sample.fail_for("tick")
    for count in (1, 2):
        await asleep(sample)
        sample.clock.advance(timedelta(minutes=5))
        await sample.wait_for_notes("tick", count)
    assert {run.failure for run in sample.host.runner.runs} == {"ValueError: asked to fail"}


async def test_occurrences_slept_through_become_one_run_that_is_past_due(sample: Hosted) -> None:
    await asleep(sample)
    sample.clock.advance(timedelta(hours=2))
    await sample.wait_for_notes("tick", 1)
    await asleep(sample)
    assert [each["past_due"] for each in sample.noted("tick")] == [True]


async def test_occurrence_missed_while_the_host_was_down_runs_past_due_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hosted(tmp_path, monkeypatch) as before:
        await asleep(before)
    monkeypatch.setattr("tests.localcloud.cloud.hosting.START", START + timedelta(hours=1))
    async with hosted(tmp_path, monkeypatch) as after:
        first = (await after.wait_for_notes("tick", 1))[0]
        await asleep(after)
    assert first["past_due"] is True
    assert first["status"]["Next"] == "2026-03-02T12:00:00+00:00"
    assert len(after.noted("tick")) == 1


async def test_one_timer_runs_once_at_a_time_even_when_asked_for_twice(sample: Hosted) -> None:
    headers = {"x-functions-key": sample.host.keys.master}
    for _ in range(2):
        async with sample.http.post(sample.url("/admin/functions/lengthy"), json={}, headers=headers) as answer:
            assert answer.status == 202
    await sample.wait_for_notes("lengthy", 1)
    sample.let_go()
    assert await sample.wait_for_notes("lengthy", 2) == [1, 1]


async def test_failed_timer_is_repeated_as_its_retry_policy_says(sample: Hosted) -> None:
    headers = {"x-functions-key": sample.host.keys.master}
    async with sample.http.post(sample.url("/admin/functions/stubborn"), json={}, headers=headers):
        await sample.wait_for_notes("stubborn", 1)
    for count in (2, 3):
        moment = sample.clock.now() + timedelta(seconds=30)
        await until(lambda moment=moment: moment in sample.clock.wakes)  # type: ignore[misc]
        sample.clock.advance(timedelta(seconds=30))
        await sample.wait_for_notes("stubborn", count)
    assert [each["retry"] for each in sample.noted("stubborn")] == [0, 1, 2]


async def test_unset_schedule_setting_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "TICK_SCHEDULE", "")
    with pytest.raises(InvalidSetting, match=r"function 'tick'.*%TICK_SCHEDULE%"):
        async with hosted(tmp_path, monkeypatch):
            pass
