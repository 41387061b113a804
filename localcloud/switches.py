"""Switches of an emulator that may be changed while it serves: a dataclass of literals, numbers and truths."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints


class Switches:
    """What a dataclass of switches can do; use it as the base of one."""

    __slots__ = ()

    def change(self, values: Mapping[str, object]) -> None:
        """Set several switches at once, all or none; ValueError names the switch, its value and what is allowed."""
        kinds = get_type_hints(type(self))
        for name, value in values.items():
            if name not in kinds:
                raise ValueError(f"options.{name} is {value!r}, expected one of {', '.join(sorted(kinds))}")
            _check(name, value, kinds[name])
        for name, value in values.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, object]:
        """Return all switches by name."""
        every: Any = self
        return {each.name: getattr(self, each.name) for each in fields(every)}


def _check(name: str, value: object, kind: object) -> None:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"options.{name} is {value!r}, expected one of {', '.join(get_args(kind))}")
    elif kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"options.{name} is {value!r}, expected true or false")
    elif isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)) or value < 0:
        raise ValueError(f"options.{name} is {value!r}, expected a number of at least 0")
