"""Off, the default, nothing of OpenTelemetry is loaded, at import or while a push is handled; on, its API alone."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import CloudOptions, LocalCloud
from localcloud.state import app_environment
from taglock.errors import InvalidConfiguration
from taglock.services import open_services
from taglock.signals import SILENT
from tests.app.test_in_the_worker import event, locked, push
from tests.architecture.sources import ROOT
from tests.pushing.images import plain

LISTEN = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, reader, tracers = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
tracers.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(tracers)
metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
"""
HANDLE = """
import asyncio, json, sys
import function_app

def loaded():
    return [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]

async def handle(text):
    from taglock.services import worker_services
    (push,) = [each for each in function_app.app.get_functions() if each.get_function_name() == "image_pushed"]
    await push.get_user_function()(text)
    await worker_services().aclose()

said = {"at_import": loaded()}
asyncio.run(handle(sys.stdin.read()))
said["at_end"] = loaded()
"""
SAY = """
said["spans"] = [span.name for span in spans.get_finished_spans()]
(scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
said["metrics"] = [metric.name for metric in scope.metrics]
"""
PRINT = "print(json.dumps(said))"


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(folder=tmp_path)) as running:
        running.registry.options.missing_content = "allowed"
        yield running


async def handled(cloud: LocalCloud, program: str, **settings: str) -> Mapping[str, Any]:
    """Push a release, let a fresh interpreter handle its event, and return what it says."""
    image, folder = plain("api"), Path(cloud.state.ca_file).parent
    push(cloud, "1.4.2", image)
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        cwd=ROOT,
        env={**os.environ, **app_environment(cloud.state, ledger=folder / "ledger.sqlite"), **settings},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await running.communicate(json.dumps(event(cloud, "1.4.2", image)).encode())
    assert running.returncode == 0, err.decode()
    assert locked(cloud, "1.4.2"), err.decode()
    said: Mapping[str, Any] = json.loads(out)
    return said


@pytest.mark.parametrize("settings", [{}, {"TAGLOCK_TELEMETRY": "off"}, {"TAGLOCK_TELEMETRY": ""}], ids=str)
async def test_off_loads_nothing_of_opentelemetry(cloud: LocalCloud, settings: Mapping[str, str]) -> None:
    assert await handled(cloud, HANDLE + PRINT, **settings) == {"at_import": [], "at_end": []}


async def test_on_loads_its_api_with_the_first_event_and_never_its_sdk(cloud: LocalCloud) -> None:
    said = await handled(cloud, HANDLE + PRINT, TAGLOCK_TELEMETRY="opentelemetry")
    assert said["at_import"] == []
    assert "opentelemetry.trace" in said["at_end"]
    assert not [name for name in said["at_end"] if name.startswith("opentelemetry.sdk")]


async def test_on_tells_the_global_providers_that_somebody_else_configured(cloud: LocalCloud) -> None:
    said = await handled(cloud, LISTEN + HANDLE + SAY + PRINT, TAGLOCK_TELEMETRY="opentelemetry")
    assert sorted(said["spans"]) == [
        "PATCH update manifest",
        "PATCH update tag",
        "POST oauth2 exchange",
        "POST oauth2 token",
        "image_pushed",
    ]
    assert sorted(said["metrics"]) == ["taglock.handled", "taglock.locks", "taglock.time_to_lock"]


def environment(**values: str) -> dict[str, str]:
    return {"TAGLOCK_REGISTRIES": "contoso.azurecr.io", "TAGLOCK_LEDGER": ":memory:", **values}


async def test_off_is_the_default_and_is_silence(tmp_path: Path) -> None:
    services = open_services(environment(), folder=tmp_path)
    assert services.enforcement.signals is SILENT
    await services.aclose()


def test_any_other_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"TAGLOCK_TELEMETRY.*'otlp'.*off or opentelemetry"):
        open_services(environment(TAGLOCK_TELEMETRY="otlp"), folder=tmp_path)


def test_on_without_the_package_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(InvalidConfiguration, match=r"TAGLOCK_TELEMETRY.*opentelemetry-api"):
        open_services(environment(TAGLOCK_TELEMETRY="opentelemetry"), folder=tmp_path)
