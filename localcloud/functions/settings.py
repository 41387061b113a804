"""host.json and local.settings.json, read once into frozen values."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from localcloud.functions.errors import InvalidSetting

_DURATION = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """How queue triggers take messages; durations are those of the host's clock."""

    batch_size: int = 16
    max_dequeue_count: int = 5
    visibility_timeout: timedelta = timedelta()
    message_encoding: str = "base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What host.json says; `function_timeout` None means no limit."""

    route_prefix: str = "api"
    function_timeout: timedelta | None = timedelta(minutes=30)
    telemetry_mode: str | None = None
    queues: QueueSettings = QueueSettings()


def read_host_settings(folder: Path) -> HostSettings:
    """Read host.json of the app folder; InvalidSetting when it is absent, broken or not version 2.0."""
    tree = _json_object(folder / "host.json")
    if tree.get("version") != "2.0":
        raise InvalidSetting(f"host.json version {tree.get('version')!r}: expected '2.0'")
    extensions = tree.get("extensions", {})
    return HostSettings(
        route_prefix=str(extensions.get("http", {}).get("routePrefix", "api")).strip("/"),
        function_timeout=_timeout(tree.get("functionTimeout", "00:30:00")),
        telemetry_mode=tree.get("telemetryMode"),
        queues=_queues(extensions.get("queues", {})),
    )


def read_local_values(path: Path) -> Mapping[str, str]:
    """Read `Values` of a local.settings.json; InvalidSetting when it is broken or a value is not text."""
    values = _json_object(path).get("Values", {})
    for name, value in values.items():
        if not isinstance(value, str):
            raise InvalidSetting(f"{path.name} Values.{name} {value!r}: expected a string")
    return dict(values)


def effective_settings(values: Mapping[str, str]) -> Mapping[str, str]:
    """Return the app settings: the file's values, over which the environment wins."""
    return {**values, **os.environ}


def duration(text: str) -> timedelta:
    """Read `[d.]hh:mm:ss`; InvalidSetting for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidSetting(f"duration {text!r}: expected '[d.]hh:mm:ss'")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _timeout(value: object) -> timedelta | None:
    return None if value in (None, "-1") else duration(str(value))


def _queues(tree: Mapping[str, Any]) -> QueueSettings:
    encoding = str(tree.get("messageEncoding", "base64"))
    if encoding not in ("base64", "none"):
        raise InvalidSetting(f"host.json extensions.queues.messageEncoding {encoding!r}: expected 'base64' or 'none'")
    return QueueSettings(
        batch_size=int(tree.get("batchSize", 16)),
        max_dequeue_count=int(tree.get("maxDequeueCount", 5)),
        visibility_timeout=duration(str(tree.get("visibilityTimeout", "00:00:00"))),
        message_encoding=encoding,
    )


def _json_object(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InvalidSetting(f"{path.name} is missing in {str(path.parent)!r}: expected a JSON file") from None
    except ValueError as error:
        raise InvalidSetting(f"{path.name} is not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise InvalidSetting(f"{path.name} {tree!r}: expected a JSON object")
    return tree
