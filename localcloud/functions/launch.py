"""The Functions host as a process of its own that ends with its caller."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from localcloud.functions.errors import HostError
from localcloud.functions.keys import Keys

PROJECT = Path(__file__).resolve().parents[2]
GRACE_SECONDS = 15.0
LINES_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to host and how; `log` gets what the host and the app write, `python` is the interpreter of both."""

    app: Path
    storage: Path
    log: Path
    environment: Mapping[str, str]
    port: int = 0
    pace: float = 1.0
    python: str = sys.executable


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningHost:
    """A host that is ready."""

    endpoint: str
    keys: Keys
    functions: tuple[str, ...]


@asynccontextmanager
async def launched(launch: Launch) -> AsyncIterator[RunningHost]:
    """Start a host, yield it when it is ready, end it; HostError carries what it wrote when it does not get ready."""
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    with launch.log.open("ab") as log:
        running = await _start(launch, log)
        try:
            yield await _ready(running, launch.log)
        finally:
            await _end(running)


async def _start(launch: Launch, log: IO[bytes]) -> asyncio.subprocess.Process:
    arguments = ("--app", str(launch.app), "--port", str(launch.port), "--storage", str(launch.storage))
    paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return await asyncio.create_subprocess_exec(
        *(launch.python, "-m", "localcloud.functions", *arguments),
        *("--pace", str(launch.pace), "--enable-auth", "--until-stdin-ends"),
        env={**os.environ, **launch.environment, "PYTHONPATH": os.pathsep.join(paths)},
        # The host ends when this pipe closes, also when this process dies without a word.
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        # Ctrl-C at a terminal reaches the whole group; the host is to be ended by its caller, in order.
        start_new_session=True,
    )


async def _ready(running: asyncio.subprocess.Process, log: Path) -> RunningHost:
    assert running.stdout is not None
    line = await running.stdout.readline()
    if not line:
        status = await running.wait()
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-LINES_SHOWN:])
        raise HostError(f"the Functions host ended with {status}: expected it to get ready\n{tail}")
    tree: dict[str, Any] = json.loads(line)
    return RunningHost(endpoint=tree["endpoint"], keys=Keys(**tree["keys"]), functions=tuple(tree["functions"]))


async def _end(running: asyncio.subprocess.Process) -> None:
    if running.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            running.terminate()
        try:
            await asyncio.wait_for(running.wait(), GRACE_SECONDS)
        except TimeoutError:
            running.kill()
    # Reads the rest of the pipe, so that the transport closes before the event loop does.
    await running.communicate()
