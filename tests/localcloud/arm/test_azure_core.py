"""Microsoft's own pipeline and credential against the local Resource Manager."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from localcloud.faults import Fault, Throttled
from tests.localcloud.arm.asking import APP, SITE, SUBSCRIPTION, Asker, asking, container_app

CLIENT = Path(__file__).parent / "clients/management_client.py"
APPS = f"{SUBSCRIPTION}/providers/Microsoft.App/containerApps?api-version=2025-07-01"


async def run(it: Asker, *paths: str) -> Any:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CLIENT), *paths),
        env={**os.environ, **it.cloud.environment()},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await running.communicate()
    return json.loads(printed)


async def test_managed_identity_reads_pages_and_waits_out_a_throttled_answer_with_the_environment_alone() -> None:
    async with asking() as it:
        it.arm.place(container_app(f"app-{number}", group="other") for number in range(4))
        it.arm.options.change({"page_size": 2})
        it.arm.faults.add(Fault(action=Throttled(retry_after_seconds=0), skip=1))
        pages, site, none, version = await run(
            it,
            APPS,
            f"{SITE}/config/web?api-version=2024-04-01",
            f"{APP}x?api-version=2025-07-01",
            f"{APP}?api-version=1999-01-01",
        )
    assert pages == ["shop", "app-0", "app-1", "app-2", "app-3"]
    assert site == ["web"]
    assert none == [404, "ResourceNotFound"]
    assert version == [400, "NoRegisteredProviderFound"]
    assert it.arm.traffic.counts()["GET Microsoft.App/containerApps list"] == 4
    assert {each.authorization for each in it.arm.traffic.remembered} == {"Bearer"}


async def test_managed_identity_without_the_reader_role_is_refused() -> None:
    async with asking() as it:
        it.arm.roles.grant("taglock", [])
        assert await run(it, APPS) == [[403, "AuthorizationFailed"]]
