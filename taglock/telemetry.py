"""One span for each invocation, and one structured log line for each thing that it handled (docs/telemetry.md)."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from taglock.domain.handled import Handled
from taglock.signals import Attribute, Signals

logger = logging.getLogger("taglock")

LEVELS = {"failed": logging.ERROR, "rejected": logging.WARNING, "unfinished": logging.WARNING}
"""By outcome; everything else is information."""
EVENT_ID = "cloudevents.event_id"
"""OpenTelemetry's own name; an event in Event Grid's schema has the same id."""


class InvocationLine:
    """Collects what an invocation handled and logs one line for each."""

    def __init__(self, trigger: str, signals: Signals) -> None:
        self._trigger = trigger
        self._signals = signals
        self._started = time.perf_counter()
        self._event_id = ""
        self._event_ids: set[str] = set()
        self._outcomes: set[str] = set()

    def about(self, event_id: str) -> None:
        """Say which event is handled, so that an error names it too."""
        self._event_id = event_id
        self._event_ids.add(event_id)

    def tells(self, handled: Handled) -> Handled:
        """Log what was handled with the time since the invocation began, count it, and return it."""
        fields = {name: value for name, value in msgspec.structs.asdict(handled).items() if _is_said(value)}
        fields["duration_ms"] = self._milliseconds()
        level = LEVELS.get(handled.outcome, logging.WARNING if handled.problems else logging.INFO)
        logger.log(level, json.dumps(fields, default=str))
        self._signals.handled(handled)
        self._outcomes.add(handled.outcome)
        self._event_ids.add(handled.event_id)
        return handled

    def broke(self, error: BaseException) -> None:
        """Log that the invocation ended with an error."""
        fields = {"trigger": self._trigger, "outcome": "error", "error": type(error).__name__, "message": str(error)}
        about = {"event_id": self._event_id} if self._event_id else {}
        logger.error(json.dumps({**fields, **about, "duration_ms": self._milliseconds()}))
        self._outcomes.add("error")

    def attributes(self) -> Mapping[str, Attribute]:
        """Return what the span tells of it all: the outcomes, and the event when there was one and no other."""
        (event_id, *others) = sorted(self._event_ids) or [""]
        about: dict[str, Attribute] = {EVENT_ID: event_id} if event_id and not others else {}
        return {**about, "taglock.outcomes": sorted(self._outcomes)}

    def _milliseconds(self) -> float:
        return round((time.perf_counter() - self._started) * 1000, 2)


@contextmanager
def invocation(signals: Signals, trigger: str) -> Iterator[InvocationLine]:
    """Time one invocation; an error is logged and passed on."""
    with signals.invocation(trigger) as span:
        line = InvocationLine(trigger, signals)
        try:
            yield line
        except Exception as error:
            line.broke(error)
            raise
        finally:
            span.tell(line.attributes())


def _is_said(value: object) -> bool:
    """Tell whether a field is worth its place in a line; a measured time is, also when it is 0."""
    return isinstance(value, float) or value not in (None, "", 0, ())
