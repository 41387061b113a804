import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from localcloud.cloud import CloudOptions, LocalCloud
from localcloud.event_grid.events import Schema
from tests.localcloud.cloud.hosting import APPS
from tests.localcloud.cloud.pushing import Pusher, pushing
from tests.localcloud.cloud.receiving import receiving
from tests.localcloud.cloud.test_cloud import seen
from tests.localcloud.cloud.test_event_grid_delivery import event
from tests.localcloud.cloud.waiting import eventually, until

SEED = {"repositories": [{"name": "prod/api", "images": [{"number": 1, "tags": ["1.0.0", "latest"]}]}]}


class Caller:
    def __init__(self, cloud: LocalCloud, http: aiohttp.ClientSession, pusher: Pusher) -> None:
        self.cloud, self.pusher = cloud, pusher
        self._http = http

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"{self.cloud.state.control.endpoint}{path}"
        async with self._http.request(method, url, json=body) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def ok(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.call(method, path, body)
        assert status == 200, answer
        return answer


@asynccontextmanager
async def controlling(options: CloudOptions | None = None) -> AsyncIterator[Caller]:
    async with (
        LocalCloud(options or CloudOptions(pace=0)) as cloud,
        aiohttp.ClientSession() as http,
        pushing(cloud.state) as pusher,
    ):
        yield Caller(cloud, http, pusher)


async def test_every_route_is_listed_and_others_are_not_found() -> None:
    async with controlling() as it:
        routes = (await it.ok("GET", "/"))["routes"]
        assert "POST /seed" in routes
        assert (await it.call("GET", "/nothing"))[0] == 404
        assert (await it.call("POST", "/clock/nothing"))[0] == 404
        assert (await it.ok("GET", "/topic"))["key"] == it.cloud.topic.key
        assert await it.ok("GET", "/state") == json.loads(json.dumps(await it.ok("GET", "/state")))


async def test_seed_fills_the_registry_and_reset_empties_it() -> None:
    async with controlling() as it:
        assert await it.ok("POST", "/seed", SEED) == {"repositories": 1, "manifests": 1, "tags": 2}
        assert await it.pusher.get("/acr/v1/prod/api/_tags/1.0.0") == 200
        await it.ok("POST", "/reset")
        assert await it.pusher.get("/acr/v1/prod/api/_tags/1.0.0") == 404


async def test_reset_takes_everything_back_that_was_set() -> None:
    async with controlling() as it:
        before = [await it.ok("GET", path) for path in ("/options", "/identity", "/behaviours")]
        await it.pusher.push("prod/api", "1.0.0")
        await it.ok("POST", "/faults", {"action": {"type": "throttled"}})
        await it.ok("PATCH", "/options", {"abac": True})
        await it.ok("PUT", "/identity", {"actions": ["pull"]})
        await it.ok("PATCH", "/behaviours", {"duplicates": 1})
        await it.ok("PUT", "/published/status", {"status": 503})
        await it.ok("POST", "/reset")
        assert [await it.ok("GET", path) for path in ("/options", "/identity", "/behaviours")] == before
        assert [await it.ok("GET", path) for path in ("/faults", "/events", "/published")] == [[], [], []]
        assert (await it.ok("GET", "/requests"))["counts"] == {}
        assert it.cloud.topic.status is None


async def test_fault_breaks_the_next_request_and_is_used_up() -> None:
    async with controlling() as it:
        fault = {"action": {"type": "throttled", "retry_after_seconds": 1}, "method": "GET", "times": 1}
        assert len(await it.ok("POST", "/faults", [fault, fault])) == 2
        assert [await it.pusher.get("/v2/") for _ in range(3)] == [429, 429, 200]
        assert await it.ok("GET", "/faults") == []
        await it.ok("POST", "/faults", fault)
        await it.ok("POST", "/faults", await it.ok("GET", "/faults"))
        assert len(await it.ok("GET", "/faults")) == 2
        await it.ok("DELETE", "/faults")
        assert await it.pusher.get("/v2/") == 200


async def test_requests_seen_are_counted_since_a_mark() -> None:
    async with controlling() as it:
        await it.pusher.get("/v2/")
        mark = (await it.ok("GET", "/requests"))["mark"]
        await it.pusher.get("/acr/v1/_catalog")
        answer = await it.ok("GET", f"/requests?since={mark}")
        assert (mark, [each["path"] for each in answer["requests"]]) == (1, ["/acr/v1/_catalog"])
        assert list(answer["counts"].values()) == [1]
        assert await it.ok("GET", f"/requests/counts?since={mark}") == {"mark": 2, "counts": answer["counts"]}
        assert sum((await it.ok("GET", "/requests/counts"))["counts"].values()) == 2


async def test_switch_and_rights_are_changed_while_the_registry_serves() -> None:
    async with controlling() as it:
        assert (await it.ok("PATCH", "/options", {"admin_enabled": False}))["admin_enabled"] is False
        assert await it.pusher.get("/v2/") == 401
        await it.ok("PUT", "/identity", {"name": "reader", "repositories": {"prod/*": ["metadata_read"]}})
        assert it.cloud.identity.principal.allowed("prod/api") == {"metadata_read"}


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", "/seed", {"repos": []}, "repos"),
        ("POST", "/faults", {"action": {"type": "explode"}}, "explode"),
        ("PATCH", "/options", {"speed": 1}, "speed"),
        ("PATCH", "/options", [], "object"),
        ("PATCH", "/behaviours", {"duplicates": -1}, "duplicates"),
        ("PUT", "/identity", {"actions": ["fly"]}, "fly"),
        ("POST", "/events", {"id": "1"}, "topic"),
        ("POST", "/clock", {"advance_seconds": -1}, "forward"),
        ("POST", "/clock", {"pace": -1}, "pace"),
        ("POST", "/subscriptions", {"name": "x"}, "endpoint"),
        ("POST", "/subscriptions", {"name": "x", "endpoint": "http://127.0.0.1:1/"}, "subscription 'x'"),
        ("DELETE", "/subscriptions/none", None, "none"),
        ("POST", "/functions/x/run", {}, "runs without one"),
    ],
)
async def test_wrong_request_is_a_400_that_says_what_was_expected(
    method: str, path: str, body: Any, named: str
) -> None:
    async with controlling() as it:
        status, answer = await it.call(method, path, body)
    assert (status, named in answer["error"]) == (400, True), answer


async def test_events_are_published_filtered_redelivered_and_shown() -> None:
    async with controlling() as it, receiving() as receiver:
        wanted = {"name": "mine", "endpoint": receiver.url, "event_types": ["Pushed"]}
        await it.ok("POST", "/subscriptions", wanted)
        trees = [event(1).rendered(Schema.CLOUD_EVENTS), event(2).rendered(Schema.EVENT_GRID)]
        assert await it.ok("POST", "/events", trees) == {"published": 2}
        await until(lambda: len(receiver.ids) == 2)
        assert await it.ok("POST", "/events/redeliver", {"ids": ["2"]}) == {"redelivered": 1}
        await until(lambda: len(receiver.ids) == 3)
        assert [each["id"] for each in await it.ok("GET", "/events?schema=CloudEventSchemaV1_0")] == ["1", "2"]
        answer = await eventually(lambda: it.ok("GET", "/deliveries"), lambda it: it["underway"] == 0)
        assert [each["status"] for each in answer["deliveries"]] == [200, 200, 200]
        assert [each["name"] for each in await it.ok("GET", "/subscriptions")] == ["mine"]
        await it.ok("DELETE", "/subscriptions/mine")
        assert await it.ok("GET", "/subscriptions") == []


async def test_time_advances_retries_and_dead_letters_can_be_read() -> None:
    async with controlling() as it, receiving() as receiver:
        await it.ok("POST", "/subscriptions", {"name": "mine", "endpoint": receiver.url})
        receiver.status = lambda count: 500 if count == 1 else 400
        await it.ok("POST", "/events", event(1).rendered(Schema.EVENT_GRID))
        for seconds in (10, 300):
            clock = await eventually(lambda: it.ok("GET", "/clock"), lambda it: (it["next_wake"] or "") > it["now"])
            due = datetime.fromisoformat(clock["next_wake"]) - datetime.fromisoformat(clock["now"])
            assert due.total_seconds() == seconds
            await it.ok("POST", "/clock", {"advance_seconds": seconds})
        (letter,) = await eventually(lambda: it.ok("GET", "/dead-letters"), bool)
    assert (letter["id"], letter["deliveryAttempts"], letter["lastHttpStatusCode"]) == ("1", 2, 400)


async def test_functions_run_on_demand_and_share_the_step_of_the_clock() -> None:
    async with controlling(CloudOptions(app=APPS / "events", pace=0)) as it:
        await it.ok("POST", "/functions/daily/run")
        await eventually(lambda: seen(it.cloud), lambda it: it["events"] == ["daily"])
        await it.ok("POST", "/clock", {"advance_seconds": 86_400})
        await eventually(lambda: seen(it.cloud), lambda it: it["events"] == ["daily", "daily"])
        runs = await eventually(lambda: it.ok("GET", "/functions/runs"), lambda it: len(it["runs"]) >= 2)
        assert {each["failure"] for each in runs["runs"]} == {None}
        assert (await it.call("POST", "/functions/unknown/run"))[0] == 400
