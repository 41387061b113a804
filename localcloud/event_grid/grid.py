"""The service: takes events in, fans them out to subscriptions, retries, and gives up as Event Grid does."""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from pathlib import Path
from typing import Any, Self

import aiohttp

from localcloud.clock import Clock
from localcloud.event_grid.behaviours import Behaviours
from localcloud.event_grid.dead_letters import DeadLetterFolder
from localcloud.event_grid.events import Event
from localcloud.event_grid.subscription import Attempt, Delivered, GiveUp, Retry, Subscription, next_step
from localcloud.event_grid.webhook import Webhook

_LOGGER = logging.getLogger(__name__)
REMEMBERED_EVENTS = 10_000
DEAD_LETTER_PAUSE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt as it went; `status` 0 means no answer in time."""

    subscription: str
    event_ids: tuple[str, ...]
    attempt: int
    status: int
    at: datetime


@dataclass(slots=True, kw_only=True)
class _Line:
    """A subscription with the events that wait to leave."""

    subscription: Subscription
    webhook: Webhook
    waiting: list[Event] = field(default_factory=list)
    is_leaving: bool = False


class EventGrid:
    """One namespace of topics and subscriptions; use with `async with`."""

    def __init__(self, *, clock: Clock, dead_letters: Path, topic: str) -> None:
        self.topic = topic
        self.behaviours = Behaviours()
        self.dead_letters = DeadLetterFolder(dead_letters)
        self.published: deque[Event] = deque(maxlen=REMEMBERED_EVENTS)
        self.deliveries: deque[Delivery] = deque(maxlen=REMEMBERED_EVENTS)
        self._clock = clock
        self._lines: dict[str, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.reset()
        self._lines.clear()
        if self._http is not None:
            await self._http.close()

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """The subscriptions by name."""
        return {name: line.subscription for name, line in self._lines.items()}

    @property
    def underway(self) -> int:
        """How many batches are neither delivered nor given up."""
        return len(self._tasks)

    async def subscribe(self, subscription: Subscription) -> None:
        """Validate the webhook and deliver to it from now on; SubscriptionRefused when it fails the handshake."""
        assert self._http is not None, "use `async with`"
        webhook = Webhook(subscription, self._http)
        await webhook.validate(self.topic, self._clock.now())
        self._lines[subscription.name] = _Line(subscription=subscription, webhook=webhook)

    def unsubscribe(self, name: str) -> None:
        """Deliver nothing new to the subscription; KeyError when there is none of that name."""
        del self._lines[name]

    def publish(self, *events: Event) -> None:
        """Take events in; those published together may travel together where a subscription has batches."""
        self.published.extend(events)
        self._send(events)

    def redeliver(self, ids: Collection[str] | None = None) -> int:
        """Deliver past events once more, all or those with the ids, and return how many that are."""
        chosen = [event for event in self.published if ids is None or event.id in ids]
        self._send(chosen)
        return len(chosen)

    def release(self) -> None:
        """Let go of the events that are held back to be reordered."""
        for line in self._lines.values():
            self._start(self._leave_reversed(line, _taken(line)))

    async def reset(self) -> None:
        """Forget events, deliveries and dead letters, end what is under way; subscriptions stay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines.values():
            line.waiting.clear()
            line.is_leaving = False
        self.published.clear()
        self.deliveries.clear()
        self.dead_letters.clear()
        self.behaviours = Behaviours()

    async def idle(self) -> None:
        """Return when no batch is under way; events held back to be reordered do not count."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _send(self, events: Sequence[Event]) -> None:
        behaviours = self.behaviours
        ready = [event.with_text_content() for event in events] if behaviours.text_data else list(events)
        for line in self._lines.values():
            line.waiting.extend(event for event in ready if line.subscription.wants(event))
            if behaviours.reorder > 1:
                self._hold(line, behaviours.reorder)
            elif line.waiting and not line.is_leaving:
                line.is_leaving = True
                self._start(self._leave(line))

    def _hold(self, line: _Line, count: int) -> None:
        while len(line.waiting) >= count:
            held, line.waiting = line.waiting[:count], line.waiting[count:]
            self._start(self._leave_reversed(line, held))

    async def _leave(self, line: _Line) -> None:
        """Send what has gathered; events published in the same turn of the loop have gathered by now."""
        line.is_leaving = False
        for batch in batched(_taken(line), line.subscription.events_per_batch, strict=False):
            for _ in range(1 + self.behaviours.duplicates):
                self._start(self._deliver(line, batch))

    async def _leave_reversed(self, line: _Line, events: Sequence[Event]) -> None:
        for event in reversed(events):
            for _ in range(1 + self.behaviours.duplicates):
                await self._deliver(line, (event,))

    async def _deliver(self, line: _Line, events: tuple[Event, ...]) -> None:
        published = self._clock.now()
        await self._clock.sleep(self.behaviours.delay_seconds)
        count = 1
        while True:
            attempt = await self._attempt(line, events, count, published)
            match next_step(attempt, line.subscription):
                case Delivered():
                    return
                case GiveUp(reason=reason):
                    await self._give_up(line.subscription, events, attempt, reason)
                    return
                case Retry(at=at):
                    await self._clock.sleep_until(at)
                    count += 1

    async def _attempt(self, line: _Line, events: tuple[Event, ...], count: int, published: datetime) -> Attempt:
        status = await line.webhook.deliver(events, count)
        ended = self._clock.now()
        ids = tuple(event.id for event in events)
        self.deliveries.append(
            Delivery(subscription=line.subscription.name, event_ids=ids, attempt=count, status=status, at=ended)
        )
        return Attempt(count=count, status=status, ended=ended, published=published)

    async def _give_up(
        self, subscription: Subscription, events: tuple[Event, ...], attempt: Attempt, reason: str
    ) -> None:
        _LOGGER.warning("%s: gave up %s: %s", subscription.name, [event.id for event in events], reason)
        if subscription.keeps_dead_letters:
            await self._clock.sleep(DEAD_LETTER_PAUSE_SECONDS)
            self.dead_letters.keep(events, subscription, attempt, reason)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _taken(line: _Line) -> list[Event]:
    taken, line.waiting = line.waiting, []
    return taken
