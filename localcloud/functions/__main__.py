"""`python -m localcloud.functions --app FOLDER`: host one app until SIGINT, SIGTERM or the end of the caller.

Prints one JSON line when ready: `{"endpoint", "keys": {"master", "default", "eventgrid", "functions"},
`"functions": [...]}`. What the app prints goes to standard error. Exits with 1 and the worker's message when the app
cannot be hosted.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from localcloud.clock import Clock
from localcloud.functions.bindings import Function
from localcloud.functions.errors import HostError, IndexingFailed
from localcloud.functions.host import FunctionsHost, HostOptions
from localcloud.functions.keys import keys_from_environment
from localcloud.functions.storage import FolderStorage


def main() -> int:
    """Read the command line, host the app, return the exit status."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=os.environ.get("LOCALCLOUD_LOG_LEVEL", "INFO"), stream=sys.stderr)
    for name in ("azure", "azure_functions_runtime", "aiohttp"):
        # They write a line or more per request; what the app itself says would drown in it.
        logging.getLogger(name).setLevel(logging.WARNING)
    announce, sys.stdout = sys.stdout, sys.stderr
    try:
        asyncio.run(_host(arguments, announce))
    except IndexingFailed as error:
        print(f"{error.message}\n{error.stack_trace}", file=sys.stderr)
        return 1
    except (HostError, OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.functions", description="Host a Functions app locally.")
    parser.add_argument("--app", type=Path, required=True, help="folder with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071, help="loopback port, 0 for a free one (default 7071)")
    parser.add_argument("--settings", type=Path, help="a local.settings.json; the environment wins over its Values")
    parser.add_argument("--enable-auth", action="store_true", help="ask for keys as in the cloud")
    parser.add_argument("--storage", type=Path, default=Path(".localcloud/storage"), help="folder for queues and blobs")
    parser.add_argument("--pace", type=float, default=1.0, help="timer seconds per real second, 0 stands still")
    parser.add_argument("--until-stdin-ends", action="store_true", help="end when standard input does")
    return parser


async def _host(arguments: argparse.Namespace, announce: TextIO) -> None:
    """Host until told to end; a run beyond the function timeout replaces this process by a fresh one."""
    options = HostOptions(
        app=arguments.app.resolve(),
        port=arguments.port,
        settings_file=arguments.settings,
        keys=keys_from_environment(),
        enforces_keys=arguments.enable_auth,
    )
    end, timed_out = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    if arguments.until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), _end_with_input, end)

    def timeout(_: Function) -> None:
        timed_out.set()
        # Time for the failed answer to leave before the process is replaced.
        loop.call_later(0.2, end.set)

    storage = FolderStorage(arguments.storage.resolve())
    async with FunctionsHost(options, storage=storage, clock=Clock(pace=arguments.pace)) as host:
        host.on_timeout(timeout)
        print(_ready_line(host), file=announce, flush=True)
        await end.wait()
        if timed_out.is_set():
            # At once, without waiting for other runs: they die with the worker process, as in the cloud.
            _start_anew(host, announce)


def _end_with_input(end: asyncio.Event) -> None:
    with contextlib.suppress(BlockingIOError):
        if not os.read(sys.stdin.fileno(), 1024):
            end.set()


def _ready_line(host: FunctionsHost) -> str:
    keys = {
        "master": host.keys.master,
        "default": host.keys.default,
        "eventgrid": host.keys.eventgrid,
        "functions": dict(host.keys.functions),
    }
    return json.dumps({"endpoint": host.endpoint, "keys": keys, "functions": sorted(host.functions)})


def _start_anew(host: FunctionsHost, announce: TextIO) -> None:
    """Start this program anew in this process, on the same port and with the same keys."""
    announce.flush()
    for name in ("master", "default", "eventgrid"):
        os.environ[f"LOCALCLOUD_FUNCTIONS_KEY_{name.upper()}"] = getattr(host.keys, name)
    os.environ["LOCALCLOUD_FUNCTIONS_KEYS"] = json.dumps(dict(host.keys.functions))
    command = [sys.executable, "-m", "localcloud.functions", *sys.argv[1:], "--port", str(host.port)]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    sys.exit(main())
