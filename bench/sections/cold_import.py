"""What a cold start pays for importing the app, against an app with nothing in it."""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.emulator import PROJECT, BenchFailed
from bench.rows import Aim, Of, Row, Samples
from bench.stage import Stage

IMPORTED = Aim(of=Of.FLOOR, at_most=1.3)
DEPLOYED = ("handlers", "taglock")
EMPTY_APP = """import azure.functions as func

app = func.FunctionApp()


@app.function_name("nothing")
@app.event_grid_trigger(arg_name="event")
async def on_nothing(event: str) -> None:
    return
"""
# The worker has asyncio loaded before it looks for an app.
PROGRAM = """import asyncio, time
began = time.process_time()
import function_app
print(time.process_time() - began)
"""
NO_COMPILED_FILES = "PYTHONDONTWRITEBYTECODE"


async def cold_import(stage: Stage) -> Sequence[Row]:
    """Measure the CPU time of `import function_app` in fresh interpreters, by turns with an empty app."""
    own, empty = app_copy(stage.folder / "own-app"), empty_app(stage.folder / "empty-app")
    rows = [await _row(stage, "cold start: import from source", (own, empty))]
    for folder in (own, empty):
        await import_ms(folder, compiled=True)  # writes the compiled files
    return [*rows, await _row(stage, "cold start: import, compiled", (own, empty))]


async def _row(stage: Stage, name: str, folders: tuple[Path, Path]) -> Row:
    own, floor = [], []
    for _ in range(stage.effort.imports):
        own.append(await import_ms(folders[0]))
        floor.append(await import_ms(folders[1]))
    return Row(name=name, unit="ms CPU", samples=Samples(own=own, floor=floor), aim=IMPORTED)


def app_copy(folder: Path) -> Path:
    """Copy the sources of the app without compiled files."""
    folder.mkdir()
    shutil.copy(PROJECT / "function_app.py", folder)
    for name in DEPLOYED:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def empty_app(folder: Path) -> Path:
    """Write an app with one trigger that does nothing."""
    folder.mkdir()
    (folder / "function_app.py").write_text(EMPTY_APP)
    return folder


async def import_ms(folder: Path, *, compiled: bool = False) -> float:
    """Import the app of a folder in a fresh interpreter and return the CPU time in milliseconds."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", NO_COMPILED_FILES)}
    if not compiled:
        environment[NO_COMPILED_FILES] = "1"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await child.communicate()
    if child.returncode != 0:
        raise BenchFailed(f"the app of {str(folder)!r} could not be imported: {errors.decode()[-500:]}")
    return 1000 * float(output)
