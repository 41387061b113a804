"""Points in time as the registry keeps them: whole steps of 100 nanoseconds, since a datetime has too few digits."""

import re
from datetime import UTC, datetime, timedelta

TICKS_PER_SECOND = 10_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TEXT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z", re.ASCII)


def from_datetime(moment: datetime) -> int:
    """Return an aware datetime in ticks since 1970."""
    return (moment - _EPOCH) // _MICROSECOND * 10


def to_datetime(ticks: int) -> datetime:
    """Return ticks as an aware datetime; the seventh fraction digit is lost."""
    return _EPOCH + timedelta(microseconds=ticks // 10)


def parse(text: str) -> int:
    """Return the registry's own spelling of a time in ticks or raise ValueError."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"time is {text!r}, expected YYYY-MM-DDTHH:MM:SS.fffffffZ")
    seconds = int((datetime.fromisoformat(found[1] + "+00:00") - _EPOCH).total_seconds())
    return seconds * TICKS_PER_SECOND + int((found[2] or "").ljust(7, "0"))


def text_of(ticks: int) -> str:
    """Return the registry's spelling: up to seven fraction digits, trailing zeros trimmed."""
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    whole = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    trimmed = f"{fraction:07d}".rstrip("0")
    return f"{whole}.{trimmed}Z" if trimmed else f"{whole}Z"
