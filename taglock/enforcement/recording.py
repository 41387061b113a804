"""Write what happened to the ledger, and publish at once what can be."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import batched

from taglock.domain.ledger import outbox_key
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import Change, Delete
from taglock.enforcement.context import Enforcement
from taglock.errors import LedgerError, PublishFailed

CHANGES_PER_WRITE = 90  # Azure Tables takes 100 operations in one transaction of a partition
PUBLISH_SECONDS = 3.0


async def write(app: Enforcement, changes: Sequence[Change]) -> None:
    """Write changes in order, in as few writes as the storage takes; repeating them all completes a part."""
    for part in batched(changes, CHANGES_PER_WRITE, strict=False):
        await app.rows.write(part)


async def publish(app: Enforcement, events: Sequence[OutboundEvent]) -> None:
    """Publish events that are in the outbox and take them out; else they wait there, and the outbox tells why."""
    if app.publisher is None or not events:
        return
    with suppress(PublishFailed, LedgerError, TimeoutError):
        async with asyncio.timeout(PUBLISH_SECONDS):
            await app.publisher.publish(events)
        await write(app, [Delete(outbox_key(event)) for event in events])
