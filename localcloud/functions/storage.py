"""Queues and blobs for triggers and outputs: what the host needs of a storage account, and a folder that has it."""

import json
import os
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from localcloud.functions.errors import OutputFailed

MESSAGE_LIFE = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One queue message; `dequeue_count` is how often it was taken, this time included."""

    id: str
    queue: str
    body: str
    inserted: datetime
    expires: datetime
    visible: datetime
    dequeue_count: int = 0
    pop_receipt: str = ""


class Storage(Protocol):
    """A storage account as far as bindings use it."""

    async def put_message(self, queue: str, body: str, now: datetime) -> Message:
        """Add a message that is visible at once."""
        ...

    async def take_messages(self, queue: str, most: int, now: datetime, lease: timedelta) -> list[Message]:
        """Take up to that many visible messages, oldest first, and hide them for the lease."""
        ...

    async def show_message(self, message: Message, visible: datetime) -> None:
        """Make a taken message visible again from that moment."""
        ...

    async def delete_message(self, message: Message) -> None:
        """Remove a message; nothing happens when it is gone already."""
        ...

    async def put_blob(self, path: str, content: bytes) -> None:
        """Write the blob `container/name`, over an older one if there is one."""
        ...

    async def read_blob(self, path: str) -> bytes | None:
        """Return the content of the blob `container/name`; None when it is not there."""
        ...

    async def read_state(self, name: str) -> dict[str, Any] | None:
        """Return what the host noted under the name; None when it noted nothing."""
        ...

    async def write_state(self, name: str, state: dict[str, Any]) -> None:
        """Note something under the name, to be read after a restart."""
        ...


class FolderStorage:
    """A storage account in a folder: `queues/NAME/*.json`, `blobs/CONTAINER/...`, `state/*.json`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put_message(self, queue: str, body: str, now: datetime) -> Message:
        """Add a message that is visible at once."""
        message = Message(
            id=str(uuid.uuid4()), queue=queue, body=body, inserted=now, expires=now + MESSAGE_LIFE, visible=now
        )
        self._write(message)
        return message

    async def take_messages(self, queue: str, most: int, now: datetime, lease: timedelta) -> list[Message]:
        """Take up to that many visible messages, oldest first, and hide them for the lease."""
        taken: list[Message] = []
        for message in self._messages(queue):
            if message.expires <= now:
                await self.delete_message(message)
            elif message.visible <= now:
                taken.append(self._take(message, now + lease))
            if len(taken) == most:
                break
        return taken

    async def show_message(self, message: Message, visible: datetime) -> None:
        """Make a taken message visible again from that moment."""
        self._write(replace(message, visible=visible))

    async def delete_message(self, message: Message) -> None:
        """Remove a message; nothing happens when it is gone already."""
        self._path(message).unlink(missing_ok=True)

    def messages(self, queue: str) -> list[Message]:
        """Return every message of the queue, hidden ones included, oldest first."""
        return list(self._messages(queue))

    async def put_blob(self, path: str, content: bytes) -> None:
        """Write the blob `container/name`, over an older one if there is one."""
        _write_whole(self._blob(path), content)

    async def read_blob(self, path: str) -> bytes | None:
        """Return the content of the blob `container/name`; None when it is not there."""
        blob = self._blob(path)
        return blob.read_bytes() if blob.is_file() else None

    async def read_state(self, name: str) -> dict[str, Any] | None:
        """Return what the host noted under the name; None when it noted nothing."""
        path = self._folder / "state" / f"{name}.json"
        return json.loads(path.read_bytes()) if path.exists() else None

    async def write_state(self, name: str, state: dict[str, Any]) -> None:
        """Note something under the name, to be read after a restart."""
        _write_whole(self._folder / "state" / f"{name}.json", json.dumps(state).encode())

    def _blob(self, path: str) -> Path:
        parts = PurePosixPath(path).parts
        if len(parts) < 2 or path.startswith("/") or ".." in parts:
            raise OutputFailed(f"blob path {path!r}: expected 'container/name'")
        return self._folder.joinpath("blobs", *parts)

    def _messages(self, queue: str) -> Iterator[Message]:
        for path in sorted((self._folder / "queues" / queue).glob("*.json")):
            yield _parse_message(path.read_text())

    def _take(self, message: Message, visible: datetime) -> Message:
        taken = replace(
            message, visible=visible, dequeue_count=message.dequeue_count + 1, pop_receipt=secrets.token_urlsafe(12)
        )
        self._write(taken)
        return taken

    def _path(self, message: Message) -> Path:
        return self._folder / "queues" / message.queue / f"{message.inserted:%Y%m%dT%H%M%S%f}-{message.id}.json"

    def _write(self, message: Message) -> None:
        tree = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in _items(message)}
        _write_whole(self._path(message), json.dumps(tree).encode())


def _items(message: Message) -> list[tuple[str, Any]]:
    return list(asdict(message).items())


def _parse_message(text: str) -> Message:
    tree = json.loads(text)
    moments = {name: datetime.fromisoformat(tree[name]) for name in ("inserted", "expires", "visible")}
    return Message(**{**tree, **moments})


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    half.write_bytes(content)
    os.replace(half, path)  # noqa: PTH105 - readers see the old content or the new, never a half
