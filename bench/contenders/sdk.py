"""Microsoft's azure-containerregistry, asynchronous, with its defaults and used as its samples do: call after call.

https://github.com/Azure/azure-sdk-for-python/tree/main/sdk/containerregistry/azure-containerregistry/samples
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from bench.emulator import Emulator
from bench.pushes import Push
from taglock.adapters.credential import open_credential

if TYPE_CHECKING:
    from azure.containerregistry.aio import ContainerRegistryClient


class Sdk:
    """Reads the tag, updates tag and manifest; the children of an index are read from its content."""

    def __init__(self, client: "ContainerRegistryClient") -> None:
        self._client = client

    @property
    def client(self) -> "ContainerRegistryClient":
        """The SDK's client."""
        return self._client

    async def lock(self, push: Push) -> None:
        """Lock as taglock does by default: the tag against write and delete, manifests against delete."""
        client, repository = self._client, push.repository
        tag = await client.get_tag_properties(repository, push.tag)
        await client.update_tag_properties(repository, push.tag, can_write=False, can_delete=False)
        for child in await self._children(push, tag.digest):
            await client.update_manifest_properties(repository, child, can_delete=False)
        await client.update_manifest_properties(repository, tag.digest, can_delete=False)

    async def keep(self, push: Push) -> None:
        """Update the manifest of a plain image."""
        await self._client.update_manifest_properties(push.repository, push.digest, can_delete=False)

    async def _children(self, push: Push, digest: str) -> list[str]:
        if not push.children:
            return []
        index = await self._client.get_manifest(push.repository, digest)
        return [child["digest"] for child in (index.manifest or {})["manifests"]]


@asynccontextmanager
async def opened_sdk(emulator: Emulator) -> AsyncIterator[Sdk]:
    """Open the client with the same kind of credential as the app's, and a transport as it makes its own.

    Its own would trust the local authority only by `connection_verify`, which reads the file again and opens a new
    connection for each request; in Azure neither happens.
    """
    from azure.containerregistry.aio import ContainerRegistryClient
    from azure.core.pipeline.transport import AioHttpTransport

    started = emulator.started
    trust = ssl.create_default_context(cafile=started.ca_file)
    async with (
        open_credential(client_id=None) as credential,
        ClientSession(
            connector=TCPConnector(ssl=trust), cookie_jar=DummyCookieJar(), trust_env=True, auto_decompress=False
        ) as session,
    ):
        transport: AioHttpTransport = AioHttpTransport(session=session, session_owner=False)
        endpoint = f"https://{started.login_server}"
        async with ContainerRegistryClient(endpoint, credential, transport=transport) as client:
            yield Sdk(client)
