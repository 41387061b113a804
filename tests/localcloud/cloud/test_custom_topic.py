import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from localcloud.event_grid.custom_topic import CustomTopic
from localcloud.identity import Identity

CLOUD_EVENT = {"id": "1", "source": "/s", "type": "T", "specversion": "1.0", "data": {}}
GRID_EVENT = {"id": "1", "subject": "s", "eventType": "T", "eventTime": "2026-01-01T00:00:00Z", "dataVersion": "1"}
BATCH = "application/cloudevents-batch+json; charset=utf-8"
SINGLE = "application/cloudevents+json"
JSON = "application/json; charset=utf-8"


class Sender:
    def __init__(self, topic: CustomTopic, identity: Identity, url: str, http: aiohttp.ClientSession) -> None:
        self.topic, self.identity = topic, identity
        self._url, self._http = url, http

    async def send(self, body: Any, content_type: str, **headers: str) -> int:
        given = headers or {"aeg-sas-key": self.topic.key}
        text = body if isinstance(body, bytes) else json.dumps(body)
        async with self._http.post(self._url, data=text, headers={"Content-Type": content_type, **given}) as answer:
            return answer.status


@asynccontextmanager
async def sending() -> AsyncIterator[Sender]:
    identity = Identity()
    topic = CustomTopic(now=lambda: datetime(2026, 1, 1, tzinfo=UTC), sender=identity.event_sender)
    async with TestServer(topic.app()) as server, aiohttp.ClientSession() as http:
        yield Sender(topic, identity, str(server.make_url("/api/events?api-version=2018-01-01")), http)


@pytest.mark.parametrize(
    ("body", "content_type"), [([CLOUD_EVENT], BATCH), (CLOUD_EVENT, SINGLE), ([GRID_EVENT], JSON)]
)
async def test_events_of_both_schemas_are_kept(body: Any, content_type: str) -> None:
    async with sending() as it:
        assert await it.send(body, content_type) == 200
        (kept,) = it.topic.published
    assert (kept.event["id"], kept.publisher) == ("1", "key")


async def test_bearer_token_for_event_grid_is_accepted_and_named() -> None:
    async with sending() as it:
        token = it.identity.token("https://eventgrid.azure.net")
        assert await it.send([CLOUD_EVENT], BATCH, Authorization=f"Bearer {token}") == 200
        assert it.topic.published[0].publisher == "taglock"


async def test_wrong_key_wrong_audience_or_nothing_is_refused() -> None:
    async with sending() as it:
        token = it.identity.token("https://containerregistry.azure.net")
        assert await it.send([CLOUD_EVENT], BATCH, **{"aeg-sas-key": "wrong"}) == 401
        assert await it.send([CLOUD_EVENT], BATCH, Authorization=f"Bearer {token}") == 401
        assert await it.send([CLOUD_EVENT], BATCH, other="nothing") == 401
        assert not it.topic.published


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", JSON),
        ({"id": "1"}, JSON),
        ([1], JSON),
        ([CLOUD_EVENT], JSON),
        ([GRID_EVENT], BATCH),
        ([CLOUD_EVENT, {**CLOUD_EVENT, "source": None}], BATCH),
    ],
)
async def test_broken_batch_is_refused_whole(body: Any, content_type: str) -> None:
    async with sending() as it:
        assert await it.send(body, content_type) == 400
        assert not it.topic.published


async def test_batch_above_one_mebibyte_is_refused() -> None:
    async with sending() as it:
        assert await it.send([{**CLOUD_EVENT, "data": "x" * 1_048_576}], BATCH) == 413


async def test_topic_that_is_told_to_fail_answers_so_until_it_is_up_again() -> None:
    async with sending() as it:
        it.topic.status = 503
        assert await it.send([CLOUD_EVENT], BATCH) == 503
        it.topic.status = None
        assert await it.send([CLOUD_EVENT], BATCH) == 200
