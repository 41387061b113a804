"""A part of a resource's body, with its path: read member by member, believed in nothing."""

from collections.abc import Mapping

import msgspec

from taglock.errors import UnreadableBody

MAXIMUM_ITEMS = 1_000
MAXIMUM_TEXT = 1_024
TYPE_NAMES = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a body; absent and null are the same. Raises UnreadableBody for what has another type."""

    value: object
    path: str
    target: str
    """The resource whose body it is, for messages."""

    def part(self, name: str) -> "Part":
        """Return a member of an object; a member of nothing is nothing."""
        if self.value is None:
            return self._below(None, f".{name}")
        if not isinstance(self.value, Mapping):
            raise self.unreadable("an object")
        return self._below(self.value.get(name), f".{name}")

    def items(self) -> list["Part"]:
        """Return the items of a list, none of nothing."""
        if self.value is None:
            return []
        if not isinstance(self.value, list | tuple):
            raise self.unreadable("a list")
        if len(self.value) > MAXIMUM_ITEMS:
            raise UnreadableBody(
                self.path, f"{len(self.value)} items", f"at most {MAXIMUM_ITEMS} of them", target=self.target
            )
        return [self._below(item, f"[{index}]") for index, item in enumerate(self.value)]

    def text(self) -> str:
        """Return a text without the white space around it, '' for nothing."""
        if self.value is None:
            return ""
        if not isinstance(self.value, str):
            raise self.unreadable("a text")
        return self.value.strip()

    def given(self) -> "Part":
        """Return this part when there is something; raise UnreadableBody otherwise."""
        if self.value is None:
            raise self.unreadable("it to be there")
        return self

    def unreadable(self, expected: str) -> UnreadableBody:
        """Build the error for this part."""
        found = TYPE_NAMES.get(type(self.value), "a number")
        return UnreadableBody(self.path, found, expected, target=self.target)

    def _below(self, value: object, name: str) -> "Part":
        return Part(value=value, path=f"{self.path}{name}", target=self.target)


def printable(text: str) -> bool:
    """Tell whether a text may be copied: not empty, bounded, printable."""
    return 0 < len(text) <= MAXIMUM_TEXT and text.isprintable()
