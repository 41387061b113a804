"""What the app measures: names, units and attributes, one table (docs/telemetry.md shows it; a test compares both).

Names and units follow https://opentelemetry.io/docs/specs/semconv/general/metrics/. No attribute names a repository, a
tag or a digest: each value of an attribute is a time series of its own, and those have no bound.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Instrument(StrEnum):
    """How a measure is added up."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One metric."""

    name: str
    instrument: Instrument
    unit: str
    """In UCUM; what is counted stands in braces."""
    attributes: tuple[str, ...]
    description: str
    boundaries: tuple[float, ...] = ()
    """Of a histogram's buckets, in its unit."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one measure."""

    measure: Measure
    value: float
    attributes: Mapping[str, str]


SERVER = "server.address"
"""The registry's login server; OpenTelemetry's own name for the host that is asked."""
TRIGGER = "taglock.trigger"
OUTCOME = "taglock.outcome"
MODE = "taglock.mode"
RESULT = "taglock.result"
KIND = "taglock.finding.kind"
OF = "taglock.coverage.of"
CATEGORY = "taglock.category"
CAUSE = "taglock.cause"
QUEUE = "taglock.due_work.of"

HANDLED = Measure(
    name="taglock.handled",
    instrument=Instrument.COUNTER,
    unit="{item}",
    attributes=(TRIGGER, OUTCOME, MODE),
    description="Events, pieces of due work and audits that were handled, one for each log line",
)
LOCKS = Measure(
    name="taglock.locks",
    instrument=Instrument.COUNTER,
    unit="{target}",
    attributes=(TRIGGER, RESULT, MODE),
    description="Manifests that were locked or already were, and targets that could not be locked",
)
TIME_TO_LOCK = Measure(
    name="taglock.time_to_lock",
    instrument=Instrument.HISTOGRAM,
    unit="s",
    attributes=(TRIGGER, MODE),
    description="From the push or deployment to the proof of its complete lock",
    boundaries=(0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 14_400, 86_400),
)
FINDINGS = Measure(
    name="taglock.findings",
    instrument=Instrument.GAUGE,
    unit="{finding}",
    attributes=(SERVER, KIND),
    description="Open findings of a registry when its last audit ended, every kind, also those with none",
)
COVERAGE = Measure(
    name="taglock.coverage",
    instrument=Instrument.GAUGE,
    unit="1",
    attributes=(SERVER, OF),
    description="The part of what is known to be there that the last audit of a registry looked at, 0 to 1",
)
UNREAD = Measure(
    name="taglock.unread",
    instrument=Instrument.GAUGE,
    unit="{subject}",
    attributes=(SERVER,),
    description="What the last audit of a registry could not look at",
)
THROTTLED = Measure(
    name="taglock.throttled",
    instrument=Instrument.COUNTER,
    unit="{call}",
    attributes=(SERVER, CATEGORY, CAUSE),
    description="Calls that a registry answered with 429, or that the app held back to keep within a limit",
)
DUE_WORK = Measure(
    name="taglock.due_work",
    instrument=Instrument.GAUGE,
    unit="{item}",
    attributes=(QUEUE,),
    description="Pieces of unfinished work",
)
DUE_WORK_AGE = Measure(
    name="taglock.due_work.age",
    instrument=Instrument.GAUGE,
    unit="s",
    attributes=(QUEUE,),
    description="For how long the oldest unfinished work has waited; 0 when there is none",
)
MEASURES = (HANDLED, LOCKS, TIME_TO_LOCK, FINDINGS, COVERAGE, UNREAD, THROTTLED, DUE_WORK, DUE_WORK_AGE)
