"""Timer schedules: NCRONTAB expressions and constant intervals, read as strictly as the .NET host reads them.

Grammar from https://github.com/atifaziz/NCrontab: croniter accepts more (`7`, `L`, `#`, `@daily`) and is only handed
plain lists of numbers, so what it accepts decides nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from croniter import CroniterBadDateError, croniter

from localcloud.functions.errors import InvalidSetting

_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()  # noqa: SIM905
_INTERVAL = re.compile(r"(?:(\d+)\.)?([01]?\d|2[0-3]):([0-5]?\d):([0-5]?\d)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field(name="second", lowest=0, highest=59),
    _Field(name="minute", lowest=0, highest=59),
    _Field(name="hour", lowest=0, highest=23),
    _Field(name="day", lowest=1, highest=31),
    _Field(name="month", lowest=1, highest=12, names=tuple(_MONTHS)),
    _Field(name="day of week", lowest=0, highest=6, names=tuple(_DAYS)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a timer is due: an expression of numbers only, or a constant interval."""

    text: str
    numbers: str = ""
    interval: timedelta | None = None

    def after(self, moment: datetime) -> datetime:
        """Return the first due time after the moment, in UTC; InvalidSetting when the expression never comes true."""
        if self.interval is not None:
            return moment + self.interval
        try:
            found = croniter(self.numbers, moment, second_at_beginning=True, day_or=False).get_next(datetime)
        except CroniterBadDateError as error:
            raise InvalidSetting(f"schedule {self.text!r}: expected one that comes true on some day") from error
        return found.astimezone(UTC)

    @property
    def is_monitored(self) -> bool:
        """Whether missed occurrences are remembered; the engine does not remember for intervals under a minute."""
        first = self.after(datetime(2024, 1, 1, tzinfo=UTC))
        return self.after(first) - first >= timedelta(minutes=1)


def parse_schedule(text: str) -> Schedule:
    """Read 5 or 6 NCRONTAB fields (seconds first) or `hh:mm:ss`; InvalidSetting for anything else."""
    if interval := _INTERVAL.fullmatch(text):
        return _constant(text, interval)
    parts = text.split()
    if len(parts) not in (5, 6):
        raise InvalidSetting(f"schedule {text!r}: expected 5 or 6 fields, seconds first when 6, or 'hh:mm:ss'")
    six = parts if len(parts) == 6 else ["0", *parts]
    numbers = " ".join(_numbers(part, field, text) for part, field in zip(six, _FIELDS, strict=True))
    schedule = Schedule(text=text, numbers=numbers)
    schedule.after(datetime(2024, 1, 1, tzinfo=UTC))
    return schedule


def _constant(text: str, interval: re.Match[str]) -> Schedule:
    days, hours, minutes, seconds = (int(part or 0) for part in interval.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not length:
        raise InvalidSetting(f"schedule {text!r}: expected an interval longer than nothing")
    return Schedule(text=text, interval=length)


def _numbers(part: str, field: _Field, text: str) -> str:
    try:
        chosen = {number for item in part.split(",") for number in _item(item, field)}
    except ValueError as error:
        raise InvalidSetting(f"schedule {text!r}: {field.name} {part!r}: {error}") from None
    if len(chosen) == field.highest - field.lowest + 1:
        return "*"
    return ",".join(str(number) for number in sorted(chosen))


def _item(item: str, field: _Field) -> Iterator[int]:
    base, slash, step_text = item.partition("/")
    step = _step(step_text) if slash else 1
    if base == "*":
        return iter(range(field.lowest, field.highest + 1, step))
    low_text, dash, high_text = base.partition("-")
    low = _value(low_text, field)
    high = _value(high_text, field) if dash else (field.highest if slash else low)
    # NCrontab swaps the ends of a falling range instead of refusing it or wrapping around.
    return iter(range(min(low, high), max(low, high) + 1, step))


def _step(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise ValueError(f"expected a step of 1 or more after '/', not {text!r}")
    return int(text)


def _value(text: str, field: _Field) -> int:
    if _NUMBER.fullmatch(text):
        if field.lowest <= int(text) <= field.highest:
            return int(text)
        raise ValueError(f"expected {field.lowest} to {field.highest}, not {text!r}")
    for index, name in enumerate(field.names):
        if text and name.lower().startswith(text.lower()):
            return index + field.lowest
    raise ValueError(f"expected numbers, '*', lists, ranges and steps, not {text!r}")
