"""What a cold start pays for importing the app from the unpacked package, against the library that every app needs."""

import asyncio
import os
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from bench.emulator import PROJECT, BenchFailed
from bench.rows import Row, Samples
from bench.sections.cold_import import IMPORTED, NO_COMPILED_FILES
from bench.stage import Stage
from tools.package.build import PACKAGES, build

# The worker has asyncio loaded before it looks for an app.
PROGRAM = """import asyncio, time
began = time.process_time()
import azure.functions
library = time.process_time()
import function_app
print(library - began, time.process_time() - began)
"""


async def package_import(stage: Stage) -> Sequence[Row]:
    """Measure the CPU time of `import function_app` and of `import azure.functions` in it, in fresh interpreters."""
    folder = stage.folder / "unpacked"
    package = await asyncio.to_thread(build, PROJECT, stage.folder / "dist")
    with zipfile.ZipFile(package.archive) as archive:
        archive.extractall(folder)
    times = [await import_ms(folder) for _ in range(stage.effort.imports)]
    samples = Samples(own=[whole for _, whole in times], floor=[library for library, _ in times])
    size = package.archive.stat().st_size / 1_000_000
    return [
        Row(name="cold start: import from the package", unit="ms CPU", samples=samples, aim=IMPORTED),
        Row(name="package: size of the zip", unit="MB", samples=Samples(own=[size])),
    ]


async def import_ms(folder: Path) -> tuple[float, float]:
    """Import the app of a package and return the CPU times of the library and of both together, in milliseconds."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / PACKAGES), NO_COMPILED_FILES: "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await child.communicate()
    if child.returncode != 0:
        raise BenchFailed(f"the app of {str(folder)!r} could not be imported: {errors.decode()[-500:]}")
    library, whole = (1000 * float(each) for each in output.split())
    return library, whole
