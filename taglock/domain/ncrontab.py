"""Schedules of timers as the Functions host reads them: NCRONTAB with five or six fields, or an interval.

Grammar: https://github.com/atifaziz/NCrontab, and
https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions. A day must fit both the
day of the month and the day of the week; Sunday is 0 alone; `?`, `L`, `W`, `#` and `@daily` do not exist.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

import msgspec

from taglock.errors import InvalidConfiguration

EXPECTED = "an NCRONTAB expression with seconds first, such as '0 0 */6 * * *'"
LONGEST_LOOK_BACK_DAYS = 366 * 9
"""The 29th of February may be eight years ago."""

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_INTERVAL = re.compile(r"([01]?[0-9]|2[0-3]):([0-5]?[0-9]):([0-5]?[0-9])", re.ASCII)
_ITEM = re.compile(r"(\*|[a-z]+|[0-9]{1,4})(?:-([a-z]+|[0-9]{1,4}))?(?:/([0-9]{1,4}))?", re.ASCII)


class Field(msgspec.Struct, frozen=True):
    """One field of an expression: its bounds and the names that may stand for numbers."""

    lowest: int
    highest: int
    names: tuple[str, ...] = ()


FIELDS = (
    Field(0, 59),
    Field(0, 59),
    Field(0, 23),
    Field(1, 31),
    Field(1, 12, MONTHS),
    Field(0, 6, WEEKDAYS),
)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When a timer fires: the allowed numbers of each field, or a constant interval."""

    fields: tuple[tuple[int, ...], ...] = ()
    interval: timedelta | None = None

    def before(self, now: datetime) -> Iterator[datetime]:
        """Yield the times before now at which it fired, latest first; `now` is aware and in UTC."""
        if self.interval is not None:
            yield from (now - self.interval * count for count in range(1, LONGEST_LOOK_BACK_DAYS))
            return
        for back in range(LONGEST_LOOK_BACK_DAYS):
            day = now.date() - timedelta(days=back)
            if self._fits(day):
                yield from (moment for moment in self._moments(day) if moment < now)

    def _fits(self, day: date) -> bool:
        _seconds, _minutes, _hours, days, months, weekdays = self.fields
        return day.day in days and day.month in months and (day.weekday() + 1) % 7 in weekdays

    def _moments(self, day: date) -> Iterator[datetime]:
        seconds, minutes, hours, *_days = self.fields
        for hour in reversed(hours):
            for minute in reversed(minutes):
                for second in reversed(seconds):
                    yield datetime.combine(day, time(hour, minute, second), UTC)


def parse_schedule(text: str, path: str) -> Schedule:
    """Read a schedule; raise InvalidConfiguration for one that the Functions host would not start with."""
    interval = _INTERVAL.fullmatch(text.strip())
    if interval:
        hours, minutes, seconds = map(int, interval.groups())
        length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if not length:
            raise InvalidConfiguration.at(path, text, "an interval longer than nothing")
        return Schedule(interval=length)
    parts = text.lower().split()
    if len(parts) == len(FIELDS) - 1:
        parts = ["0", *parts]
    if len(parts) != len(FIELDS):
        raise InvalidConfiguration.at(path, text, EXPECTED)
    try:
        return Schedule(fields=tuple(_numbers(part, field) for part, field in zip(parts, FIELDS, strict=True)))
    except ValueError as error:
        raise InvalidConfiguration.at(path, text, f"{EXPECTED}; {error}") from None


def periods_ago(schedule: Schedule, now: datetime, *, periods: int) -> datetime | None:
    """Return the time before now at which it fired for the so-many-th last time, None when it never does."""
    return next(islice(schedule.before(now), periods - 1, None), None)


def _numbers(text: str, field: Field) -> tuple[int, ...]:
    return tuple(sorted({number for item in text.split(",") for number in _range(item, field)}))


def _range(item: str, field: Field) -> range:
    found = _ITEM.fullmatch(item)
    if found is None or (found[1] == "*" and found[2]):
        raise ValueError(f"{item!r} is no part of it")
    step = int(found[3] or 1)
    first = field.lowest if found[1] == "*" else _number(found[1], field)
    last = _number(found[2], field) if found[2] else field.highest if found[1] == "*" or found[3] else first
    if step < 1:
        raise ValueError(f"{item!r} has no step")
    return range(min(first, last), max(first, last) + 1, step)  # NCrontab swaps the ends of a falling range


def _number(text: str, field: Field) -> int:
    if text.isdigit():
        number = int(text)
    else:
        fitting = (index for index, name in enumerate(field.names) if name.startswith(text))
        found = next(fitting, None)  # NCrontab takes the first name that begins so
        if found is None:
            raise ValueError(f"{text!r} is no name")
        number = found + field.lowest
    if not field.lowest <= number <= field.highest:
        raise ValueError(f"{text!r} is not between {field.lowest} and {field.highest}")
    return number
