"""A registry on a port of this machine, over HTTPS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from localcloud.registry.server import Registry
from localcloud.tls import Authority

ADDRESS = "127.0.0.1"
_SHUTDOWN_SECONDS = 0.5


@asynccontextmanager
async def serving(registry: Registry, *, port: int = 0, authority: Authority) -> AsyncIterator[int]:
    """Serve a registry on 127.0.0.1 and yield the port; 0 takes a free one.

    A registry without a login server, or with one that ends in `:0`, gets `127.0.0.1:PORT`.
    """
    name = registry.login_server.partition(":")[0] or ADDRESS
    context = authority.server_context(name, ADDRESS, "localhost")
    runner = web.AppRunner(registry.app(), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, ADDRESS, port, ssl_context=context)
        await site.start()
        bound = int(runner.addresses[0][1])
        if not registry.login_server or registry.login_server.endswith(":0"):
            registry.login_server = f"{name}:{bound}"
        yield bound
    finally:
        await runner.cleanup()
