"""One structured log line for each invocation, as JSON, with the fields of what was handled."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from taglock.domain.handled import Handled

logger = logging.getLogger("taglock")

LEVELS = {"failed": logging.ERROR, "rejected": logging.WARNING, "unfinished": logging.WARNING}
"""By outcome; everything else is information."""


class InvocationLine:
    """Collects what an invocation handled and logs one line for each."""

    def __init__(self, trigger: str) -> None:
        self._trigger = trigger
        self._started = time.perf_counter()

    def tells(self, handled: Handled) -> Handled:
        """Log what was handled with the time since the invocation began, and return it."""
        fields = {name: value for name, value in msgspec.structs.asdict(handled).items() if value not in ("", 0, ())}
        fields["duration_ms"] = self._milliseconds()
        level = LEVELS.get(handled.outcome, logging.WARNING if handled.problems else logging.INFO)
        logger.log(level, json.dumps(fields, default=str))
        return handled

    def broke(self, error: BaseException) -> None:
        """Log that the invocation ended with an error."""
        fields = {"trigger": self._trigger, "outcome": "error", "error": type(error).__name__, "message": str(error)}
        logger.error(json.dumps({**fields, "duration_ms": self._milliseconds()}))

    def _milliseconds(self) -> float:
        return round((time.perf_counter() - self._started) * 1000, 2)


@contextmanager
def invocation(trigger: str) -> Iterator[InvocationLine]:
    """Time one invocation; an error is logged and passed on."""
    line = InvocationLine(trigger)
    try:
        yield line
    except Exception as error:
        line.broke(error)
        raise
