from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.functions.errors import InvalidSetting
from localcloud.functions.ncrontab import parse_schedule

START = datetime(2026, 3, 2, 11, 59, 59, 500_000, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 */5 * * * *", "2026-03-02T12:00:00"),
        ("*/5 * * * *", "2026-03-02T12:00:00"),
        ("30 5 * * * *", "2026-03-02T12:05:30"),
        ("5 * * * * *", "2026-03-02T12:00:05"),
        ("0 30 9 * * 1-5", "2026-03-03T09:30:00"),
        ("0 0 0 * * 0", "2026-03-08T00:00:00"),
        ("0 0 0 * * Sun", "2026-03-08T00:00:00"),
        ("0 0 0 1 january *", "2027-01-01T00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 10/20 * * * *", "2026-03-02T12:10:00"),
        ("0 0 17-15 * * *", "2026-03-02T15:00:00"),
        ("0 0 0 13 * 5", "2026-03-13T00:00:00"),
        ("00:10:00", "2026-03-02T12:09:59.5"),
        ("1.00:00:00", "2026-03-03T11:59:59.5"),
    ],
)
def test_schedule_is_next_due_at(text: str, due: str) -> None:
    assert parse_schedule(text).after(START) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_day_of_month_and_day_of_week_must_both_match() -> None:
    due = parse_schedule("0 0 0 1 * 1").after(START)
    assert (due.day, due.isoweekday()) == (1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * * *",
        "@daily",
        "0 0 0 ? * *",
        "0 0 0 L * *",
        "0 0 0 15W * *",
        "0 0 0 * * 1#2",
        "0 0 0 * * 7",
        "0 0 24 * * *",
        "60 * * * * *",
        "0 0 0 0 * *",
        "0 0 0 * 13 *",
        "*/0 * * * * *",
        "0 , * * * *",
        "0 0 0 30 2 *",
        "24:00:00",
        "00:60:00",
        "00:00:00",
        "0 0 0 * * 1-x",
        "-1 * * * * *",
    ],
)
def test_schedule_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="schedule"):
        parse_schedule(text)


def test_only_schedules_of_a_minute_or_more_are_monitored() -> None:
    assert parse_schedule("0 * * * * *").is_monitored
    assert not parse_schedule("*/30 * * * * *").is_monitored


@given(
    minute=st.sets(st.integers(0, 59), min_size=1),
    hour=st.sets(st.integers(0, 23), min_size=1),
    weekday=st.sets(st.integers(0, 6), min_size=1),
    seconds=st.integers(0, 10**8),
)
def test_due_time_is_the_first_later_minute_that_matches_every_field(
    minute: set[int], hour: set[int], weekday: set[int], seconds: int
) -> None:
    start = START + timedelta(seconds=seconds)
    lists = (",".join(map(str, field)) for field in (minute, hour))
    due = parse_schedule(f"0 {' '.join(lists)} * * {','.join(map(str, weekday))}").after(start)
    assert due > start
    candidate = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while candidate < due:
        day = candidate.isoweekday() % 7
        assert not (candidate.minute in minute and candidate.hour in hour and day in weekday)
        candidate += timedelta(minutes=1)
    assert (due.minute in minute, due.hour in hour, due.isoweekday() % 7 in weekday) == (True, True, True)
