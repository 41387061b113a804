"""`python -m localcloud up` starts everything and stays up; `python -m localcloud env` prints how to use it."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

from localcloud.cloud import CloudOptions, LocalCloud
from localcloud.event_grid.events import Schema
from localcloud.functions.errors import HostError
from localcloud.state import app_environment, exports, read_state

DEFAULT_STATE = Path(".localcloud/state.json")
PROJECT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Read the command line, act, return the exit status."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=os.environ.get("LOCALCLOUD_LOG_LEVEL", "WARNING"), stream=sys.stderr)
    return int(arguments.act(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description="A local stand-in for Azure.")
    acts = parser.add_subparsers(required=True)
    up = acts.add_parser("up", help="start everything and stay up until Ctrl-C")
    up.set_defaults(act=_up)
    up.add_argument("--login-server", default="", help="name in realm and certificate (default 127.0.0.1:PORT)")
    up.add_argument("--port", type=int, default=5443, help="the registry's port, 0 for a free one (default 5443)")
    up.add_argument("--state", type=Path, default=DEFAULT_STATE, help=f"the state file (default {DEFAULT_STATE})")
    up.add_argument("--no-functions", action="store_true", help="without a Functions host")
    up.add_argument("--app", type=Path, default=PROJECT, help="folder with function_app.py (default: this project)")
    up.add_argument("--functions-port", type=int, default=7071, help="0 for a free one (default 7071)")
    up.add_argument("--arm-seed", type=Path, metavar="FOLDER", help="resource bodies in JSON that exist at the start")
    up.add_argument("--control-port", type=int, default=0, help="0 for a free one (default)")
    up.add_argument("--schema", choices=[*Schema], default=Schema.EVENT_GRID, help="how events are delivered")
    env = acts.add_parser("env", help="print shell exports for an app that is to use the running local cloud")
    env.set_defaults(act=_env)
    env.add_argument("--state", type=Path, default=DEFAULT_STATE, help=f"the state file (default {DEFAULT_STATE})")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    state_file: Path = arguments.state.resolve()
    options = CloudOptions(
        login_server=arguments.login_server,
        port=arguments.port,
        folder=state_file.parent,
        state_file=state_file,
        app=None if arguments.no_functions else arguments.app.resolve(),
        functions_port=arguments.functions_port,
        control_port=arguments.control_port,
        arm_seed=arguments.arm_seed and arguments.arm_seed.resolve(),
        schema=Schema(arguments.schema),
    )
    try:
        asyncio.run(_stay_up(options))
    except (HostError, OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


async def _stay_up(options: CloudOptions) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    staying = asyncio.create_task(_run(options))
    ending = asyncio.create_task(end.wait())
    # Cancelled wherever it is: a signal during the start ends what has been started so far.
    await asyncio.wait({staying, ending}, return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    staying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await staying


async def _run(options: CloudOptions) -> None:
    async with LocalCloud(options) as cloud:
        print(_summary(cloud), flush=True)
        await asyncio.Event().wait()


def _summary(cloud: LocalCloud) -> str:
    state = cloud.state
    functions = state.functions.endpoint if state.functions is not None else "not started"
    return "\n".join(
        (
            f"registry   {state.registry.login_server} ({state.registry.endpoint})",
            f"functions  {functions}",
            f"arm        {state.arm.endpoint}",
            f"control    {state.control.endpoint}",
            f"state      {cloud.options.state_file}",
            "Ctrl-C ends it.",
        )
    )


def _env(arguments: argparse.Namespace) -> int:
    path: Path = arguments.state.resolve()
    try:
        state = read_state(path)
    except FileNotFoundError:
        print(f"no state file {str(arguments.state)!r}: expected a running `python -m localcloud up`", file=sys.stderr)
        return 1
    print(exports(app_environment(state, ledger=path.parent / "ledger.sqlite")), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
