"""Signals by OpenTelemetry's API: whoever configured its global providers exports them; with nobody, nothing happens.

The Functions worker configures them where PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY is true
(azure_functions_runtime/otel.py; https://learn.microsoft.com/azure/azure-functions/opentelemetry-howto).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from taglock.adapters.otel_gauges import Latest
from taglock.domain.audit_report import AuditReport
from taglock.domain.backlog import Backlog
from taglock.domain.handled import Handled
from taglock.domain.measure import MEASURES, TRIGGER, Instrument, Measure, Measured
from taglock.domain.measuring import of_audit, of_backlog, of_handled, of_throttling
from taglock.domain.throttling import Throttling
from taglock.errors import InvalidConfiguration
from taglock.signals import Attribute, Signals, Span

if TYPE_CHECKING:
    from opentelemetry import metrics, trace

SCOPE = "taglock"
"""The name of the instrumentation scope of all spans and metrics."""

type Record = Callable[[float, Mapping[str, str]], None]


def open_signals(
    *,
    tracers: "trace.TracerProvider | None" = None,
    meters: "metrics.MeterProvider | None" = None,
    clock: Callable[[], float] = monotonic,
) -> Signals:
    """Return signals to these providers, to OpenTelemetry's global ones by default.

    Raises InvalidConfiguration where OpenTelemetry is not installed. `clock` never goes back, in seconds.
    """
    try:
        from opentelemetry import metrics, trace
    except ImportError as error:
        expected = "off, or the package opentelemetry-api installed"
        raise InvalidConfiguration.at("TAGLOCK_TELEMETRY", "opentelemetry", expected) from error
    meter = metrics.get_meter(SCOPE, meter_provider=meters)
    records = {measure.name: _record(meter, measure, clock) for measure in MEASURES}
    return _OpenTelemetry(trace.get_tracer(SCOPE, tracer_provider=tracers), records)


class _OpenTelemetry:
    """Implements Signals."""

    def __init__(self, tracer: "trace.Tracer", records: Mapping[str, Record]) -> None:
        from opentelemetry.trace import SpanKind

        self._tracer = tracer
        self._records = records
        self._internal, self._client = SpanKind.INTERNAL, SpanKind.CLIENT

    def invocation(self, trigger: str) -> AbstractContextManager[Span]:
        """Begin the span of one invocation; its parent is the host's, which the worker takes over."""
        return self._span(trigger, kind=self._internal, attributes={TRIGGER: trigger})

    def request(self, name: str, attributes: Mapping[str, Attribute]) -> AbstractContextManager[Span]:
        """Begin the span of one request."""
        return self._span(name, kind=self._client, attributes=attributes)

    def handled(self, handled: Handled) -> None:
        """Count what was handled."""
        self._measure(of_handled(handled))

    def audited(self, report: AuditReport) -> None:
        """Tell what a finished audit found and how much it saw."""
        self._measure(of_audit(report))

    def waiting(self, backlog: Backlog) -> None:
        """Tell how much work is unfinished."""
        self._measure(of_backlog(backlog))

    def throttled(self, throttling: Throttling) -> None:
        """Count a call that was throttled."""
        self._measure(of_throttling(throttling))

    def _measure(self, found: Iterable[Measured]) -> None:
        for each in found:
            self._records[each.measure.name](each.value, each.attributes)

    @contextmanager
    def _span(self, name: str, *, kind: Any, attributes: Mapping[str, Attribute]) -> Iterator[Span]:
        """Begin a span. An error is told by its class only: its text may hold what a registry or a caller sent."""
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
        ) as started:
            span = _OpenTelemetrySpan(started)
            try:
                yield span
            except BaseException as error:
                span.failed(type(error).__name__)
                raise


class _OpenTelemetrySpan:
    """Implements Span."""

    def __init__(self, span: "trace.Span") -> None:
        self._span = span

    def tell(self, attributes: Mapping[str, Attribute]) -> None:
        """Add attributes, over those of the same name."""
        self._span.set_attributes(dict(attributes))

    def failed(self, error_type: str) -> None:
        """Mark it as failed (https://opentelemetry.io/docs/specs/semconv/general/recording-errors/)."""
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", error_type)
        self._span.set_status(StatusCode.ERROR)


def _record(meter: "metrics.Meter", measure: Measure, clock: Callable[[], float]) -> Record:
    """Make a measure's instrument and return what records a value."""
    match measure.instrument:
        case Instrument.COUNTER:
            counter = meter.create_counter(measure.name, measure.unit, measure.description)
            return lambda value, attributes: counter.add(value, attributes)
        case Instrument.HISTOGRAM:
            histogram = meter.create_histogram(
                measure.name,
                measure.unit,
                measure.description,
                explicit_bucket_boundaries_advisory=list(measure.boundaries),
            )
            return lambda value, attributes: histogram.record(value, attributes)
        case Instrument.GAUGE:
            latest = Latest(clock)
            meter.create_observable_gauge(measure.name, [latest.observations], measure.unit, measure.description)
            return latest.keep
