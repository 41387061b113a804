"""A compiled requirements file as values: exact versions and the hashes of the files that may be installed."""

import re
from dataclasses import dataclass
from pathlib import Path

from tools.errors import ToolFailed

PROJECT = Path(__file__).resolve().parents[1]
RUNTIME = PROJECT / "requirements.txt"
DEVELOPMENT = PROJECT / "requirements-dev.txt"

_PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package: its normalised name, its version, and the SHA-256 of each file of it that pip may take."""

    name: str
    version: str
    hashes: tuple[str, ...]


def read_pins(file: Path) -> tuple[Pin, ...]:
    """Return every package of a file; ToolFailed for one that is not pinned exactly and with hashes."""
    joined = file.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line.strip() for line in joined.splitlines())
    return tuple(_pin(file, line) for line in lines if line and not line.startswith("#"))


def _pin(file: Path, line: str) -> Pin:
    found, hashes = _PIN.match(line), tuple(_HASH.findall(line))
    if found is None or not hashes:
        raise ToolFailed(f"{file.name}: {line[:80]!r}, expected NAME==VERSION with at least one --hash=sha256")
    return Pin(name=found["name"], version=found["version"], hashes=hashes)
