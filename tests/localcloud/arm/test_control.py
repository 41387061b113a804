"""Resource Manager through the control API of a running local cloud."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.localcloud.arm.asking import APP, ROOT, SEEDS, SITE, SUBSCRIPTION, Asker, asking, container_app


async def control(it: Asker, method: str, path: str, body: Any = None) -> Any:
    async with it.http.request(method, f"{it.cloud.state.control.endpoint}{path}", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def refused(it: Asker, method: str, path: str, body: Any = None) -> str:
    async with it.http.request(method, f"{it.cloud.state.control.endpoint}{path}", json=body) as answer:
        assert answer.status == 400
        return str((await answer.json())["error"])


async def test_resources_are_written_with_events_placed_without_and_deleted() -> None:
    async with asking() as it:
        new, quiet = container_app("new"), container_app("quiet")
        assert await control(it, "PUT", "/arm/resources", new) == {"written": [new["id"]]}
        assert await control(it, "POST", "/arm/seed", [quiet]) == {"placed": [quiet["id"]]}
        assert await control(it, "DELETE", f"/arm/resources?id={APP}") == {"deleted": APP}
        names = {each["name"] for each in await control(it, "GET", "/arm/resources")}
        events = [event["eventType"].rpartition(".")[2] for event in await control(it, "GET", "/events")]
    assert {"new", "quiet", "portal"} <= names
    assert "shop" not in names
    assert events == ["ResourceWriteSuccess", "ResourceDeleteSuccess"]


async def test_roles_switches_faults_and_requests_are_set_and_seen() -> None:
    async with asking() as it:
        scopes = {"taglock": [f"{SUBSCRIPTION}/resourceGroups/demo"]}
        assert await control(it, "PUT", "/arm/roles", scopes) == scopes == await control(it, "GET", "/arm/roles")
        assert (await control(it, "PATCH", "/arm/options", {"page_size": 7}))["page_size"] == 7
        assert (await control(it, "GET", "/arm/options"))["page_size"] == 7
        fault = {"action": {"type": "status", "status": 503}, "times": 1}
        (given,) = await control(it, "POST", "/arm/faults", fault)
        assert given["action"] == {"type": "status", "status": 503, "body": "", "headers": {}}
        assert await control(it, "POST", "/arm/faults", given) == [given, given]
        assert [(await it.ask(SITE)).status for _ in range(3)] == [503, 503, 200]
        seen = await control(it, "GET", "/arm/requests?since=1")
        assert (seen["mark"], seen["counts"]) == (3, {"GET Microsoft.Web/sites": 2})
        assert await control(it, "DELETE", "/arm/requests") == {}
        assert (await control(it, "GET", "/arm/requests"))["requests"] == []
        await control(it, "POST", "/arm/faults", fault)
        assert await control(it, "DELETE", "/arm/faults") == [] == await control(it, "GET", "/arm/faults")


@pytest.mark.parametrize(
    ("method", "path", "body", "text"),
    [
        ("PUT", "/arm/resources", {}, "expected an object with an `id`"),
        ("PUT", "/arm/resources", {"id": APP, "properties": None}, "expected an object with `properties`"),
        ("PUT", "/arm/resources", {"id": "x", "properties": {}}, "expected /subscriptions"),
        ("DELETE", f"/arm/resources?id={APP}x", None, "expected it to be there"),
        ("PUT", "/arm/roles", {"taglock": "all"}, "expected an array of texts"),
        ("PUT", "/arm/roles", {"taglock": ["subscriptions"]}, "expected paths that begin with '/'"),
        ("PATCH", "/arm/options", {"page_size": -1}, "expected a number of at least 0"),
        ("PATCH", "/arm/options", {"events": "lost"}, "expected one of raised, withheld"),
        ("POST", "/arm/faults", {"action": {"type": "other_digest", "digest": "x"}}, "not a registry's own"),
    ],
)
async def test_wrong_request_is_refused_and_says_what_was_expected(
    method: str, path: str, body: Any, text: str
) -> None:
    async with asking() as it:
        assert text in await refused(it, method, path, body)


async def test_key_of_the_pipelines_topic_can_be_asked_for() -> None:
    async with asking() as it:
        answer = await control(it, "GET", "/pipeline-topic")
    assert answer == {"endpoint": it.cloud.state.events.pipeline_topic_endpoint, "key": it.cloud.pipeline_topic.key}


async def test_command_seeds_from_a_folder_and_writes_both_endpoints_to_the_state(tmp_path: Path) -> None:
    state_file = tmp_path / "state.json"
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localcloud", "up", "--port", "0", "--no-functions"),
        *("--arm-seed", str(SEEDS), "--state", str(state_file)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert running.stdout is not None
    try:
        await running.stdout.readline()
        state = json.loads(state_file.read_text())
        summary = [(await running.stdout.readline()).decode() for _ in range(2)]
    finally:
        running.terminate()
        await running.communicate()
    assert state["arm"]["endpoint"].startswith("https://127.0.0.1:")
    assert state["events"]["pipeline_topic_endpoint"] != state["events"]["topic_endpoint"]
    assert f"arm        {state['arm']['endpoint']}\n" in summary


async def test_command_refuses_a_seed_folder_that_is_not_there(tmp_path: Path) -> None:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localcloud", "up", "--port", "0", "--no-functions"),
        *("--arm-seed", str(tmp_path / "none"), "--state", str(tmp_path / "state.json")),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, printed = await running.communicate()
    assert (running.returncode, b"InvalidSeed: seed folder" in printed) == (1, True)
