"""Microsoft's own client, unmodified, over HTTPS with a stub for the identity's token."""

import asyncio
import io
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from azure.containerregistry import ArtifactTagOrder
from azure.containerregistry.aio import ContainerRegistryClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

from localcloud.registry.content import digest_of
from localcloud.registry.server import Registry
from localcloud.tls import Authority
from tests.localcloud.registry.caller import Caller

CONFIG = b'{"architecture":"amd64","os":"linux"}'


class Identity:
    """A credential whose token is the name of an identity."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        del scopes, more
        return AccessToken(self._name, int(time.time()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> "Identity":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


@pytest.fixture
def authority_file(authority: Authority, tmp_path: Path) -> Path:
    return authority.ca_file(tmp_path / "authority.pem")


def client_of(caller: Caller, identity: str, authority_file: Path) -> ContainerRegistryClient:
    # The transport reads SSL_CERT_FILE when it is first imported, which a test in this process comes too late for.
    return ContainerRegistryClient(
        f"https://{caller.service}", Identity(identity), connection_verify=str(authority_file)
    )


@pytest.fixture
async def client(caller: Caller, authority_file: Path) -> AsyncIterator[ContainerRegistryClient]:
    async with client_of(caller, "owner", authority_file) as made:
        yield made


@pytest.fixture(autouse=True)
def real_time(registry: Registry, clock: Any) -> None:
    # The client compares the refresh token's end with the machine's clock.
    clock.advance(time.time() - clock().timestamp())


@pytest.fixture
def seeded(registry: Registry) -> Registry:
    registry.store.seed(
        {
            "repositories": [
                {"name": "prod/api", "bulk": [{"images": 5}]},
                {
                    "name": "prod/multi",
                    "indexes": [{"platforms": {"linux/amd64": 1, "linux/arm64": 2}, "tags": ["v1"]}],
                },
            ]
        }
    )
    return registry


async def test_lists_follow_all_pages(client: ContainerRegistryClient, seeded: Registry) -> None:
    assert [name async for name in client.list_repository_names(results_per_page=1)] == ["prod/api", "prod/multi"]
    tags = client.list_tag_properties(
        "prod/api", results_per_page=2, order_by=ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING
    )
    assert [each.name async for each in tags] == ["v4", "v3", "v2", "v1", "v0"]
    manifests = [each async for each in client.list_manifest_properties("prod/api", results_per_page=2)]
    assert len({each.digest for each in manifests}) == 5
    assert seeded.traffic.counts()["POST exchange"] > 1  # this client exchanges anew for each call


async def test_properties_are_read_and_changed(client: ContainerRegistryClient, seeded: Registry) -> None:
    tag = await client.update_tag_properties("prod/api", "v1", can_write=False, can_delete=False)
    assert (tag.can_write, tag.can_delete, tag.can_read, tag.can_list) == (False, False, True, True)
    manifest = await client.update_manifest_properties("prod/api", "v1", can_delete=False)
    assert (manifest.can_delete, manifest.tags, manifest.architecture) == (False, ["v1"], "amd64")
    changing = client.update_repository_properties("prod/api", can_delete=False)
    repository = await changing  # type: ignore[attr-defined]  # the overloads of the client are not marked async
    assert (repository.can_delete, repository.tag_count, repository.manifest_count) == (False, 5, 5)
    index = await client.get_manifest_properties("prod/multi", "v1")
    assert index.size_in_bytes
    with pytest.raises(HttpResponseError) as caught:
        await client.delete_tag("prod/api", "v1")
    assert caught.value.status_code == 405


async def test_content_is_uploaded_downloaded_and_deleted(client: ContainerRegistryClient, registry: Registry) -> None:
    digest, size = await client.upload_blob("prod/new", io.BytesIO(CONFIG))
    assert (digest, size) == (digest_of(CONFIG), len(CONFIG))
    layer = b"layer" * 1_000_000  # in several chunks
    layer_digest, _ = await client.upload_blob("prod/new", io.BytesIO(layer))
    manifest: Any = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": size},
        "layers": [{"mediaType": "application/octet-stream", "digest": layer_digest, "size": len(layer)}],
    }
    pushed = await client.set_manifest("prod/new", manifest, tag="v1")
    got = await client.get_manifest("prod/new", "v1")
    assert (got.digest, got.manifest) == (pushed, manifest)
    stream = await client.download_blob("prod/new", layer_digest)
    assert b"".join([chunk async for chunk in stream]) == layer
    await client.delete_blob("prod/new", layer_digest)
    await client.delete_manifest("prod/new", "v1")
    with pytest.raises(ResourceNotFoundError):
        await client.get_tag_properties("prod/new", "v1")


async def test_repository_is_deleted(client: ContainerRegistryClient, seeded: Registry) -> None:
    await client.delete_repository("prod/api")
    with pytest.raises(ResourceNotFoundError):
        await client.get_repository_properties("prod/api")


async def test_missing_permission_is_an_authentication_error(
    caller: Caller, authority_file: Path, seeded: Registry
) -> None:
    async with client_of(caller, "reader", authority_file) as client:
        assert (await client.get_tag_properties("prod/api", "v1")).name == "v1"
        with pytest.raises(ClientAuthenticationError):
            await client.update_tag_properties("prod/api", "v1", can_write=False)


PROGRAM = """
import asyncio, sys, time
from azure.containerregistry.aio import ContainerRegistryClient
from azure.core.credentials import AccessToken

class Identity:
    async def get_token(self, *scopes, **more):
        return AccessToken("owner", int(time.time()) + 3600)
    async def close(self):
        pass

async def main():
    async with ContainerRegistryClient(sys.argv[1], Identity()) as client:
        print((await client.update_tag_properties("prod/api", "v1", can_write=False)).can_write)

asyncio.run(main())
"""


async def test_client_trusts_the_authority_named_by_the_environment(
    caller: Caller, authority_file: Path, seeded: Registry
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, f"https://{caller.service}"),
        env=os.environ | {"SSL_CERT_FILE": str(authority_file)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert output.decode().strip() == "False"
    assert seeded.store.tag("prod/api", "v1").flags.write is False
