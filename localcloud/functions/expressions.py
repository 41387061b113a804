"""Binding expressions: `%SETTING%` at start; at each run `{rand-guid}`, `{DateTime[:format]}` and `{member}`."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What expressions stand for in one run: the time, and what the trigger brought, names in lower case."""

    now: datetime
    members: Mapping[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """Return the text with every expression filled in; InvalidSetting for one that stands for nothing."""
        return _TOKEN.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        name, _, form = match.group(1).partition(":")
        if name.lower() == "rand-guid":
            return str(uuid.uuid4())
        if name.lower() == "datetime":
            return _formatted(self.now, form or "yyyy-MM-ddTHH-mm-ssZ")
        if name.lower() in self.members and not form:
            return self.members[name.lower()]
        known = ", ".join(f"{{{each}}}" for each in ("rand-guid", "DateTime", *self.members))
        raise InvalidSetting(f"expression {match.group(0)!r}: expected one of {known}")


def _formatted(now: datetime, form: str) -> str:
    def part(match: re.Match[str]) -> str:
        piece = match.group(0)
        if piece == "fff":
            return f"{now.microsecond // 1000:03}"
        return now.strftime(_STRFTIME[piece]) if piece in _STRFTIME else piece

    return _DATE_PARTS.sub(part, form)
