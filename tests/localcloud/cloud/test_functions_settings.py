import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcloud.functions.bindings import Function, HttpTrigger
from localcloud.functions.errors import InvalidSetting, UnsupportedBinding
from localcloud.functions.expressions import Filling, resolve_settings
from localcloud.functions.host import FunctionsHost, HostOptions
from localcloud.functions.keys import AuthLevel
from localcloud.functions.outputs import message_bodies
from localcloud.functions.protos import TypedData
from localcloud.functions.routes import compile_routes
from localcloud.functions.settings import HostSettings, QueueSettings, read_host_settings, read_local_values
from localcloud.functions.storage import FolderStorage

NOW = datetime(2026, 3, 2, 4, 5, 6, 7_000, tzinfo=UTC)


def host_settings(folder: Path, tree: Any) -> HostSettings:
    (folder / "host.json").write_text(json.dumps(tree))
    return read_host_settings(folder)


def test_host_json_without_more_than_its_version_has_the_engines_defaults(tmp_path: Path) -> None:
    assert host_settings(tmp_path, {"version": "2.0"}) == HostSettings(
        route_prefix="api",
        function_timeout=timedelta(minutes=30),
        telemetry_mode=None,
        queues=QueueSettings(
            batch_size=16, max_dequeue_count=5, visibility_timeout=timedelta(), message_encoding="base64"
        ),
    )


def test_host_json_is_read_whole(tmp_path: Path) -> None:
    queues = {"batchSize": 1, "maxDequeueCount": 2, "visibilityTimeout": "00:00:30", "messageEncoding": "none"}
    tree = {
        "version": "2.0",
        "functionTimeout": "01:02:03",
        "telemetryMode": "OpenTelemetry",
        "extensions": {"http": {"routePrefix": ""}, "queues": queues},
    }
    assert host_settings(tmp_path, tree) == HostSettings(
        route_prefix="",
        function_timeout=timedelta(hours=1, minutes=2, seconds=3),
        telemetry_mode="OpenTelemetry",
        queues=QueueSettings(
            batch_size=1, max_dequeue_count=2, visibility_timeout=timedelta(seconds=30), message_encoding="none"
        ),
    )


def test_function_timeout_of_minus_one_means_no_limit(tmp_path: Path) -> None:
    assert host_settings(tmp_path, {"version": "2.0", "functionTimeout": "-1"}).function_timeout is None


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        ({}, "version"),
        ([], "object"),
        ({"version": "1.0"}, "version"),
        ({"version": "2.0", "functionTimeout": "5 minutes"}, "5 minutes"),
        ({"version": "2.0", "extensions": {"queues": {"messageEncoding": "hex"}}}, "messageEncoding"),
    ],
)
def test_unusable_host_json_is_refused_by_what_is_wrong(tmp_path: Path, tree: Any, named: str) -> None:
    with pytest.raises(InvalidSetting, match=named):
        host_settings(tmp_path, tree)


def test_missing_host_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"host\.json is missing"):
        read_host_settings(tmp_path)


def test_local_settings_values_are_text(tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text('{"Values": {"A": "1"}}')
    assert read_local_values(path) == {"A": "1"}
    path.write_text('{"Values": {"A": 1}}')
    with pytest.raises(InvalidSetting, match=r"Values\.A 1"):
        read_local_values(path)


def test_settings_in_expressions_are_resolved_or_named() -> None:
    assert resolve_settings("a-%NAME%-%OTHER%", {"NAME": "x", "OTHER": "y"}) == "a-x-y"
    with pytest.raises(InvalidSetting, match="%NAME%"):
        resolve_settings("%NAME%", {"NAME": ""})


def test_moments_and_new_ids_are_filled_in_at_each_write() -> None:
    filling = Filling(now=NOW)
    assert filling.fill("{DateTime:yyyy/MM/dd-HH.mm.ss.fff}") == "2026/03/02-04.05.06.007"
    assert filling.fill("{datetime}") == "2026-03-02T04-05-06Z"
    first, second = filling.fill("{rand-guid}"), filling.fill("{rand-guid}")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    assert first != second
    with pytest.raises(InvalidSetting, match=r"\{queueTrigger\}"):
        filling.fill("{queueTrigger}")


@pytest.mark.parametrize(
    ("value", "bodies"),
    [
        (TypedData(string="plain"), ["plain"]),
        (TypedData(bytes=b"plain"), ["plain"]),
        (TypedData(string='["a", {"b": 1}, 2]'), ["a", '{"b": 1}', "2"]),
        (TypedData(json='{"b": 1}'), ['{"b": 1}']),
        (TypedData(json="[]"), []),
    ],
)
def test_value_for_a_queue_becomes_messages(value: TypedData, bodies: list[str]) -> None:
    assert message_bodies(value) == bodies


def http_function(route: str, *methods: str) -> Function:
    trigger = HttpTrigger(parameter="r", route=route, methods=frozenset(methods), auth_level=AuthLevel.ANONYMOUS)
    return Function(
        name=route, function_id="", trigger=trigger, inputs=(), outputs=(), retry=None, script_file="", raw_bindings=()
    )


@pytest.mark.parametrize(
    ("path", "route", "parameters"),
    [
        ("images/list", "images/list", {}),
        ("images/7", "images/{number:int}", {"number": "7"}),
        ("images/x", "images/{name}", {"name": "x"}),
        ("images/x/y/z", "images/{*rest}", {"rest": "x/y/z"}),
        ("IMAGES/LIST", "images/list", {}),
        ("holds", "holds/{name?}", {}),
        ("holds/a", "holds/{name?}", {"name": "a"}),
        ("holds/a/b", None, None),
        ("other", None, None),
    ],
)
def test_most_specific_route_answers(path: str, route: str | None, parameters: dict[str, str] | None) -> None:
    templates = ("images/{*rest}", "images/{name}", "images/{number:int}", "images/list", "holds/{name?}")
    routes = compile_routes([http_function(template) for template in templates])
    found = [(each.function.name, each.match("GET", path.split("/"))) for each in routes]
    assert next(((name, bound) for name, bound in found if bound is not None), (None, None)) == (route, parameters)


@pytest.mark.parametrize("template", ["a/{b", "a/{b:regex(x)}", "a/x{b}", "a/{}"])
def test_route_template_that_is_not_understood_is_refused(template: str) -> None:
    with pytest.raises(InvalidSetting, match=re.escape(repr(template))):
        compile_routes([http_function(template)])


async def test_binding_that_is_not_emulated_is_refused_with_its_function(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp()\n"
        "@app.service_bus_queue_trigger(arg_name='m', queue_name='q', connection='c')\n"
        "async def bus(m: func.ServiceBusMessage) -> None: ...\n"
    )
    with pytest.raises(UnsupportedBinding, match=r"function 'bus'.*serviceBusTrigger"):
        async with FunctionsHost(HostOptions(app=tmp_path), storage=FolderStorage(tmp_path)):
            pass
