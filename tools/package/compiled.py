"""Compiled files beside the sources, so that no new instance of the app compiles them again."""

import os
import subprocess
import sys
from pathlib import Path

from tools.errors import ToolFailed

ON_AZURE = "/home/site/wwwroot"
"""Where the Functions host keeps the app; the import system replaces it in traces by where a file really is."""


def compile_all(folder: Path, *, python: str) -> None:
    """Compile every Python file of a folder for this `python` (such as 3.13); ToolFailed when one cannot be compiled.

    Unchecked-hash files (PEP 552) are believed whatever the time of their source is: a zip rounds times, and the
    platform may set new ones. An interpreter of another version looks for other names and compiles the source as ever.
    A fresh interpreter, because what else one has loaded decides which references `marshal` writes.
    """
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if running != python:
        raise ToolFailed(f"this is Python {running}: expected {python}, with which the app runs on Azure")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "compileall", "-q", "-f", "-j", "1", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(folder), "-p", ON_AZURE, str(folder)),
        ],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONOPTIMIZE": "", "PYTHONPYCACHEPREFIX": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise ToolFailed(f"not everything could be compiled: {(ran.stdout + ran.stderr).strip()[-2000:]}")
