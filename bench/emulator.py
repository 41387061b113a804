"""The emulated registry as the measuring side sees it: start it, fill it, slow it down, read what it was asked."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from bench.registry_host import Started

PROJECT = Path(__file__).resolve().parents[1]
END_SECONDS = 15.0
CONTROL_SECONDS = 60.0
SEED_SECONDS = 600.0

# A proxy of the user's network knows nothing of this machine's ports.
_open_directly = build_opener(ProxyHandler({})).open


class BenchFailed(Exception):
    """Something could not be measured: it did not start, or it did not do what was to be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as the registry answered it; `at` is when, in seconds of the machine's monotonic clock."""

    method: str
    repository: str
    reference: str
    status: int
    at: float


class Emulator:
    """A running registry."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self._zero = datetime.fromisoformat(started.zero)

    def seed(self, document: object) -> None:
        """Put images there as if they had been pushed; a million of them take a quarter of a minute."""
        self._control("POST", "/seed", document, seconds=SEED_SECONDS)

    def set_latency(self, seconds: float) -> None:
        """Let this time pass before each request is handled."""
        self._control("PATCH", "/options", {"latency_seconds": seconds})

    def forget_requests(self) -> None:
        """Begin to record anew."""
        self._control("DELETE", "/requests")

    def seen(self) -> Sequence[Seen]:
        """Return every request since they were forgotten, token requests included; BenchFailed when some are lost."""
        answer = self._control("GET", "/requests")
        requests = [self._request(each) for each in answer["requests"]]
        if len(requests) != sum(answer["counts"].values()):
            raise BenchFailed(f"the registry remembers {len(requests)} requests of {answer['counts']!r}, expected all")
        return requests

    def _request(self, tree: dict[str, Any]) -> Seen:
        return Seen(
            method=tree["method"],
            repository=tree["repository"],
            reference=tree["reference"],
            status=tree["status"],
            at=(datetime.fromisoformat(tree["at"]) - self._zero).total_seconds(),
        )

    def _control(self, method: str, path: str, body: object = None, *, seconds: float = CONTROL_SECONDS) -> Any:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.started.control}{path}", method=method, data=content, headers=headers)
        with _open_directly(request, timeout=seconds) as response:
            return json.load(response)


@contextmanager
def running(folder: Path, *, cores: frozenset[int] = frozenset()) -> Iterator[Emulator]:
    """Start a registry, on these cores only when some are given; yield it and end it."""
    command = [sys.executable, "-m", "bench.registry_host", str(folder)]
    with (folder / "registry.log").open("wb") as log:
        child = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    try:
        if cores:
            os.sched_setaffinity(child.pid, cores)
        yield Emulator(_started(child, folder / "registry.log"))
    finally:
        _end(child)


def _started(child: subprocess.Popen[bytes], log: Path) -> Started:
    line = child.stdout.readline() if child.stdout is not None else b""
    if not line:
        raise BenchFailed(f"the registry did not start; it said:\n{log.read_text(errors='replace')[-2000:]}")
    return Started(**json.loads(line))


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.communicate(timeout=END_SECONDS)  # closes its input, which ends it
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
