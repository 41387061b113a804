import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.localcloud.cloud.hosting import APPS
from tests.localcloud.cloud.waiting import until

ROOT = Path(__file__).resolve().parents[3]


@asynccontextmanager
async def launched(app: Path, *more: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localcloud.functions", "--app", str(app), "--port", "0", *more),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def ready(running: asyncio.subprocess.Process) -> Any:
    assert running.stdout is not None
    return json.loads(await running.stdout.readline())


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, await answer.text()


async def test_ready_line_names_endpoint_keys_and_functions(tmp_path: Path) -> None:
    async with launched(APPS / "slow", "--storage", str(tmp_path)) as running:
        line = await ready(running)
        assert line["functions"] == ["count", "hang"]
        assert set(line["keys"]) == {"master", "default", "eventgrid", "functions"}
        assert await get(f"{line['endpoint']}/api/count") == (200, "1 ")
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 0


async def test_request_under_way_is_answered_before_the_host_ends(tmp_path: Path) -> None:
    async with launched(APPS / "events", "--storage", str(tmp_path)) as running:
        line = await ready(running)
        request = asyncio.create_task(get(f"{line['endpoint']}/api/held?folder={tmp_path}"))
        await until((tmp_path / "started").exists)
        running.terminate()
        (tmp_path / "go").touch()
        assert await request == (200, "finished")
        assert await running.wait() == 0


async def test_end_of_standard_input_ends_the_host_when_asked_for(tmp_path: Path) -> None:
    async with launched(APPS / "slow", "--storage", str(tmp_path), "--until-stdin-ends") as running:
        await ready(running)
        assert running.stdin is not None
        running.stdin.close()
        assert await running.wait() == 0


async def test_app_that_cannot_be_indexed_ends_with_the_workers_message(tmp_path: Path) -> None:
    async with launched(APPS / "broken", "--storage", str(tmp_path)) as running:
        printed, errors = await running.communicate()
        assert (running.returncode, printed) == (1, b"")
        assert b"FunctionLoadError: cannot load the wrongly_annotated function" in errors


async def test_folder_without_an_app_ends_with_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    async with launched(tmp_path, "--storage", str(tmp_path)) as running:
        _, errors = await running.communicate()
        assert running.returncode == 1
        assert b"function_app.py" in errors


async def test_environment_wins_over_the_settings_file(tmp_path: Path) -> None:
    settings = tmp_path / "local.settings.json"
    settings.write_text(json.dumps({"Values": {"GREETING": "from the file"}}))
    arguments = (APPS / "slow", "--storage", str(tmp_path), "--settings", str(settings))
    async with launched(*arguments) as running:
        assert await get(f"{(await ready(running))['endpoint']}/api/count") == (200, "1 from the file")
    async with launched(*arguments, GREETING="from outside") as running:
        assert await get(f"{(await ready(running))['endpoint']}/api/count") == (200, "1 from outside")


async def test_run_beyond_the_function_timeout_fails_and_the_worker_starts_anew(tmp_path: Path) -> None:
    async with launched(APPS / "slow", "--storage", str(tmp_path), "--enable-auth") as running:
        first = await ready(running)
        assert await get(f"{first['endpoint']}/api/count") == (200, "1 ")
        assert (await get(f"{first['endpoint']}/api/hang"))[0] == 500
        second = await ready(running)
        assert (second["endpoint"], second["keys"]) == (first["endpoint"], first["keys"])
        assert await get(f"{first['endpoint']}/api/count") == (200, "1 ")
