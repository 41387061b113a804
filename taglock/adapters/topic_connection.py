"""Whether a topic can be reached, without sending it anything: a TLS handshake, and no byte of HTTP."""

import asyncio
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from taglock.errors import PublishFailed, shortened

TIMEOUT_SECONDS = 5.0


async def reach(endpoint: str) -> None:
    """Connect to an https endpoint, check its certificate and hang up; raises PublishFailed."""
    parts = urlsplit(endpoint)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            context = ssl.create_default_context()
            _reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
    except TimeoutError as error:
        raise PublishFailed(f"{shortened(endpoint)}: no connection within {TIMEOUT_SECONDS:g} seconds") from error
    except (OSError, ValueError) as error:  # names that do not resolve, refused connections, certificates
        raise PublishFailed(f"{shortened(endpoint)}: {type(error).__name__}: {shortened(str(error))}") from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
