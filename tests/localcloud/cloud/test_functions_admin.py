import json

import pytest

from tests.localcloud.cloud.hosting import Hosted


async def call(sample: Hosted, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    headers = {"x-functions-key": sample.host.keys.master}
    async with sample.http.request(method, sample.url(path), data=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_ping_needs_no_key_and_everything_else_the_master_key(sample: Hosted) -> None:
    for path, status in {"/admin/host/ping": 200, "/admin/host/status": 401, "/admin/functions": 401}.items():
        async with sample.http.get(sample.url(path)) as answer:
            assert answer.status == status
    async with sample.http.get(sample.url(f"/admin/functions?code={sample.host.keys.default}")) as answer:
        assert answer.status == 401


async def test_functions_are_listed_with_their_bindings(sample: Hosted) -> None:
    status, text = await call(sample, "GET", "/admin/functions")
    bindings = {each["name"]: each["config"]["bindings"] for each in json.loads(text)}
    assert status == 200
    assert bindings["tick"][0]["type"] == "timerTrigger"
    assert "switched_off" not in bindings


async def test_status_says_running_and_system_key_can_be_read(sample: Hosted) -> None:
    assert json.loads((await call(sample, "GET", "/admin/host/status"))[1])["state"] == "Running"
    key = json.loads((await call(sample, "GET", "/admin/host/systemkeys/eventgrid_extension"))[1])
    assert key["value"] == sample.host.keys.eventgrid


async def test_event_function_runs_on_demand_with_the_given_input(sample: Hosted) -> None:
    body = json.dumps({"input": json.dumps({"id": "by-hand"})}).encode()
    assert await call(sample, "POST", "/admin/functions/text_event", body) == (202, "")
    assert await sample.wait_for_notes("text_event", 1) == [{"id": "by-hand"}]


async def test_timer_and_queue_functions_run_on_demand(sample: Hosted) -> None:
    assert (await call(sample, "POST", "/admin/functions/tick", b"{}"))[0] == 202
    assert (await call(sample, "POST", "/admin/functions/ordered", b'{"input": "tea"}'))[0] == 202
    assert (await sample.wait_for_notes("tick", 1))[0]["past_due"] is False
    assert (await sample.wait_for_notes("ordered", 1))[0]["body"] == "tea"


@pytest.mark.parametrize(("name", "body", "status"), [("nobody", b"{}", 404), ("tick", b"", 400), ("tick", b"[]", 400)])
async def test_unknown_function_or_missing_json_object_is_refused(
    sample: Hosted, name: str, body: bytes, status: int
) -> None:
    assert (await call(sample, "POST", f"/admin/functions/{name}", body))[0] == status
    assert sample.noted("tick") == []


@pytest.mark.parametrize("path", ["/admin/nothing", "/admin/host/restart", "/admin/localcloud/nothing"])
async def test_unknown_admin_route_is_not_found(sample: Hosted, path: str) -> None:
    assert (await call(sample, "GET", path))[0] == 404


async def test_runs_and_clock_can_be_read_and_the_clock_advanced(sample: Hosted) -> None:
    await call(sample, "GET", "/api/raise")
    runs = json.loads((await call(sample, "GET", "/admin/localcloud/runs"))[1])
    assert runs["runs"][0]["failure"] == "RuntimeError: this one always fails"
    status, text = await call(sample, "POST", "/admin/localcloud/clock", b'{"advance_seconds": 1.5}')
    assert (status, json.loads(text)["now"]) == (200, "2026-03-02T12:00:01+00:00")
    assert (await call(sample, "POST", "/admin/localcloud/clock", b'{"advance_seconds": -1}'))[0] == 400
