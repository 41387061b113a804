from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.event_grid.behaviours import Behaviours
from localcloud.event_grid.events import Event, Schema
from localcloud.event_grid.grid import EventGrid
from localcloud.event_grid.subscription import Subscription
from localcloud.event_grid.webhook import SubscriptionRefused
from tests.localcloud.cloud.receiving import Receiver, receiving
from tests.localcloud.cloud.waiting import until

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int, kind: str = "Pushed") -> Event:
    return Event(id=str(number), topic="/t", subject=f"app:{number}", type=kind, time=START, content={"n": number})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    grid: EventGrid
    clock: Clock
    receiver: Receiver

    async def subscribe(self, **wanted: Any) -> Subscription:
        subscription = Subscription(name="sub", endpoint=self.receiver.url, **wanted)
        await self.grid.subscribe(subscription)
        return subscription

    async def advance_to_next_attempt(self) -> timedelta:
        """Wait until every batch sleeps, then advance to the first moment something is due; return the step."""
        await until(lambda: (self.clock.next_wake() or START) > self.clock.now())
        count, due = len(self.grid.deliveries), self.clock.next_wake()
        assert due is not None
        step = due - self.clock.now()
        self.clock.advance(step)
        await until(lambda: len(self.grid.deliveries) > count or not self.grid.underway)
        return step


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    clock = Clock(pace=0, start=START)
    async with receiving() as receiver, EventGrid(clock=clock, dead_letters=folder, topic="/t") as grid:
        yield Scene(grid=grid, clock=clock, receiver=receiver)


async def test_event_arrives_once_as_an_array_of_one_with_the_services_headers(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.grid.publish(event(1))
        await it.grid.idle()
        (delivery,) = it.receiver.received
    assert delivery.body == [event(1).rendered(Schema.EVENT_GRID)]
    assert delivery.headers["aeg-event-type"] == "Notification"
    assert delivery.headers["aeg-subscription-name"] == "SUB"
    assert delivery.headers["aeg-delivery-count"] == "0"
    assert delivery.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_cloud_event_arrives_as_an_object_and_in_batches_as_an_array(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        subscription = await it.subscribe(schema=Schema.CLOUD_EVENTS)
        it.grid.publish(event(1))
        await it.grid.idle()
        await it.grid.subscribe(replace(subscription, events_per_batch=5))
        it.grid.publish(event(2), event(3))
        await it.grid.idle()
        single, many = it.receiver.received
    assert single.body == event(1).rendered(Schema.CLOUD_EVENTS)
    assert single.headers["Content-Type"].startswith("application/cloudevents+json")
    assert many.ids == ["2", "3"]
    assert many.headers["Content-Type"].startswith("application/cloudevents-batch+json")


@pytest.mark.parametrize("schema", list(Schema))
async def test_webhook_that_fails_the_handshake_gets_no_subscription(tmp_path: Path, schema: Schema) -> None:
    async with scene(tmp_path) as it:
        it.receiver.validates = False
        with pytest.raises(SubscriptionRefused, match="'sub'"):
            await it.subscribe(schema=schema)
        it.grid.publish(event(1))
        await it.grid.idle()
    assert (it.grid.subscriptions, it.receiver.received) == ({}, [])


async def test_only_events_that_pass_the_filters_arrive(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe(event_types=frozenset({"Pushed"}), subject_begins_with="app:", subject_ends_with="2")
        it.grid.publish(event(1), event(2), event(12), event(2, "Deleted"))
        await it.grid.idle()
    assert sorted(it.receiver.ids) == ["12", "2"]


async def test_batches_hold_at_most_as_many_events_as_asked_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe(events_per_batch=3)
        it.grid.publish(*(event(number) for number in range(7)))
        await it.grid.idle()
    assert sorted(len(each.ids) for each in it.receiver.received) == [1, 3, 3]


async def test_failed_batch_is_delivered_again_whole(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe(events_per_batch=3)
        it.receiver.status = lambda count: 500 if count == 1 else 200
        it.grid.publish(event(1), event(2), event(3))
        await it.advance_to_next_attempt()
        await it.grid.idle()
    assert [each.ids for each in it.receiver.received] == [["1", "2", "3"], ["1", "2", "3"]]
    assert [each.headers["aeg-delivery-count"] for each in it.receiver.received] == ["0", "1"]


async def test_retries_follow_the_schedule_until_the_events_life_is_over(tmp_path: Path) -> None:
    steps = []
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.receiver.status = 500
        it.grid.publish(event(1))
        while it.grid.underway:
            steps.append((await it.advance_to_next_attempt()).total_seconds())
        (letter,) = it.grid.dead_letters.read()
    hour = 3600
    assert steps == [10, 30, 60, 300, 600, 1800, hour, 3 * hour, 6 * hour, 12 * hour, 300]
    assert len(it.receiver.received) == 11
    assert letter["deadLetterReason"] == "TimeToLiveExceeded"


async def test_attempts_end_at_the_subscriptions_limit(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe(attempts=3)
        it.receiver.status = 500
        it.grid.publish(event(1))
        while it.grid.underway:
            await it.advance_to_next_attempt()
        (letter,) = it.grid.dead_letters.read()
    assert len(it.receiver.received) == 3
    assert (letter["deadLetterReason"], letter["deliveryAttempts"]) == ("MaxDeliveryAttemptsExceeded", 3)


@pytest.mark.parametrize(("status", "seconds"), [(404, 300), (408, 120), (503, 30), (409, 10), (302, 10), (299, 10)])
async def test_some_answers_make_the_first_pause_longer(tmp_path: Path, status: int, seconds: int) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.receiver.status = lambda count: status if count == 1 else 200
        it.grid.publish(event(1))
        assert await it.advance_to_next_attempt() == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, "BadRequest"), (401, "Unauthorized"), (403, "Forbidden"), (413, "PayloadTooLarge")],
)
async def test_answer_that_is_never_retried_leads_to_a_dead_letter(tmp_path: Path, status: int, outcome: str) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.receiver.status = status
        it.grid.publish(event(1))
        assert await it.advance_to_next_attempt() == timedelta(minutes=5)
        await it.grid.idle()
        (letter,) = it.grid.dead_letters.read()
    assert len(it.receiver.received) == 1
    assert letter == {
        **event(1).rendered(Schema.EVENT_GRID),
        "deadLetterReason": f"UndeliverableDueToHttp{outcome}",
        "deliveryAttempts": 1,
        "lastDeliveryOutcome": outcome,
        "lastHttpStatusCode": status,
        "publishTime": "2026-01-01T00:00:00.0000000Z",
        "lastDeliveryAttemptTime": "2026-01-01T00:00:00.0000000Z",
    }


async def test_dead_letter_of_a_cloud_event_has_lower_case_attributes(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe(schema=Schema.CLOUD_EVENTS)
        it.receiver.status = 400
        it.grid.publish(event(1))
        await it.advance_to_next_attempt()
        await it.grid.idle()
        (letter,) = it.grid.dead_letters.read()
    assert (letter["specversion"], letter["deadletterreason"]) == ("1.0", "UndeliverableDueToHttpBadRequest")


async def test_without_dead_letters_the_event_is_dropped(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe(keeps_dead_letters=False)
        it.receiver.status = 400
        it.grid.publish(event(1))
        await it.grid.idle()
    assert it.grid.dead_letters.read() == []


async def test_webhook_that_is_gone_is_tried_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        async with receiving() as gone:
            await it.grid.subscribe(Subscription(name="gone", endpoint=gone.url))
        it.grid.publish(event(1))
        await until(lambda: it.grid.deliveries)
        assert it.grid.deliveries[0].status == 0
        assert await it.advance_to_next_attempt() == timedelta(seconds=10)


async def test_duplicates_arrive_as_often_as_asked_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.grid.behaviours = Behaviours(duplicates=2)
        it.grid.publish(event(1))
        await it.grid.idle()
    assert it.receiver.ids == ["1", "1", "1"]


async def test_delayed_event_waits_for_the_clock(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.grid.behaviours = Behaviours(delay_seconds=45)
        it.grid.publish(event(1))
        await until(lambda: it.clock.next_wake() == START + timedelta(seconds=45))
        assert it.receiver.received == []
        it.clock.advance(timedelta(seconds=45))
        await it.grid.idle()
    assert it.receiver.ids == ["1"]


async def test_reordered_events_arrive_newest_first(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.grid.behaviours = Behaviours(reorder=3)
        for number in (1, 2, 3, 4):
            it.grid.publish(event(number))
        await it.grid.idle()
        assert it.receiver.ids == ["3", "2", "1"]
        it.grid.release()
        await it.grid.idle()
    assert it.receiver.ids == ["3", "2", "1", "4"]


async def test_content_can_be_written_as_a_json_string(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.grid.behaviours = Behaviours(text_data=True)
        it.grid.publish(event(1))
        await it.grid.idle()
    assert it.receiver.received[0].body[0]["data"] == '{"n": 1}'


async def test_past_events_are_delivered_again_all_or_by_id(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.grid.publish(event(1), event(2))
        await it.grid.idle()
        assert it.grid.redeliver(["2", "unknown"]) == 1
        await it.grid.idle()
        assert it.grid.redeliver() == 2
        await it.grid.idle()
    assert sorted(it.receiver.ids) == ["1", "1", "2", "2", "2"]


async def test_reset_forgets_events_and_ends_retries_and_keeps_subscriptions(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.subscribe()
        it.receiver.status = 500
        it.grid.publish(event(1))
        await until(lambda: it.receiver.received)
        await it.grid.reset()
        assert (it.grid.underway, list(it.grid.published), list(it.grid.subscriptions)) == (0, [], ["sub"])
        it.receiver.status = 200
        it.grid.publish(event(2))
        await it.grid.idle()
    assert it.receiver.ids == ["1", "2"]


@pytest.mark.parametrize("change", [{"duplicates": -1}, {"duplicates": True}, {"text_data": 1}, {"speed": 1}])
def test_unknown_or_wrong_behaviour_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="behaviour"):
        Behaviours().changed(change)
