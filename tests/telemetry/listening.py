"""An app that tells its signals to OpenTelemetry's own SDK, which keeps them in memory."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from copy import replace
from dataclasses import dataclass, field

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from localcloud.tls import Authority
from taglock.adapters.acr_registry import AcrOptions, AcrRegistry, open_registry
from taglock.adapters.otel_signals import open_signals
from taglock.enforcement.audit.context import Auditing
from taglock.signals import Signals
from tests.pushing.world import StaticCredential, World, world

type Attributes = Mapping[str, object]


@dataclass
class Ear:
    """What was heard. `seconds` is the clock of gauges."""

    spans: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    seconds: float = 0.0

    def signals(self) -> Signals:
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        meters = MeterProvider(metric_readers=[self.reader])
        return open_signals(tracers=tracers, meters=meters, clock=lambda: self.seconds)

    def of_kind(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in self.spans.get_finished_spans() if span.kind is kind]

    @property
    def invocation(self) -> ReadableSpan:
        (span,) = self.of_kind(SpanKind.INTERNAL)
        return span

    @property
    def requests(self) -> list[ReadableSpan]:
        return self.of_kind(SpanKind.CLIENT)

    def metrics(self) -> dict[str, Metric]:
        """Collect once: name -> metric."""
        collected = self.reader.get_metrics_data()
        scopes = [scope for each in collected.resource_metrics for scope in each.scope_metrics] if collected else []
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def values(self, name: str) -> dict[tuple[object, ...], float]:
        """Collect once: attribute values (in the order of their names) -> value, of a histogram its sum."""
        metric = self.metrics().get(name)
        return dict(_values(metric)) if metric is not None else {}


def _values(metric: Metric) -> Iterator[tuple[tuple[object, ...], float]]:
    for point in metric.data.data_points:
        attributes = point.attributes or {}
        yield tuple(attributes[key] for key in sorted(attributes)), getattr(point, "value", getattr(point, "sum", 0))


@dataclass
class Told:
    """A world, and who hears of it."""

    local: World
    ear: Ear
    registry: AcrRegistry

    def auditing(self) -> Auditing:
        return Auditing(
            app=self.local.app,
            listings=lambda _login_server: self.registry.listing(),
            background=lambda _login_server: self.registry.background(),
        )


@asynccontextmanager
async def listening(authority: Authority, *, share: float = 1.0, writes_per_minute: int = 1_000) -> AsyncIterator[Told]:
    """Serve a registry, and open the app's ports on it with signals on."""
    async with world(authority) as local:
        ear = Ear()
        signals = ear.signals()
        options = AcrOptions(
            audience="https://containerregistry.azure.net",
            share=share,
            writes_per_minute=writes_per_minute,
            request_timeout_seconds=5.0,
            signals=signals,
        )
        registry = open_registry(local.login_server, credential=StaticCredential(), options=options)
        local.app = replace(local.app, signals=signals, registries=lambda _login_server: registry)
        try:
            yield Told(local, ear, registry)
        finally:
            await registry.aclose()
