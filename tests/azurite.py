"""Azurite, Microsoft's storage emulator, on free loopback ports; tests that need it are skipped without npm.

from tests.azurite import azurite  # a fixture of the session: in the conftest of tests that use it
"""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PROGRAM = PROJECT / "node_modules" / ".bin" / "azurite"
LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at (https?://127\.0\.0\.1:\d+)")
FLAGS = (
    *("--silent", "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"),
    *(f"--{service}Host=127.0.0.1" for service in ("blob", "queue", "table")),
    *(f"--{service}Port=0" for service in ("blob", "queue", "table")),
)

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's account, the same on every machine: https://learn.microsoft.com/azure/storage/common/storage-use-azurite"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """The endpoints of a running emulator; account name and key are ACCOUNT and KEY."""

    blob: str
    queue: str
    table: str

    @property
    def connection_string(self) -> str:
        """What the storage clients' from_connection_string() takes."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.blob};QueueEndpoint={self.queue};TableEndpoint={self.table};"
        )


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    install()
    with running(tmp_path_factory.mktemp("azurite")) as started:
        yield started


def install() -> None:
    """Install what package.json names, unless it is there; skip without npm, but fail where CI is set."""
    if PROGRAM.exists():
        return
    give_up = pytest.fail if os.environ.get("CI") else pytest.skip
    if shutil.which("npm") is None:
        give_up("Azurite is not installed and there is no npm to install it with")
    command = ["npm", "install", "--silent", "--no-package-lock", "--no-audit", "--no-fund"]
    if subprocess.run(command, cwd=PROJECT, capture_output=True).returncode != 0:
        give_up("Azurite could not be installed: try `npm install` in the project's folder")


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[Azurite]:
    """Run the emulator in memory until the block ends; further flags, for example --oauth, are given to it."""
    child = subprocess.Popen(
        [str(PROGRAM), *FLAGS, *flags],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield listening(child)
    finally:
        child.terminate()
        child.wait()


def listening(child: subprocess.Popen[str]) -> Azurite:
    """Read the emulator's own words until every service listens, and go on reading so that it never waits for us."""
    assert child.stdout is not None
    endpoints: dict[str, str] = {}
    said = []
    for line in child.stdout:
        said.append(line)
        if found := LISTENING.search(line):
            endpoints[found[1].lower()] = f"{found[2]}/{ACCOUNT}"
        if len(endpoints) == 3:
            threading.Thread(target=child.stdout.read, daemon=True).start()
            return Azurite(**endpoints)
    raise RuntimeError(f"Azurite ended: {''.join(said)!r}")
