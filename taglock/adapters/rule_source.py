"""The rule file on disk, parsed again when it changes."""

from collections.abc import Callable
from pathlib import Path

from taglock.domain.rule import RuleSet
from taglock.errors import InvalidConfiguration


class RuleFile:
    """Implements ports.RuleSource: a file that cannot be used is an error at every call, until it can."""

    def __init__(self, path: Path, read: Callable[[Path], RuleSet]) -> None:
        self._path = path
        self._read = read
        self._seen: tuple[int, int] | None = None
        self._rules: RuleSet | InvalidConfiguration | None = None

    def __call__(self) -> RuleSet:
        """Return the rules; raise InvalidConfiguration with every problem of the file, or that it cannot be read."""
        try:
            status = self._path.stat()
        except OSError as error:
            raise InvalidConfiguration.at("TAGLOCK_RULES", str(self._path), f"a readable file ({error})") from None
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._seen or self._rules is None:
            self._rules, self._seen = self._parsed(), stamp
        if isinstance(self._rules, InvalidConfiguration):
            raise self._rules
        return self._rules

    def _parsed(self) -> RuleSet | InvalidConfiguration:
        try:
            return self._read(self._path)
        except InvalidConfiguration as error:
            return error
