"""The connections of a border: nothing of the environment but the trusted certificates has a say.

No proxies, no netrc, no cookies, no redirects.
"""

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    from azure.core.pipeline.transport import AsyncHttpTransport

KEEP_ALIVE_SECONDS = 30.0
CONNECT_TIMEOUT_SECONDS = 5.0


def open_transport(*, connections: int, timeout_seconds: float) -> "AsyncHttpTransport[Any, Any]":
    """Return a transport of at most so many connections; needs a running loop. The border bounds a whole request."""
    from aiohttp import ClientSession, DummyCookieJar, TCPConnector
    from azure.core.pipeline.transport import AioHttpTransport

    trust = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    session = ClientSession(
        connector=TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=trust),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )
    transport: AsyncHttpTransport[Any, Any] = AioHttpTransport(
        session=session,
        session_owner=True,
        use_env_settings=False,
        connection_timeout=min(CONNECT_TIMEOUT_SECONDS, timeout_seconds / 2),
        read_timeout=None,  # the border policy has one deadline for the whole request
    )
    return transport


@lru_cache(maxsize=8)
def _trusted(_file: str | None, _folder: str | None) -> "ssl.SSLContext":
    """Return the default trust, loaded once for all and not once for each: it costs milliseconds."""
    import ssl

    return ssl.create_default_context()
