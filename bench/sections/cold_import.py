"""What a cold start pays for importing the app, against an app with nothing in it."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.emulator import PROJECT, BenchFailed
from bench.rows import Aim, Of, Row, Samples
from bench.stage import Stage

IMPORTED = Aim(of=Of.FLOOR, at_most=1.3)
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


async def cold_import(stage: Stage) -> Sequence[Row]:
    """Measure the CPU time of `import function_app` in fresh interpreters, by turns with an empty app."""
    empty = stage.folder / "empty-app"
    empty.mkdir()
    (empty / "function_app.py").write_text(EMPTY_APP)
    for folder in (PROJECT, empty):
        await import_ms(folder)  # writes the compiled files, which a deployed app has
    own, floor = [], []
    for _ in range(stage.effort.imports):
        own.append(await import_ms(PROJECT))
        floor.append(await import_ms(empty))
    found = Samples(own=own, floor=floor)
    return [Row(name="cold start: import of the app", unit="ms CPU", samples=found, aim=IMPORTED)]


async def import_ms(folder: Path) -> float:
    """Import the app of a folder in a fresh interpreter and return the CPU time in milliseconds."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await child.communicate()
    if child.returncode != 0:
        raise BenchFailed(f"the app of {str(folder)!r} could not be imported: {errors.decode()[-500:]}")
    return 1000 * float(output)
