"""The functions of an app as typed values, parsed from the worker's raw bindings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from localcloud.functions.errors import InvalidSetting, UnsupportedBinding
from localcloud.functions.expressions import resolve_settings
from localcloud.functions.keys import AuthLevel
from localcloud.functions.ncrontab import Schedule, parse_schedule
from localcloud.functions.protos import RpcFunctionMetadata, RpcRetryOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGridTrigger:
    """Runs for each event of a delivery."""

    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTrigger:
    """Runs for a request to its route; empty `methods` means every method."""

    parameter: str
    route: str
    methods: frozenset[str]
    auth_level: AuthLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerTrigger:
    """Runs on a schedule."""

    parameter: str
    schedule: Schedule
    run_on_startup: bool
    use_monitor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTrigger:
    """Runs for each message of a queue."""

    parameter: str
    queue: str


type Trigger = EventGridTrigger | HttpTrigger | TimerTrigger | QueueTrigger


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOutput:
    """Messages to a queue; the name may hold expressions."""

    parameter: str
    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobOutput:
    """One blob; the path `container/name` may hold expressions."""

    parameter: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobInput:
    """One blob that is read before each run; the path `container/name` may hold expressions."""

    parameter: str
    path: str
    is_binary: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOutput:
    """The answer to the request."""

    parameter: str


type Output = QueueOutput | BlobOutput | HttpOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and after which pauses a failed run is repeated; `attempts` None means for ever."""

    attempts: int | None
    first_pause: timedelta
    longest_pause: timedelta

    def pause(self, attempt: int) -> timedelta:
        """Return the pause before the attempt (1 is the first repetition)."""
        doubled = self.first_pause * (1 << min(attempt - 1, 32))
        return min(doubled, self.longest_pause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function of the app."""

    name: str
    function_id: str
    trigger: Trigger
    inputs: tuple[BlobInput, ...]
    outputs: tuple[Output, ...]
    retry: RetryPolicy | None
    script_file: str
    raw_bindings: tuple[Mapping[str, Any], ...]


def parse_function(metadata: RpcFunctionMetadata, settings: Mapping[str, str]) -> Function:
    """Read one indexed function; InvalidSetting or UnsupportedBinding name the function."""
    raw = tuple(json.loads(text) for text in metadata.raw_bindings)
    try:
        triggers = [_trigger(each, metadata.name, settings) for each in raw if _is_trigger(each)]
        others = [each for each in raw if not _is_trigger(each)]
        inputs = tuple(_blob_input(each, settings) for each in others if _is_blob_input(each))
        outputs = tuple(_output(each, settings) for each in others if not _is_blob_input(each))
    except (InvalidSetting, UnsupportedBinding) as error:
        raise type(error)(f"function {metadata.name!r}: {error}") from error
    if len(triggers) != 1:
        raise UnsupportedBinding(f"function {metadata.name!r} has {len(triggers)} triggers: expected one")
    return Function(
        name=metadata.name,
        function_id=metadata.function_id,
        trigger=triggers[0],
        inputs=inputs,
        outputs=outputs,
        retry=_retry(metadata.retry_options),
        script_file=metadata.script_file,
        raw_bindings=raw,
    )


def _is_trigger(raw: Mapping[str, Any]) -> bool:
    return str(raw["type"]).lower().endswith("trigger")


def _trigger(raw: Mapping[str, Any], name: str, settings: Mapping[str, str]) -> Trigger:
    match str(raw["type"]).lower():
        case "eventgridtrigger":
            return EventGridTrigger(parameter=raw["name"])
        case "httptrigger":
            return _http(raw, name)
        case "timertrigger":
            return TimerTrigger(
                parameter=raw["name"],
                schedule=parse_schedule(resolve_settings(raw["schedule"], settings)),
                run_on_startup=bool(raw.get("runOnStartup")),
                use_monitor=raw.get("useMonitor") is not False,
            )
        case "queuetrigger":
            return QueueTrigger(parameter=raw["name"], queue=resolve_settings(raw["queueName"], settings).lower())
    raise UnsupportedBinding(f"trigger {raw['type']!r}: expected an Event Grid, HTTP, timer or queue trigger")


def _http(raw: Mapping[str, Any], name: str) -> HttpTrigger:
    level = str(raw.get("authLevel") or "function").lower()
    return HttpTrigger(
        parameter=raw["name"],
        route=str(raw.get("route") or name).strip("/"),
        methods=frozenset(str(method).upper() for method in raw.get("methods") or ()),
        auth_level=AuthLevel(level),
    )


def _is_blob_input(raw: Mapping[str, Any]) -> bool:
    return str(raw["type"]).lower() == "blob" and str(raw.get("direction", "")).lower() == "in"


def _blob_input(raw: Mapping[str, Any], settings: Mapping[str, str]) -> BlobInput:
    return BlobInput(
        parameter=raw["name"],
        path=resolve_settings(raw["path"], settings),
        is_binary=str(raw.get("dataType", "")).lower() == "binary",
    )


def _output(raw: Mapping[str, Any], settings: Mapping[str, str]) -> Output:
    kind, outward = str(raw["type"]).lower(), str(raw.get("direction", "")).lower() == "out"
    if kind == "http" and outward:
        return HttpOutput(parameter=raw["name"])
    if kind == "queue" and outward:
        return QueueOutput(parameter=raw["name"], queue=resolve_settings(raw["queueName"], settings))
    if kind == "blob" and outward:
        return BlobOutput(parameter=raw["name"], path=resolve_settings(raw["path"], settings))
    raise UnsupportedBinding(
        f"binding {raw['type']!r}, direction {raw.get('direction')!r}: "
        "expected an HTTP, queue or blob output, or a blob input"
    )


def _retry(options: RpcRetryOptions | None) -> RetryPolicy | None:
    if options is None:
        return None
    fixed = options.delay_interval
    first = fixed if fixed is not None else options.minimum_interval or timedelta(seconds=1)
    longest = fixed if fixed is not None else options.maximum_interval or timedelta(minutes=15)
    attempts = None if options.max_retry_count < 0 else options.max_retry_count
    return RetryPolicy(attempts=attempts, first_pause=first, longest_pause=longest)
