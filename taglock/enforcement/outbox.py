"""Publish what waits in the outbox: no event holds up those behind it, and nobody is left to guess why one waits."""

import asyncio
from collections.abc import Sequence

from taglock.domain.handled import Handled
from taglock.domain.ledger import OUTBOX, JournalEntry, journal_key, outbox_key, restored, stored
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import Delete, Row, Upsert
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.enforcement.rejecting import NO_REGISTRY
from taglock.errors import LedgerError, PublishFailed
from taglock.ports import Publisher

PART = 90
"""Events published, and then taken out, at once: a slow topic gets some further at every tick."""

DRAIN_SECONDS = 20.0


async def drain_outbox(app: Enforcement, trigger: str) -> Sequence[Handled]:
    """Publish what waits, oldest first, until the outbox is empty, the topic is down or 20 seconds have passed.

    Returns what an operator must hear of. An event that the topic refuses for good is journalled and taken out.
    """
    return await _Draining(app, app.publisher, trigger).run() if app.publisher is not None else []


class _Draining:
    def __init__(self, app: Enforcement, publisher: Publisher, trigger: str) -> None:
        self._app = app
        self._publisher = publisher
        self._trigger = trigger
        self._told: list[Handled] = []

    async def run(self) -> Sequence[Handled]:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._drain()
        except TimeoutError:
            self._tell("unfinished", "more events wait than one tick can publish; the next goes on")
        except (PublishFailed, LedgerError) as error:
            self._tell("unfinished", f"{error}; the events wait and are published at a later tick")
        return self._told

    async def _drain(self) -> None:
        start = ""
        while rows := await self._app.rows.scan(OUTBOX, start=start, limit=PART):
            await self._publish([event for row in rows if (event := self._restored(row)) is not None])
            start = rows[-1].key.key + "\0"

    async def _publish(self, events: Sequence[OutboundEvent]) -> None:
        """Publish events and take them out; those that are refused for good are found by halving."""
        if not events:
            return
        try:
            await self._publisher.publish(events)
        except PublishFailed as error:
            if error.transient:
                raise
            if len(events) == 1:
                await self._give_up(events[0], error)
                return
            half = len(events) // 2
            await self._publish(events[:half])
            await self._publish(events[half:])
        else:
            await write(self._app, [Delete(outbox_key(event)) for event in events])

    async def _give_up(self, event: OutboundEvent, error: PublishFailed) -> None:
        entry = JournalEntry(
            at=self._app.clock.now(),
            trigger=self._trigger,
            event_id=event.id,
            image=event.subject,
            decision="publish",
            outcome="failed",
            problems=(f"{event.type}: {error}",),
        )
        await write(
            self._app, [Upsert(journal_key(entry, registry=NO_REGISTRY), stored(entry)), Delete(outbox_key(event))]
        )
        problem = f"{event.type} was refused for good and is dropped; the ledger keeps what it told: {error}"
        self._tell("failed", problem, event)

    def _restored(self, row: Row) -> OutboundEvent | None:
        try:
            return restored(OutboundEvent, row.body)
        except LedgerError as error:  # told at every tick; it stays until somebody looks
            self._tell("failed", f"{row.key.partition} {row.key.key}: {error}")
            return None

    def _tell(self, outcome: str, problem: str, event: OutboundEvent | None = None) -> None:
        self._told.append(
            Handled(
                trigger=self._trigger,
                outcome=outcome,
                event_id=event.id if event else "",
                image=event.subject if event else OUTBOX,
                decision="publish",
                problems=(problem,),
            )
        )
