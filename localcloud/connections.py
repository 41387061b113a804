"""Connections that break on purpose: reset, and held without an answer."""

import asyncio
import socket
import struct
from asyncio.trsock import TransportSocket

_CLOSING_CHECK_SECONDS = 0.1


async def hold(transport: asyncio.Transport | None) -> None:
    """Return when the caller went away; nothing is sent until then."""
    # No event tells a handler that its caller went away.
    while transport is not None and not transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_CLOSING_CHECK_SECONDS)


def reset(transport: asyncio.Transport | None) -> None:
    """Close the connection with a reset, as far as it is still there; what was not sent yet is lost."""
    if transport is None:
        return
    if (connection := _socket(transport)) is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _socket(transport: asyncio.Transport) -> TransportSocket | None:
    try:
        found = transport.get_extra_info("socket")
    except AttributeError:
        # asyncio's TLS transport asks a protocol that is gone once the connection was closed from the other side.
        return None
    return found if isinstance(found, TransportSocket) else None
