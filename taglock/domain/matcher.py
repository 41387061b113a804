"""Globs, lists of globs and whole-text regular expressions, all on RE2: linear time whatever the pattern.

RE2 (https://github.com/google/re2/wiki/Syntax) is used through bytes patterns, which cost a third of text patterns.
`re2.Set` is avoided on purpose: it answers "no match" when it runs out of memory, and a rule must never fail open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import re2

from taglock.errors import InvalidConfiguration, Problem, shortened

MAXIMUM_PATTERN = 1000
"""Characters in one glob or regular expression."""
MAXIMUM_ENTRIES = 200
"""Entries in one list of globs."""
MEMORY_BYTES = 2 * 1024 * 1024
"""What one compiled pattern may use; RE2 refuses a pattern that would need more."""


class Alphabet(msgspec.Struct, frozen=True):
    """The characters that can occur in one kind of name; a glob with any other could never match."""

    characters: frozenset[str] | None
    """None means any character."""
    description: str


_LOWER = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
REGISTRY_NAMES = Alphabet(frozenset(f"{_LOWER}{_DIGITS}.-:"), "lower-case letters, digits, '.', '-', ':'")
REPOSITORY_NAMES = Alphabet(frozenset(f"{_LOWER}{_DIGITS}._-/"), "lower-case letters, digits, '.', '_', '-', '/'")
TAG_NAMES = Alphabet(frozenset(f"{_LOWER}{_LOWER.upper()}{_DIGITS}._-"), "letters, digits, '_', '.', '-'")
ANY_TEXT = Alphabet(None, "any characters")


class Compiled(Protocol):
    """What is used of a compiled RE2 pattern."""

    def fullmatch(self, text: bytes) -> object | None:
        """Return a match of the whole text or None."""


@dataclass(frozen=True, slots=True)
class GlobList:
    """Globs of which at least one must match, and none of those after `!`; `*` stops at `/`, `**` does not."""

    entries: tuple[str, ...]
    """As written, exclusions with their `!`."""
    _wanted: "_AnyOf" = field(compare=False, repr=False)
    _excluded: "_AnyOf" = field(compare=False, repr=False)

    def matches(self, text: str) -> bool:
        """Tell whether any positive entry and no exclusion matches the whole text."""
        return self._wanted.matches(text) and not self._excluded.matches(text)

    def why_not(self, text: str) -> str:
        """Return why the text does not match, as the end of a sentence that began with the text."""
        if not self._wanted.matches(text):
            return f"matches none of {spelled_list(self.positive)}"
        return f"is excluded by {spelled_list(self.negative)}"

    @property
    def positive(self) -> tuple[str, ...]:
        """The entries without `!`."""
        return tuple(entry for entry in self.entries if not entry.startswith("!"))

    @property
    def negative(self) -> tuple[str, ...]:
        """The entries with `!`."""
        return tuple(entry for entry in self.entries if entry.startswith("!"))

    @property
    def is_everything(self) -> bool:
        """Whether every name of its kind matches."""
        return self._wanted.everything and not self.negative


@dataclass(frozen=True, slots=True)
class WholeRegex:
    """A regular expression (RE2 syntax) that must match the whole text."""

    pattern: str
    _compiled: Compiled = field(compare=False, repr=False)

    def matches(self, text: str) -> bool:
        """Tell whether the pattern matches the whole text."""
        return self._compiled.fullmatch(_bytes(text)) is not None

    def why_not(self, text: str) -> str:
        """Return why the text does not match, as the end of a sentence that began with the text."""
        return f"does not match the whole regular expression {self.pattern!r}"


class _AnyOf(msgspec.Struct, frozen=True):
    """Globs without `!`: plain names are looked up, the rest is one RE2 alternation."""

    names: frozenset[str]
    compiled: Compiled | None
    everything: bool

    def matches(self, text: str) -> bool:
        if self.everything or text in self.names:
            return True
        return self.compiled is not None and self.compiled.fullmatch(_bytes(text)) is not None


def glob_list(entries: Sequence[str], path: str = "globs", *, alphabet: Alphabet = ANY_TEXT) -> GlobList:
    """Compile globs with `!` exclusions or raise InvalidConfiguration with every problem and its path."""
    problems = [
        Problem(f"{path}[{index}]", complaint)
        for index, entry in enumerate(entries[:MAXIMUM_ENTRIES])
        for complaint in _complaints(entry, alphabet)
    ]
    positive = [entry for entry in entries if not entry.startswith("!")]
    if not positive:
        problems.append(Problem(path, f"{shortened(list(entries))}, expected at least one entry without '!'"))
    if len(entries) > MAXIMUM_ENTRIES:
        problems.append(Problem(path, f"{len(entries)} entries, expected at most {MAXIMUM_ENTRIES}"))
    if problems:
        raise InvalidConfiguration(*problems)
    negative = [entry[1:] for entry in entries if entry.startswith("!")]
    return GlobList(
        tuple(entries), _any_of(positive, path, alphabet=alphabet), _any_of(negative, path, alphabet=alphabet)
    )


def whole_regex(pattern: str, path: str = "regex") -> WholeRegex:
    """Compile a regular expression that must match whole texts, or raise InvalidConfiguration."""
    if not pattern or len(pattern) > MAXIMUM_PATTERN:
        raise InvalidConfiguration.at(path, pattern, f"a regular expression of 1 to {MAXIMUM_PATTERN} characters")
    try:
        return WholeRegex(pattern, _compiled(pattern, dot_matches_newline=False))
    except re2.error as error:
        raise InvalidConfiguration.at(path, pattern, f"RE2 syntax ({_said(error)})") from error


def glob_to_regex(glob: str) -> str:
    """Translate one glob: `*` and `?` stay within a segment, `**` crosses `/`, `**/` is any number of segments."""
    parts, position = [], 0
    while position < len(glob):
        at_segment_start = position == 0 or glob[position - 1] == "/"
        piece, width = _translated(glob[position:], at_segment_start=at_segment_start)
        parts.append(piece)
        position += width
    return "".join(parts)


def _translated(rest: str, *, at_segment_start: bool) -> tuple[str, int]:
    if rest.startswith("**"):
        width = len(rest) - len(rest.lstrip("*"))
        if at_segment_start and rest[width : width + 1] == "/":
            return r"(?:.*/)?", width + 1
        return ".*", width
    if rest[0] in "*?":
        return ("[^/]*" if rest[0] == "*" else "[^/]"), 1
    return re2.escape(rest[0]), 1


def spelled_list(entries: Sequence[str], limit: int = 8) -> str:
    """Return entries for a sentence: quoted, separated by commas, cut after `limit`."""
    shown = ", ".join(repr(entry) for entry in entries[:limit])
    return shown if len(entries) <= limit else f"{shown} and {len(entries) - limit} more"


def _any_of(globs: Sequence[str], path: str, *, alphabet: Alphabet) -> _AnyOf:
    names = frozenset(glob for glob in globs if not set(glob) & set("*?"))
    patterns = [glob_to_regex(glob) for glob in globs if glob not in names]
    if not patterns:
        return _AnyOf(names, None, everything=False)
    try:
        compiled = _compiled("|".join(patterns), dot_matches_newline=True)
    except re2.error as error:
        raise InvalidConfiguration.at(path, list(globs), f"smaller or fewer globs ({_said(error)})") from error
    unlimited = {"**", "*"} if alphabet.characters and "/" not in alphabet.characters else {"**"}
    return _AnyOf(names, compiled, everything=not unlimited.isdisjoint(globs))


def _complaints(entry: str, alphabet: Alphabet) -> list[str]:
    glob = entry.removeprefix("!")
    if not glob or len(glob) > MAXIMUM_PATTERN:
        return [f"{shortened(entry)}, expected a glob of 1 to {MAXIMUM_PATTERN} characters"]
    strange = sorted(set(glob) & set("![]{}\\")) or sorted(set(glob) - (alphabet.characters or set(glob)) - set("*?"))
    if strange:
        return [
            f"{shortened(entry)} contains {spelled_list(strange)} and so could never match, "
            f"expected {alphabet.description} with '*', '**', '?' and a leading '!'"
        ]
    return []


def _compiled(pattern: str, *, dot_matches_newline: bool) -> Compiled:
    options = re2.Options()
    options.max_mem = MEMORY_BYTES
    options.log_errors = False
    options.never_capture = True
    options.dot_nl = dot_matches_newline
    compiled: Compiled = re2.compile(_bytes(pattern), options)
    return compiled


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a lone surrogate cannot occur in a name; it must not raise either


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else "not accepted"
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
