"""`python -m taglock deployed`, and the function in Microsoft's worker, against the whole local cloud."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from localcloud.cloud import SUBSCRIPTION_ID, CloudOptions, LocalCloud
from localcloud.faults import Answer, Fault
from taglock.__main__ import main
from tests.deploying.world import container_app
from tests.pushing.images import plain
from tests.pushing.world import OPEN, ORIGIN, UNDELETABLE

ROOT = Path(__file__).resolve().parents[2]
GROUP = f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/shop/providers"
APP = f"{GROUP}/Microsoft.App/containerApps/shop"
RULES = 'version = 1\n[[rule]]\nname = "running"\non = ["deployment"]\nenvironments = ["production"]\n'


@pytest.fixture
async def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(folder=tmp_path)) as running:
        running.registry.options.missing_content = "allowed"
        rules = tmp_path / "rules.toml"
        rules.write_text(RULES)
        for name, value in {**running.environment(), "TAGLOCK_RULES": str(rules)}.items():
            monkeypatch.setenv(name, value)
        yield running


def place(cloud: LocalCloud, digest: str, *, environment: str = "production") -> None:
    body = container_app(f"{cloud.registry.login_server}/prod/api@{digest}", "docker.io/library/redis:7")
    cloud.arm.place([{"id": APP, "tags": {"environment": environment}, **body}])


async def command(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["deployed", *arguments])


async def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert await command("--json", *arguments) == 0
    return json.loads(capsys.readouterr().out)


async def test_a_refresh_lists_records_and_locks(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
    image = plain("api")
    cloud.registry.store.push("prod/api", "build-7", image, ORIGIN)
    place(cloud, image.digest)
    assert await command() == 0
    empty = capsys.readouterr().out
    assert "no subscription was listed" in empty
    assert await command("--refresh") == 0
    text = capsys.readouterr().out
    (line,) = [each for each in text.splitlines() if image.digest in each and APP.lower() in each]
    assert line.startswith("production") and line.endswith("arm")
    assert "docker.io/library/redis:7" in text
    assert f"subscription {SUBSCRIPTION_ID}: 1 listed at" in text
    assert cloud.registry.store.manifest("prod/api", image.digest).flags == UNDELETABLE


async def test_json_tells_the_same_and_environments_narrow_it(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    image = plain("api")
    cloud.registry.store.push("prod/api", "build-7", image, ORIGIN)
    place(cloud, image.digest, environment="staging")
    found = await shown(capsys, "--refresh", "--environment", "staging")
    (workload,) = found["workloads"]
    assert (workload["workload"], workload["environment"]) == (APP.lower(), "staging")
    assert [(run["digest"], run["confirmedBy"]) for run in workload["runs"]] == [(image.digest, "arm")]
    assert workload["elsewhere"] == ["docker.io/library/redis:7"]
    assert [each["subscription"] for each in found["coverage"]] == [SUBSCRIPTION_ID]
    assert (await shown(capsys, "--environment", "production"))["workloads"] == []
    assert cloud.registry.store.manifest("prod/api", image.digest).flags == OPEN  # no rule for staging


async def test_a_subscription_that_cannot_be_listed_is_told_and_ends_with_1(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.arm.faults.add(Fault(action=Answer(status=403), times=None))
    assert await command("--refresh") == 1
    captured = capsys.readouterr()
    assert SUBSCRIPTION_ID in captured.err
    assert "no subscription was listed" in captured.out


async def test_settings_that_cannot_be_used_end_with_2_and_a_line_for_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGLOCK_REGISTRIES", "contoso.azurecr.io")
    monkeypatch.setenv("TAGLOCK_SUBSCRIPTIONS", "contoso")
    monkeypatch.setenv("TAGLOCK_ARM_ENDPOINT", "http://management.azure.com")
    monkeypatch.setenv("TAGLOCK_DEFAULT_REGISTRY", "other.azurecr.io")
    assert await command() == 2
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == [
        "TAGLOCK_ARM_ENDPOINT",
        "TAGLOCK_DEFAULT_REGISTRY",
        "TAGLOCK_SUBSCRIPTIONS",
    ]


async def test_the_function_in_the_worker_takes_events_of_both_schemas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with LocalCloud(CloudOptions(app=ROOT, folder=tmp_path)) as cloud, aiohttp.ClientSession() as http:
        cloud.registry.options.missing_content = "allowed"
        functions = cloud.state.functions
        assert functions is not None
        for name, value in cloud.environment().items():
            monkeypatch.setenv(name, value)
        image = plain("api")
        cloud.registry.store.push("prod/api", "build-7", image, ORIGIN)
        reference = f"{cloud.registry.login_server}/prod/api:build-7"
        hook = f"{functions.endpoint}/runtime/webhooks/EventGrid?functionName=image_deployed"
        hook += f"&code={functions.keys.eventgrid}"
        moment = datetime.now(UTC).isoformat()
        for key, event in {
            "one": {"specversion": "1.0", "id": "1", "source": "/x", "type": "Taglock.ImageDeployed", "time": moment},
            "two": {
                "id": "2",
                "topic": "/x",
                "subject": "x",
                "eventType": "Taglock.ImageDeployed",
                "eventTime": moment,
            },
        }.items():
            content = {"workload": key, "images": [reference], "environment": "production"}
            body = json.dumps([{**event, "subject": "x", "data": content, "dataVersion": "1"}])
            async with http.post(hook, data=body, headers={"aeg-event-type": "Notification"}) as answer:
                assert answer.status == 202
        found = await shown(capsys)
        digests = {each["workload"]: [run["digest"] for run in each["runs"]] for each in found["workloads"]}
        assert digests == {"one": [image.digest], "two": [image.digest]}
