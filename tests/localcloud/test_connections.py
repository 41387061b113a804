"""Connections over TLS that are broken on purpose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from localcloud import connections
from localcloud.tls import Authority

ADDRESS = "127.0.0.1"


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, asyncio.Transport]]:
    authority = Authority()
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait(writer)

    async with await asyncio.start_server(accept, ADDRESS, 0, ssl=authority.server_context(ADDRESS)) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(ADDRESS, port, ssl=authority.client_context())
        ours = await accepted.get()
        try:
            yield reader, writer, ours.transport  # type: ignore[misc]  # typed as the write half only
        finally:
            writer.transport.abort()
            ours.transport.abort()


async def test_reset_reaches_the_caller_as_a_reset() -> None:
    async with connected() as (reader, _, transport):
        connections.reset(transport)
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_held_connection_ends_with_its_caller_and_a_reset_of_it_is_harmless() -> None:
    async with connected() as (_, writer, transport):
        writer.transport.abort()
        await connections.hold(transport)
        connections.reset(transport)
        assert transport.is_closing()


async def test_reset_of_a_connection_whose_tls_part_is_gone_is_harmless() -> None:
    async with connected() as (_, _, transport):
        transport.abort()
        await asyncio.sleep(0)
        transport._ssl_protocol = None  # type: ignore[attr-defined]  # what asyncio leaves behind in the end
        connections.reset(transport)
        connections.reset(None)
        assert transport.is_closing()
