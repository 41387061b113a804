"""Binding expressions: `%SETTING%` at start, `{rand-guid}` and `{DateTime[:format]}` at each write."""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

from localcloud.functions.errors import InvalidSetting

_SETTING = re.compile(r"%([^%]*)%")
_TOKEN = re.compile(r"\{([^{}]*)\}")
# The .NET custom date formats that stand-alone paths use, longest first.
_DATE_PARTS = re.compile(r"yyyy|yy|MM|dd|HH|mm|ss|fff|.")
_STRFTIME = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def resolve_settings(text: str, settings: Mapping[str, str]) -> str:
    """Return the text with every `%NAME%` replaced by its setting; InvalidSetting when one is not set."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not settings.get(name):
            raise InvalidSetting(f"'%{name}%' does not resolve to a value: expected the setting {name!r} to be set")
        return settings[name]

    return _SETTING.sub(value, text)


def fill(text: str, now: datetime) -> str:
    """Return the text with `{rand-guid}` and `{DateTime}` filled in; InvalidSetting for any other token."""
    return _TOKEN.sub(_filler(now), text)


def _filler(now: datetime) -> Callable[[re.Match[str]], str]:
    def value(match: re.Match[str]) -> str:
        name, _, form = match.group(1).partition(":")
        if name.lower() == "rand-guid":
            return str(uuid.uuid4())
        if name.lower() == "datetime":
            return _formatted(now, form or "yyyy-MM-ddTHH-mm-ssZ")
        raise InvalidSetting(f"expression {match.group(0)!r}: expected {{rand-guid}} or {{DateTime}}")

    return value


def _formatted(now: datetime, form: str) -> str:
    def part(match: re.Match[str]) -> str:
        piece = match.group(0)
        if piece == "fff":
            return f"{now.microsecond // 1000:03}"
        return now.strftime(_STRFTIME[piece]) if piece in _STRFTIME else piece

    return _DATE_PARTS.sub(part, form)
