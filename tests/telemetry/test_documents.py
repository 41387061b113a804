"""docs/telemetry.md says what is told: every metric with its unit, every field, attributes that have a bound."""

import json
import re
from collections.abc import Iterator, Mapping

import msgspec
import pytest
from opentelemetry.sdk.metrics.export import Gauge, Histogram, Metric, Sum

from handlers.audit_registry import audit_registry
from handlers.drift_audit import drift_audit, messages
from localcloud.faults import Fault, Throttled
from taglock.domain import measure
from taglock.domain.handled import Handled
from taglock.domain.measure import MEASURES, Instrument
from tests.architecture.sources import ROOT
from tests.pushing.images import plain
from tests.telemetry.listening import Told

TEXT = (ROOT / "docs/telemetry.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(taglock\.[a-z_.]+)` \| (counter|histogram|gauge) \| `([^`]+)` \| ([^|]*) \| ([^|]+) \|$", re.M)
BOUNDED = {measure.SERVER, measure.TRIGGER, measure.OUTCOME, measure.MODE, measure.RESULT} | {
    *(measure.KIND, measure.OF, measure.CATEGORY, measure.CAUSE, measure.QUEUE)
}
SWITCHES = (
    "TAGLOCK_TELEMETRY",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
    "AzureFunctionsJobHost__telemetryMode",
)
TAGS = [f"1.0.{number}" for number in range(12)]


def documented() -> Mapping[str, tuple[str, str, tuple[str, ...], str]]:
    rows = ROW.findall(TEXT)
    return {name: (kind, unit, tuple(re.findall("`([^`]+)`", names)), what) for name, kind, unit, names, what in rows}


def instrument_of(metric: Metric) -> Instrument:
    match metric.data:
        case Sum(is_monotonic=True):
            return Instrument.COUNTER
        case Histogram():
            return Instrument.HISTOGRAM
        case Gauge():
            return Instrument.GAUGE
    raise AssertionError(f"{metric.name}: {type(metric.data)}")


def attribute_names(metric: Metric) -> set[str]:
    return {name for point in metric.data.data_points for name in point.attributes or {}}


async def everything(told: Told) -> Mapping[str, Metric]:
    """Lock, wait, throttle and audit in many repositories, then collect."""
    throttled = Fault(action=Throttled(retry_after_seconds=60), method="PATCH", kind="tag", times=1)
    for number, tag in enumerate(TAGS):
        event = told.local.push(tag, plain(tag), repository=f"prod/api-{number}")
        await told.local.deliver(event)
    told.local.emulator.faults.add(throttled)
    await told.local.deliver(told.local.push("2.0.0", plain("throttled")))
    await told.local.tick()
    for message in messages(await drift_audit(told.auditing())):
        await audit_registry(told.auditing(), message)
    return told.ear.metrics()


async def test_what_the_sdk_sees_is_what_the_document_says(told: Told) -> None:
    seen = await everything(told)
    table = documented()
    assert set(seen) == set(table) == {each.name for each in MEASURES}
    for name, metric in seen.items():
        kind, unit, attributes, what = table[name]
        assert (instrument_of(metric), metric.unit, metric.description) == (kind, unit, what), name
        assert attribute_names(metric) == set(attributes), name


async def test_no_metric_grows_with_repositories_tags_or_digests(told: Told) -> None:
    seen = await everything(told)
    values = {
        str(value)
        for metric in seen.values()
        for point in metric.data.data_points
        for value in (point.attributes or {}).values()
    }
    assert {name for metric in seen.values() for name in attribute_names(metric)} <= BOUNDED
    assert not [value for value in values if value in TAGS or value.startswith("prod/") or "sha256:" in value]
    pushes = [point for point in seen["taglock.locks"].data.data_points if "image_pushed" in str(point.attributes)]
    assert len(pushes) == 2  # applied and failed, whatever was pushed


def test_every_name_has_the_form_that_opentelemetry_asks_for() -> None:
    """Lower case, with dots between and underscores within words; nothing counted ends in `_total` or its unit."""
    for each in MEASURES:
        for name in (each.name, *each.attributes):
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)+", name), name
        assert not each.name.endswith(("_total", "_seconds", ".s"))
        assert each.unit in ("s", "1") or re.fullmatch(r"\{[a-z]+\}", each.unit)
        assert bool(each.boundaries) == (each.instrument is Instrument.HISTOGRAM)


def test_the_document_names_every_attribute_and_every_field() -> None:
    names = {name for each in MEASURES for name in each.attributes}
    fields = {field.name for field in msgspec.structs.fields(Handled)} | {"duration_ms", "error", "message"}
    told = set(re.findall(r"`([a-z_.]+)`", TEXT))
    assert names | fields <= told


def queries() -> Iterator[str]:
    yield from re.findall(r"```kql\n(.+?)```", TEXT, re.S)


@pytest.mark.parametrize("query", list(queries()))
def test_a_query_asks_for_fields_and_metrics_that_there_are(query: str) -> None:
    fields = {field.name for field in msgspec.structs.fields(Handled)}
    assert set(re.findall(r"\bline\.(\w+)", query)) <= fields
    (table, *_) = query.split()
    if table == "customMetrics":
        (name,) = re.findall(r'name == "([^"]+)"', query)
        (asked,) = [each for each in MEASURES if each.name == name]
        assert set(re.findall(r'customDimensions\["([^"]+)"\]', query)) <= set(asked.attributes)


def test_the_host_and_the_worker_are_switched_by_the_settings_that_the_document_names() -> None:
    bicep = (ROOT / "infra/app/function-app.bicep").read_text(encoding="utf-8")
    for name in SWITCHES:
        (line,) = re.findall(rf"(?m)^  {name}: (.+)$", bicep)
        assert "taglock.telemetry" in line
        assert f"`{name}`" in TEXT
    assert "telemetryMode" not in json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
