"""Queue triggers: up to a batch at once, back into the queue after a failure, to `NAME-poison` after the last one."""

import asyncio
import logging
from datetime import timedelta

from localcloud.clock import Clock
from localcloud.functions.bindings import Function, QueueTrigger
from localcloud.functions.calls import queue_call
from localcloud.functions.draining import drained
from localcloud.functions.runner import Runner
from localcloud.functions.settings import QueueSettings
from localcloud.functions.storage import Message, Storage

_LOGGER = logging.getLogger(__name__)
# The engine hides a message while it runs and renews that; a local run outlasts no lease of this length.
LEASE = timedelta(minutes=10)
POLL_SECONDS = 0.1


class QueueListener:
    """Runs one queue function for each message."""

    def __init__(self, function: Function, trigger: QueueTrigger, runner: Runner, settings: QueueSettings) -> None:
        self._function = function
        self._trigger = trigger
        self._runner = runner
        self._settings = settings

    async def listen(self, storage: Storage, clock: Clock) -> None:
        """Take and run messages for ever; ends only by being cancelled."""
        underway: set[asyncio.Task[None]] = set()
        try:
            while True:
                free = self._settings.batch_size - len(underway)
                for message in await self._taken(free, storage, clock):
                    task = asyncio.create_task(self._run(message, storage, clock))
                    underway.add(task)
                    task.add_done_callback(underway.discard)
                # Real time on purpose: other processes may put messages into the same folder.
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await drained(underway)

    async def _taken(self, most: int, storage: Storage, clock: Clock) -> list[Message]:
        return await storage.take_messages(self._trigger.queue, most, clock.now(), LEASE) if most else []

    async def _run(self, message: Message, storage: Storage, clock: Clock) -> None:
        result = await self._runner.run(self._function, queue_call(self._function, self._trigger, message))
        if result.failure is None:
            await storage.delete_message(message)
        elif message.dequeue_count >= self._settings.max_dequeue_count:
            _LOGGER.warning("message %s goes to %s-poison", message.id, message.queue)
            await storage.put_message(f"{message.queue}-poison", message.body, clock.now())
            await storage.delete_message(message)
        else:
            await storage.show_message(message, clock.now() + self._settings.visibility_timeout)
