"""Write what happened to the ledger, and publish what the outbox holds."""

import asyncio
import logging
from collections.abc import Sequence
from itertools import batched

from taglock.domain.ledger import OUTBOX, outbox_key, restored
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import Change, Delete, Row
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerError, PublishFailed

logger = logging.getLogger("taglock")

CHANGES_PER_WRITE = 90  # Azure Tables takes 100 operations in one transaction of a partition
PUBLISH_SECONDS = 3.0
OUTBOX_PAGE = 500


async def write(app: Enforcement, changes: Sequence[Change]) -> None:
    """Write changes in order, in as few writes as the storage takes; repeating them all completes a part."""
    for part in batched(changes, CHANGES_PER_WRITE, strict=False):
        await app.rows.write(part)


async def publish(app: Enforcement, events: Sequence[OutboundEvent]) -> bool:
    """Publish events that are in the outbox and take them out; False when they have to wait for the next turn."""
    if app.publisher is None or not events:
        return True
    try:
        async with asyncio.timeout(PUBLISH_SECONDS):
            await app.publisher.publish(events)
        await write(app, [Delete(outbox_key(event)) for event in events])
    except (PublishFailed, LedgerError, TimeoutError):
        return False
    return True


async def drain_outbox(app: Enforcement) -> int:
    """Publish what waits in the outbox, oldest first, until it is empty or the topic refuses; return how many."""
    published = 0
    start = ""
    while app.publisher is not None:
        rows = await app.rows.scan(OUTBOX, start=start, limit=OUTBOX_PAGE)
        if not rows or not await publish(app, _readable(rows)):
            break
        published += len(rows)
        start = rows[-1].key.key + "\0"
    return published


def _readable(rows: Sequence[Row]) -> Sequence[OutboundEvent]:
    events = []
    for row in rows:
        try:
            events.append(restored(OutboundEvent, row.body))
        except LedgerError as error:  # it stays in the outbox; the events behind it must not wait for it
            logger.error("an outbound event cannot be read: %s %s: %s", row.key.partition, row.key.key, error)
    return events
