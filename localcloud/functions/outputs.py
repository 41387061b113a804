"""What output bindings write after a function returned; a failure here fails the run."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from localcloud.functions.bindings import BlobOutput, Function, QueueOutput
from localcloud.functions.errors import OutputFailed
from localcloud.functions.expressions import Filling
from localcloud.functions.protos import TypedData
from localcloud.functions.storage import Storage
from localcloud.functions.worker import Result

MAXIMUM_MESSAGE_BYTES = (
    65_536  # a queue message's limit, https://learn.microsoft.com/azure/storage/queues/scalability-targets
)


class OutputWriter:
    """Writes the outputs of finished runs to a storage account."""

    def __init__(self, storage: Storage, now: Callable[[], datetime]) -> None:
        self._storage = storage
        self._now = now

    async def write(self, function: Function, result: Result, filling: Filling) -> None:
        """Write every queue and blob output of the run; OutputFailed says which one could not be written."""
        values = _values(result)
        for output in function.outputs:
            value = values.get(output.parameter)
            if value is None:
                continue
            if isinstance(output, QueueOutput):
                await self._send(filling.fill(output.queue).lower(), value)
            elif isinstance(output, BlobOutput):
                await self._storage.put_blob(filling.fill(output.path), _content(value))

    async def _send(self, queue: str, value: TypedData) -> None:
        bodies = message_bodies(value)
        for body in bodies:
            if len(body.encode()) > MAXIMUM_MESSAGE_BYTES:
                raise OutputFailed(f"message of {len(body.encode())} bytes to {queue!r}: expected at most 65,536")
        for body in bodies:
            await self._storage.put_message(queue, body, self._now())


def message_bodies(value: TypedData) -> list[str]:
    """Return the messages that a value stands for: one, or one per item of a JSON array."""
    text = _content(value).decode()
    try:
        tree = json.loads(text)
    except ValueError:
        return [text]
    if not isinstance(tree, list):
        return [text]
    return [item if isinstance(item, str) else json.dumps(item) for item in tree]


def _values(result: Result) -> Mapping[str, TypedData]:
    returned = {} if result.return_value is None else {"$return": result.return_value}
    return {**result.outputs, **returned}


def _content(value: TypedData) -> bytes:
    if value.bytes is not None:
        return value.bytes
    text = value.string if value.string is not None else value.json
    if text is None:
        raise OutputFailed(f"output of kind {value.WhichOneof('data')!r}: expected text, bytes or JSON")
    return text.encode()
