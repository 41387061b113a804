"""NCRONTAB: judged against a plain enumeration, and against croniter where that reads the same."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, product

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from taglock.domain.ncrontab import LONGEST_LOOK_BACK_DAYS, parse_schedule, periods_ago
from taglock.errors import InvalidConfiguration

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REFUSED = (
    *("", "* * * *", "* * * * * * *", "0 0 6", "@daily", "0 0 0 ? * *", "0 0 0 L * *", "0 0 0 * * 7", "0 0 24 * * *"),
    *("60 * * * * *", "0 0 0 0 * *", "0 0 0 * 13 *", "0 0 0 * 0 *", "*/0 * * * * *", "*-5 * * * * *", "5- * * * * *"),
    *(
        "0 0 0 * * ju",
        "-1 * * * * *",
        "a * * * * *",
        "00:00:00",
        "24:00:00",
        "0 0 0 * * 1#2",
    ),
)


def item(lowest: int, highest: int) -> st.SearchStrategy[tuple[str, set[int]]]:
    """Draw a part of a field with the numbers that it stands for."""
    number = st.integers(lowest, highest)
    pair = st.tuples(number, number).map(sorted)
    return st.one_of(
        number.map(lambda each: (str(each), {each})),
        pair.map(lambda ends: (f"{ends[0]}-{ends[1]}", set(range(ends[0], ends[1] + 1)))),
        st.integers(1, 7).map(lambda step: (f"*/{step}", set(range(lowest, highest + 1, step)))),
        st.tuples(pair, st.integers(1, 7)).map(
            lambda drawn: (
                f"{drawn[0][0]}-{drawn[0][1]}/{drawn[1]}",
                set(range(drawn[0][0], drawn[0][1] + 1, drawn[1])),
            )
        ),
    )


def field(lowest: int, highest: int) -> st.SearchStrategy[tuple[str, list[int]]]:
    """Draw a field with the numbers that it stands for, largest first."""
    return st.lists(item(lowest, highest), min_size=1, max_size=3).map(
        lambda items: (
            ",".join(text for text, _numbers in items),
            sorted(set.union(*(numbers for _text, numbers in items)), reverse=True),
        )
    )


FIELDS = st.tuples(field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6))


def fired_before(now: datetime, fields: Sequence[list[int]]) -> Iterator[datetime]:
    """Yield when a schedule of these numbers fired, latest first, as far as the schedule looks."""
    seconds, minutes, hours, days, months, weekdays = fields
    for back in range(LONGEST_LOOK_BACK_DAYS):
        day = (now - timedelta(days=back)).replace(hour=0, minute=0, second=0)
        if day.day in days and day.month in months and day.isoweekday() % 7 in weekdays:
            for hour, minute, second in product(hours, minutes, seconds):
                if (moment := day + timedelta(hours=hour, minutes=minute, seconds=second)) < now:
                    yield moment


@given(FIELDS, st.integers(0, 10_000_000))
@settings(max_examples=60)
def test_the_times_before_are_those_at_which_every_field_fits(
    fields: tuple[tuple[str, list[int]], ...], seconds: int
) -> None:
    now = NOON + timedelta(seconds=seconds)
    schedule = parse_schedule(" ".join(text for text, _numbers in fields), "x")
    found = list(islice(schedule.before(now), 3))
    assert found == list(islice(fired_before(now, [numbers for _text, numbers in fields]), 3))


@pytest.mark.parametrize("text", ["0 0 */6 * * *", "15 30 9 1,15 * *", "0 0 1 * * 0", "0 */5 8-17 * * 1-5"])
def test_ordinary_schedules_fire_when_croniter_says(text: str) -> None:
    known = croniter(text, NOON, second_at_beginning=True, day_or=False)
    assert list(islice(parse_schedule(text, "x").before(NOON), 5)) == [known.get_prev(datetime) for _ in range(5)]


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_host_refuses_is_refused_with_the_setting(text: str) -> None:
    with pytest.raises(InvalidConfiguration, match="TAGLOCK_AUDIT_SCHEDULE"):
        parse_schedule(text, "TAGLOCK_AUDIT_SCHEDULE")


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("0 0 */6 * * *", datetime(2026, 3, 1, 0, tzinfo=UTC)),
        ("0 */6 * * *", datetime(2026, 3, 1, 0, tzinfo=UTC)),
        ("0 30 9 * * Mon-Fri", datetime(2026, 2, 26, 9, 30, tzinfo=UTC)),
        ("0 0 0 1 January *", datetime(2025, 1, 1, tzinfo=UTC)),
        ("0 0 0 * * 5-1", datetime(2026, 2, 26, tzinfo=UTC)),
        ("0 0 0 29 2 *", datetime(2020, 2, 29, tzinfo=UTC)),
        ("0 0 12 * * *", datetime(2026, 2, 27, 12, tzinfo=UTC)),
        ("1:30:00", datetime(2026, 3, 1, 9, tzinfo=UTC)),
    ],
)
def test_two_periods_reach_back_to_the_last_but_one_time(text: str, before: datetime) -> None:
    assert periods_ago(parse_schedule(text, "x"), NOON, periods=2) == before


def test_a_day_that_never_comes_is_never() -> None:
    assert periods_ago(parse_schedule("0 0 0 31 4 *", "x"), NOON, periods=1) is None
