"""Ranges of semantic versions, such as `>=1.2 <2`, `^1.4`, `~1.4.2`, `1.x || >=3.0.0`.

Precedence is that of https://semver.org/spec/v2.0.0.html#spec-item-11. A partial version stands for every version
that begins with it, prereleases included; a full version stands for itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from taglock.errors import InvalidConfiguration

if TYPE_CHECKING:
    from semver import Version

MAXIMUM_RANGE = 256
EXPECTED = "a range such as '>=1.0.0 <2', '^1.4', '~1.4.2', '1.x || >=3' or '*' (see docs/rules.md)"

Key = tuple[Any, ...]
"""Sorts as semantic versions do: numbers, then 0 and the identifiers of a prerelease, or 1."""

# Linear although on `re`: every alternative is decided by its first character, and the text is bounded.
_COMPARATOR = re.compile(r"(\^|~|>=|<=|!=|==|=|>|<)?\s*([0-9A-Za-z.*+-]+)(?=\s|[\^~<>=!]|$)", re.ASCII)
_HYPHEN = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*", re.ASCII)
_NUMBER = r"(0|[1-9][0-9]*|[xX*])"
_PARTIAL = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER})?)?", re.ASCII)
_LOWEST: Key = (0, 0, 0, 0, (0, 0))  # 0.0.0-0
_DIRECTLY_AFTER: Key = (-1,)  # sorts after the key it is appended to and before everything else that begins with it


@dataclass(frozen=True, slots=True)
class VersionRange:
    """A range as written; a version is in it when it lies in any of its intervals."""

    text: str
    _alternatives: tuple["_Interval", ...] = field(compare=False, repr=False)

    def contains(self, version: "Version") -> bool:
        """Tell whether the version is in the range, by precedence."""
        key = precedence(version)
        return any(interval.contains(key) for interval in self._alternatives)


class _Interval(msgspec.Struct, frozen=True):
    """Versions from `low` (included) to `high` (excluded), without the holes."""

    low: Key
    high: Key | None
    holes: tuple[tuple[Key, Key], ...] = ()

    def contains(self, key: Key) -> bool:
        if key < self.low or (self.high is not None and key >= self.high):
            return False
        return not any(low <= key < high for low, high in self.holes)


class _Term(msgspec.Struct, frozen=True):
    """A version as written in a range; None stands for what was left out or written as `x` or `*`."""

    major: int | None
    minor: int | None
    patch: int | None
    version: "Version | None"

    def span(self) -> tuple[Key, Key | None]:
        """Return the first key that the term stands for and the first after it, None when it has no end."""
        if self.version is not None:
            key = precedence(self.version)
            return key, (*key, _DIRECTLY_AFTER)
        if self.major is None:
            return _LOWEST, None
        end = (self.major + 1, 0, 0, 0) if self.minor is None else (self.major, self.minor + 1, 0, 0)
        return (self.major, self.minor or 0, 0, 0), end

    def caret_end(self) -> Key:
        """Return where the leftmost number that is not zero changes."""
        if self.major or self.minor is None:
            return ((self.major or 0) + 1, 0, 0, 0)
        if self.minor or self.patch is None:
            return (0, self.minor + 1, 0, 0)
        return (0, 0, self.patch + 1, 0)

    def tilde_end(self) -> Key:
        """Return where the minor number changes, or the major when no minor was given."""
        if self.minor is None:
            return ((self.major or 0) + 1, 0, 0, 0)
        return (self.major or 0, self.minor + 1, 0, 0)


def precedence(version: "Version") -> Key:
    """Return a key that sorts as precedence does; build metadata does not count."""
    return (version.major, version.minor, version.patch, *_prerelease_key(version.prerelease))


@lru_cache(maxsize=1024)
def _prerelease_key(prerelease: str | None) -> Key:
    if prerelease is None:
        return (1,)
    return (0, *((0, int(part)) if part.isdigit() else (1, part) for part in prerelease.split(".")))


def parse_range(text: str, path: str = "semver") -> VersionRange:
    """Parse a range or raise InvalidConfiguration; a range that no version can satisfy is refused too."""
    if len(text) > MAXIMUM_RANGE:
        raise InvalidConfiguration.at(path, text, f"at most {MAXIMUM_RANGE} characters")
    try:
        alternatives = tuple(_intersection(part) for part in text.split("||"))
    except ValueError as error:
        raise InvalidConfiguration.at(path, text, f"{EXPECTED}; {error}") from error
    return VersionRange(text, alternatives)


def _intersection(text: str) -> _Interval:
    intervals = list(_intervals(text))
    if not intervals:
        raise ValueError("there is nothing to compare with")
    low = max(interval.low for interval in intervals)
    high = min((interval.high for interval in intervals if interval.high is not None), default=None)
    if high is not None and low >= high:
        raise ValueError(f"no version satisfies {text.strip()!r}")
    return _Interval(low, high, tuple(hole for interval in intervals for hole in interval.holes))


def _intervals(text: str) -> Iterator[_Interval]:
    if (hyphen := _HYPHEN.fullmatch(text)) is not None:
        yield _interval(">=", _parse_term(hyphen[1]))
        yield _interval("<=", _parse_term(hyphen[2]))
        return
    rest = text.replace(",", " ").strip()
    while rest:
        comparator = _COMPARATOR.match(rest)
        if comparator is None:
            raise ValueError(f"{rest!r} is not a comparator")
        yield _interval(comparator[1] or "=", _parse_term(comparator[2]))
        rest = rest[comparator.end() :].lstrip()


def _interval(operator: str, term: _Term) -> _Interval:
    low, high = term.span()
    match operator:
        case "=" | "==":
            return _Interval(low, high)
        case ">=":
            return _Interval(low, None)
        case "<=":
            return _Interval(_LOWEST, high)
        case "<":
            return _Interval(_LOWEST, low)
    if high is None:
        raise ValueError(f"{operator!r} needs a version, not '*'")
    if operator == ">":
        return _Interval(high, None)
    if operator == "!=":
        return _Interval(_LOWEST, None, ((low, high),))
    return _Interval(low, term.caret_end() if operator == "^" else term.tilde_end())


def _parse_term(text: str) -> _Term:
    if (partial := _PARTIAL.fullmatch(text)) is not None:
        numbers = [int(part) if part and part not in "xX*" else None for part in partial.groups()]
        if any(later is not None and earlier is None for earlier, later in pairwise(numbers)):
            raise ValueError(f"{text!r} has a number after a wildcard")
        if numbers[2] is None:
            return _Term(numbers[0], numbers[1], None, None)
    from semver import Version  # its package costs 8 ms, which only files with versions should pay

    version = Version.parse(text)  # raises ValueError with its own sentence
    if version.build is not None:
        raise ValueError(f"{text!r} has build metadata, which a tag cannot carry")
    return _Term(version.major, version.minor, version.patch, version)
