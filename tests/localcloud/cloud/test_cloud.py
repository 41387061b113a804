import asyncio
import json
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from localcloud.cloud import CloudOptions, LocalCloud
from localcloud.event_grid.events import Schema
from localcloud.event_grid.subscription import Subscription
from localcloud.functions.errors import HostError
from localcloud.registry.principal import PULL, Principal
from localcloud.state import read_state
from tests.localcloud.cloud.hosting import APPS
from tests.localcloud.cloud.pushing import pushing
from tests.localcloud.cloud.receiving import receiving
from tests.localcloud.cloud.waiting import eventually, until

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = Path(__file__).parent / "clients/azure_clients.py"


async def seen(cloud: LocalCloud) -> Any:
    assert cloud.functions is not None
    headers = {"x-functions-key": cloud.functions.keys.default}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{cloud.functions.endpoint}/api/seen") as answer,
    ):
        return json.loads(await answer.text())


async def test_push_and_delete_reach_a_subscriber_as_the_registrys_events() -> None:
    async with LocalCloud() as cloud, receiving() as receiver, pushing(cloud.state) as pusher:
        await cloud.event_grid.subscribe(Subscription(name="all", endpoint=receiver.url))
        digest = await pusher.push("prod/api", "1.4.2")
        await pusher.delete("prod/api", digest)
        await until(lambda: len(receiver.received) == 2)
        by_type = {event["eventType"].rpartition(".")[2]: event for each in receiver.received for event in each.body}
    pushed, deleted = by_type["ImagePushed"], by_type["ImageDeleted"]
    assert pushed["topic"].endswith("/registries/local")
    assert pushed["subject"] == "prod/api:1.4.2"
    assert pushed["data"]["target"]["digest"] == digest == deleted["data"]["target"]["digest"]
    assert pushed["data"]["request"]["host"] == cloud.registry.login_server
    assert deleted["subject"] == "prod/api"


@pytest.mark.parametrize("schema", list(Schema))
async def test_functions_get_the_registrys_events_and_the_environment_for_the_app(schema: Schema) -> None:
    options = CloudOptions(app=APPS / "events", schema=schema)
    async with LocalCloud(options) as cloud, pushing(cloud.state) as pusher:
        digest = await pusher.push("prod/api", "1.4.2")
        answer = await eventually(lambda: seen(cloud), lambda it: bool(it["events"]))
        await pusher.delete("prod/api", digest)
        await eventually(lambda: seen(cloud), lambda it: len(it["events"]) == 2)
        wanted = dict(cloud.environment())
    assert ("specversion" in answer["events"][0]) is (schema is Schema.CLOUD_EVENTS)
    environment = answer["environment"]
    assert environment["AzureWebJobsStorage"] == "none"
    assert environment["TAGLOCK_REGISTRIES"] == f"local={cloud.registry.login_server}"
    assert {name: value for name, value in environment.items() if name in wanted}.items() <= wanted.items()


async def test_real_azure_clients_work_with_the_environment_alone() -> None:
    async with LocalCloud() as cloud:
        reader = Principal(name="reader", actions=frozenset({PULL}))
        arguments = (cloud.topic.key, cloud.identity.add(reader))
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, str(CLIENTS), *arguments),
            env={**os.environ, **cloud.environment()},
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await running.communicate()
        answer = json.loads(printed)
        assert cloud.identity.authenticate(answer["token"]) == cloud.identity.principal
        assert cloud.identity.authenticate(answer["other_token"]) == reader
        assert answer["refused"] == "unauthorized"
        *cloud_events, old = cloud.topic.published
    assert [(each.event["type"], each.publisher) for each in cloud_events] == [("Taglock.Locked", "taglock")] * 2
    assert (old.event["eventType"], old.publisher) == ("Taglock.Old", "key")


async def test_login_server_of_another_name_is_used_in_topic_and_environment() -> None:
    async with LocalCloud(CloudOptions(login_server="contoso.azurecr.io")) as cloud:
        assert cloud.event_grid.topic.endswith("/registries/contoso")
        assert cloud.environment()["TAGLOCK_REGISTRIES"] == "contoso=contoso.azurecr.io"
        assert cloud.state.registry.endpoint.startswith("https://127.0.0.1:")


async def test_state_file_reads_back_as_the_state_and_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    async with LocalCloud(CloudOptions(folder=tmp_path, state_file=path)) as cloud:
        assert read_state(path) == cloud.state
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert set(json.loads(path.read_text())) == {
            *("ca_file", "registry", "functions", "events", "arm", "identity", "control")
        }
    assert not path.exists()


async def test_second_cloud_in_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with LocalCloud(CloudOptions(folder=tmp_path)) as first:
        (tmp_path / "ledger.sqlite").write_text("kept")
        with pytest.raises(OSError, match="expected no other local cloud"):
            async with LocalCloud(CloudOptions(folder=tmp_path)):
                pass
        assert (tmp_path / "ledger.sqlite").read_text() == "kept"
        async with pushing(first.state) as pusher:
            assert await pusher.get("/v2/") == 200


async def test_new_cloud_forgets_what_an_earlier_one_kept(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("old")
    (tmp_path / "storage").mkdir()
    (tmp_path / "mine").write_text("untouched")
    async with LocalCloud(CloudOptions(folder=tmp_path)):
        assert {path.name for path in tmp_path.iterdir()} == {"ca.pem", "lock", "mine"}


async def test_app_that_cannot_be_hosted_fails_the_start_with_the_workers_message() -> None:
    with pytest.raises(HostError, match="cannot load the wrongly_annotated function"):
        async with LocalCloud(CloudOptions(app=APPS / "broken")):
            pass


async def up(folder: Path, *more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localcloud", "up", "--port", "0", "--functions-port", "0", *more),
        *("--state", str(folder / "state.json")),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # An own group, so that what the command started can be told from everything else.
        start_new_session=True,
    )


def is_running(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_end_of_the_command_ends_everything_that_it_started(tmp_path: Path, number: signal.Signals) -> None:
    running = await up(tmp_path, "--app", str(APPS / "events"))
    assert running.stdout is not None
    assert (await running.stdout.readline()).startswith(b"registry ")
    children = children_of(running.pid)
    assert len(children) == 1
    running.send_signal(number)
    await running.communicate()
    assert running.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    await until(lambda: not is_running(children[0]))


async def test_command_prints_exports_for_a_running_cloud_and_says_when_there_is_none(tmp_path: Path) -> None:
    async def env() -> tuple[int | None, bytes]:
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "localcloud", "env", "--state", str(tmp_path / "state.json")),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, _ = await running.communicate()
        return running.returncode, printed

    assert await env() == (1, b"")
    running = await up(tmp_path, "--no-functions")
    assert running.stdout is not None
    await running.stdout.readline()
    status, printed = await env()
    assert (status, b"export IDENTITY_ENDPOINT=http://127.0.0.1:" in printed) == (0, True)
    running.terminate()
    await running.communicate()
    assert running.returncode == 0
