"""The outbox against a topic on loopback: what it refuses, and what happens to the events behind."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from azure.core.pipeline.transport import AioHttpTransport

from localcloud.event_grid.custom_topic import CustomTopic
from localcloud.tls import Authority
from taglock.adapters.event_publisher import open_publisher
from taglock.domain.ledger import OUTBOX, JournalEntry, outbox_key, restored, stored
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import RowKey, Upsert
from tests.pushing.images import plain
from tests.pushing.world import START, StaticCredential, World

POISON = "refused"


def event(number: int, *, subject: str = "image", **body: object) -> OutboundEvent:
    return OutboundEvent(
        id=f"event-{number:04}",
        type="Taglock.ImageLocked",
        source="/registries/local",
        subject=subject,
        time=START + timedelta(seconds=number),
        body=body,
    )


async def waiting(local: World, *events: OutboundEvent) -> None:
    for each in events:
        await local.app.rows.write([Upsert(outbox_key(each), stored(each))])


class Topic(CustomTopic):
    """Refuses every request with one particular event; may go down after the first request that it takes."""

    def __init__(self) -> None:
        super().__init__(now=lambda: datetime.now(UTC), sender=lambda _token: "app", on_events=self._take)
        self.goes_down = False

    def _take(self, events: Sequence[Mapping[str, Any]]) -> None:
        if any(each.get("subject") == POISON for each in events):
            raise ValueError("this event is refused")
        if self.goes_down:
            self.status = 503


@asynccontextmanager
async def topic_of(local: World, authority: Authority) -> AsyncIterator[Topic]:
    """Serve a topic and let the app publish to it through the SDK."""
    topic = Topic()
    runner = web.AppRunner(topic.app(), shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context("127.0.0.1"))
    await site.start()
    endpoint = f"https://127.0.0.1:{runner.addresses[0][1]}/api/events"
    transport = AioHttpTransport(connection_verify=os.environ["SSL_CERT_FILE"])
    publisher = open_publisher(endpoint, credential=StaticCredential(), transport=transport)
    local.app = replace(local.app, publisher=publisher)
    try:
        yield topic
    finally:
        await publisher.aclose()
        await runner.cleanup()


@pytest.fixture
async def topic(local: World, authority: Authority) -> AsyncIterator[Topic]:
    async with topic_of(local, authority) as served:
        yield served


def published(topic: Topic) -> list[str]:
    return [str(each.event["id"]) for each in topic.published]


async def outbox(local: World) -> list[str]:
    return [row.key.key.rpartition("/")[2] for row in await local.app.rows.scan(OUTBOX)]


async def test_a_refused_event_does_not_block_those_behind_it(local: World, topic: Topic) -> None:
    await waiting(local, event(1), event(2, subject=POISON), event(3), event(4))
    await local.tick()
    assert published(topic) == ["event-0001", "event-0003", "event-0004"]
    assert await outbox(local) == []


async def test_a_refused_event_is_journalled_and_told_with_the_reason(local: World, topic: Topic) -> None:
    await waiting(local, event(2, subject=POISON))
    (handled,) = await local.tick()
    assert (handled.outcome, handled.event_id, handled.image) == ("failed", "event-0002", POISON)
    assert "status 400" in handled.problems[0]
    rows = await local.app.rows.scan(f"journal/-/{local.clock.now():%Y-%m-%d}")
    (entry,) = [restored(JournalEntry, row.body) for row in rows]
    assert (entry.decision, entry.outcome, entry.event_id) == ("publish", "failed", "event-0002")
    assert published(topic) == []


async def test_an_event_that_no_request_can_hold_is_refused_and_the_rest_published(local: World, topic: Topic) -> None:
    large = event(1, filling="\u00e4" * 180_000)  # each becomes six characters on the wire
    await waiting(local, large, event(2))
    await local.tick()
    assert published(topic) == ["event-0002"]
    assert await outbox(local) == []


async def test_a_topic_that_is_down_keeps_everything_and_is_told_once_a_tick(local: World, topic: Topic) -> None:
    topic.status = 503
    assert (await local.deliver(local.push("1.4.2", plain("api")))).outcome == "locked"
    await waiting(local, event(1), event(2))
    (handled,) = await local.tick()
    assert (handled.outcome, handled.image) == ("unfinished", OUTBOX)
    assert "status 503" in handled.problems[0]
    assert len(await outbox(local)) == 3
    topic.status = None
    assert await local.tick() == []
    assert len(published(topic)) == 3
    assert await outbox(local) == []


async def test_what_waited_long_is_taken_out_part_by_part(local: World, topic: Topic) -> None:
    await waiting(local, *(event(number) for number in range(250)))
    topic.goes_down = True
    await local.tick()
    assert 0 < len(published(topic)) < 250
    assert len(await outbox(local)) == 250 - len(published(topic))
    topic.goes_down, topic.status = False, None
    await local.tick()
    assert published(topic) == [f"event-{number:04}" for number in range(250)]


async def test_an_entry_that_cannot_be_read_is_told_and_passed_over(local: World, topic: Topic) -> None:
    await local.app.rows.write([Upsert(RowKey(OUTBOX, "0000/newer"), b'{"format":99,"row":{}}')])
    await waiting(local, event(1))
    (handled,) = await local.tick()
    assert handled.outcome == "failed"
    assert "newer version" in handled.problems[0]
    assert published(topic) == ["event-0001"]
