"""The sample app in the local host, and what its functions noted."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from localcloud.clock import Clock
from localcloud.functions.host import FunctionsHost, HostOptions
from localcloud.functions.storage import FolderStorage
from tests.localcloud.cloud.waiting import until

APPS = Path(__file__).parent / "apps"
START = datetime(2026, 3, 2, 11, 59, 59, 500_000, tzinfo=UTC)
SETTINGS = {"ORDERS_QUEUE": "orders", "TICK_SCHEDULE": "0 */5 * * * *", "AzureWebJobs.switched_off.Disabled": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """The running sample app."""

    host: FunctionsHost
    storage: FolderStorage
    clock: Clock
    notes: Path
    http: aiohttp.ClientSession

    def url(self, path: str) -> str:
        return f"{self.host.endpoint}{path}"

    def noted(self, kind: str) -> list[Any]:
        folder = self.notes / kind
        if not folder.exists():
            return []
        files = [path for path in folder.iterdir() if not path.name.startswith(".")]
        return [json.loads(path.read_text()) for path in sorted(files, key=lambda path: path.stat().st_mtime_ns)]

    async def wait_for_notes(self, kind: str, count: int) -> list[Any]:
        await until(lambda: len(self.noted(kind)) >= count)
        return self.noted(kind)

    def fail_for(self, *names: str) -> None:
        (self.notes / "fail").write_text(" ".join(names))

    def let_go(self) -> None:
        (self.notes / "go").touch()

    def hook(self, function: str, *, key: str | None = None) -> str:
        code = self.host.keys.eventgrid if key is None else key
        return self.url(f"/runtime/webhooks/EventGrid?functionName={function}&code={code}")


@asynccontextmanager
async def hosted(folder: Path, monkeypatch: pytest.MonkeyPatch, *, enforces_keys: bool = True) -> AsyncIterator[Hosted]:
    notes = folder / "notes"
    notes.mkdir(exist_ok=True)
    for name, value in {**SETTINGS, "SAMPLE_NOTES": str(notes)}.items():
        monkeypatch.setenv(name, value)
    clock = Clock(pace=0, start=START)
    storage = FolderStorage(folder / "storage")
    options = HostOptions(app=APPS / "sample", enforces_keys=enforces_keys)
    async with (
        FunctionsHost(options, storage=storage, clock=clock) as host,
        aiohttp.ClientSession() as http,
    ):
        yield Hosted(host=host, storage=storage, clock=clock, notes=notes, http=http)
