"""What Event Grid is allowed to do to events and may be told to do now: repeat, delay, reorder, encode twice."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviours:
    """How events are delivered from now on.

    `duplicates` counts additional deliveries of every event; `delay_seconds` is local time before the first one;
    `reorder` N holds N events per subscription and delivers them one after the other, newest first, 0 and 1 hold
    nothing; `text_data` writes `data` as a JSON string.
    """

    duplicates: int = 0
    delay_seconds: float = 0.0
    reorder: int = 0
    text_data: bool = False

    def changed(self, tree: Mapping[str, Any]) -> "Behaviours":
        """Return these behaviours with some replaced; ValueError names an unknown one or a wrong value."""
        known = {each.name: type(each.default) for each in fields(self)}
        for name, value in tree.items():
            if name not in known:
                raise ValueError(f"behaviour {name!r}: expected one of {sorted(known)}")
            if not _fits(value, known[name]):
                raise ValueError(f"behaviour {name} {value!r}: expected {known[name].__name__}, not negative")
        return replace(self, **tree)


def _fits(value: object, kind: type) -> bool:
    if kind is bool:
        return isinstance(value, bool)
    allowed = (int, float) if kind is float else (int,)
    return isinstance(value, allowed) and not isinstance(value, bool) and value >= 0
