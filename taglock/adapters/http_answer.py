"""One answer over HTTP and what its headers say; shared by the adapters that have a border of their own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER_SECONDS = 3600.0

_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, its body read completely; `headers` ignore case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def decimal(text: str) -> float | None:
    """Return a plain decimal number, None for anything else."""
    return float(text) if _DECIMAL.fullmatch(text) else None


def retry_after_seconds(answer: Answer) -> float | None:
    """Return Retry-After in seconds, None when absent or unusable.

    A date is taken relative to the answer's own Date, so that a wrong local clock does not matter.
    """
    text = answer.headers.get("Retry-After", "").strip()
    seconds = decimal(text)
    if seconds is None:
        seconds = _seconds_until(text, answer.headers.get("Date", ""))
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def media_type(answer: Answer) -> str:
    """Return the content type without parameters, lower case, or ''."""
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def is_json(answer: Answer) -> bool:
    """Tell whether the content type is JSON: a sign-in page also answers 200."""
    kind = media_type(answer)
    return kind == "application/json" or kind.endswith("+json")


def _seconds_until(text: str, date: str) -> float | None:
    until, now = _http_date(text), _http_date(date) or datetime.now(UTC)
    return None if until is None else (until - now).total_seconds()


def _http_date(text: str) -> datetime | None:
    if not text or len(text) > 64:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
