"""Gauges of an app with many instances: a value is told by the instance that measured it, and only while it is fresh.

An SDK repeats what a gauge was set to for as long as the process lives. The timer and the audits move from instance to
instance, so a value that is no longer true would stand beside the newer one of another instance.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.metrics import Observation

FRESH_SECONDS = 300.0
"""Longer than the usual minute between two exports, shorter than an instance stays alive."""


class Latest:
    """The latest value for each set of attributes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[tuple[tuple[str, str], ...], tuple[float, float]] = {}

    def keep(self, value: float, attributes: Mapping[str, str]) -> None:
        """Remember a value with the present time."""
        self._kept[tuple(sorted(attributes.items()))] = (value, self._clock())

    def observations(self, _options: Any) -> "Iterable[Observation]":
        """Return what is fresh, and forget the rest; an exporter's own thread calls this."""
        from opentelemetry.metrics import Observation

        now = self._clock()
        for attributes, (value, at) in tuple(self._kept.items()):
            if now - at <= FRESH_SECONDS:
                yield Observation(value, dict(attributes))
            else:
                self._kept.pop(attributes, None)
