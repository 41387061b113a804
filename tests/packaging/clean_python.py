"""An environment with Microsoft's worker library and what the host half needs, without the packages of the app."""

import subprocess
import sys
from pathlib import Path

from tools.pins import DEVELOPMENT, Pin, read_pins

WORKER = ("azure-functions-runtime", "azurefunctions-extensions-base")
HOST_HALF = ("croniter", "python-dateutil", "tzdata")
"""aiohttp and azure-functions, which both need too, have to come with the package."""


def clean_python(folder: Path) -> Path:
    """Make the environment and return its interpreter; the packages come from where pip usually takes them."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pins = {pin.name: pin for pin in read_pins(DEVELOPMENT)}
    wanted = folder / "wanted.txt"
    wanted.write_text("".join(_line(pins[name]) for name in (*WORKER, *HOST_HALF)))
    subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pip",
                "--python",
                str(python),
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ),
            *("--no-deps", "--require-hashes", "-r", str(wanted)),
        ],
        check=True,
    )
    return python


def _line(pin: Pin) -> str:
    return f"{pin.name}=={pin.version} {' '.join(f'--hash=sha256:{each}' for each in pin.hashes)}\n"
