"""Reading untrusted JSON field by field: each value is what it must be, or InvalidEvent names its path."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from taglock.errors import InvalidEvent, shortened

MAXIMUM_EVENT_BYTES = 1_048_576  # Event Grid's own limit for one event
MAXIMUM_TEXT = 1024  # identifiers, media types and locations longer than this are not real
CLOCK_TOLERANCE = timedelta(minutes=5)
TIME_EXPECTED = "a time such as '2021-09-08T06:37:45.6609948Z'"


def decoded(text: str, path: str) -> object:
    """Return the JSON value of a text of at most one mebibyte."""
    if len(text) > MAXIMUM_EVENT_BYTES:
        raise InvalidEvent.at(path, text, f"at most {MAXIMUM_EVENT_BYTES} characters, got {len(text)}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent.at(path, text, f"JSON ({shortened(str(error))})") from None


def decoded_once(value: object, path: str) -> object:
    """Return a value, decoded when it is a text: some publishers encode `data` a second time."""
    return decoded(value, path) if isinstance(value, str) else value


def as_object(value: object, path: str) -> Mapping[str, object]:
    """Return a value that must be an object."""
    if isinstance(value, dict):
        return value
    raise InvalidEvent.at(path, value, "an object")


def inner(container: Mapping[str, object], key: str, path: str) -> Mapping[str, object]:
    """Return a field that must be an object."""
    return as_object(container.get(key), f"{path}.{key}")


def required_text(container: Mapping[str, object], key: str, path: str) -> str:
    """Return a field that must be a printable text that is not empty."""
    value = optional_text(container, key, path)
    if value is None:
        raise InvalidEvent.at(f"{path}.{key}", None, "a string that is not empty")
    return value


def optional_text(container: Mapping[str, object], key: str, path: str) -> str | None:
    """Return a field that may be absent, null, empty or a printable text."""
    value = container.get(key)
    if value is None or value == "":
        return None
    return printable(value, f"{path}.{key}")


def printable(value: object, path: str) -> str:
    """Return a value that must be a printable text of at most 1024 characters."""
    if isinstance(value, str) and len(value) <= MAXIMUM_TEXT and value.isprintable():
        return value
    raise InvalidEvent.at(path, value, f"a printable string of at most {MAXIMUM_TEXT} characters")


def required_time(container: Mapping[str, object], key: str, path: str) -> datetime:
    """Return a field that must be a time."""
    moment = parse_time(container.get(key))
    if moment is None:
        raise InvalidEvent.at(f"{path}.{key}", container.get(key), TIME_EXPECTED)
    return moment


def parse_time(value: object) -> datetime | None:
    """Return an RFC 3339 time as aware UTC, with any number of fraction digits; None when it is not one."""
    if not isinstance(value, str) or not 19 <= len(value) <= 64:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
