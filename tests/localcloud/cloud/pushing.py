"""A client that pushes and deletes tiny images, with the admin user's password."""

import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from localcloud.state import State

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Pusher:
    def __init__(self, http: aiohttp.ClientSession, endpoint: str) -> None:
        self._http = http
        self._endpoint = endpoint

    async def push(self, repository: str, tag: str, content: bytes = b"{}") -> str:
        config, layer = await self._blob(repository, content), await self._blob(repository, b"layer")
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}],
        }
        url = f"{self._endpoint}/v2/{repository}/manifests/{tag}"
        async with self._http.put(url, data=json.dumps(manifest), headers={"Content-Type": MANIFEST}) as answer:
            assert answer.status == 201, await answer.text()
            return str(answer.headers["Docker-Content-Digest"])

    async def delete(self, repository: str, digest: str) -> None:
        async with self._http.delete(f"{self._endpoint}/v2/{repository}/manifests/{digest}") as answer:
            assert answer.status == 202, await answer.text()

    async def get(self, path: str) -> int:
        async with self._http.get(f"{self._endpoint}{path}") as answer:
            return answer.status

    async def _blob(self, repository: str, content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        async with self._http.post(f"{self._endpoint}/v2/{repository}/blobs/uploads/") as answer:
            assert answer.status == 202, await answer.text()
            location = answer.headers["Location"]
        joiner = "&" if "?" in location else "?"
        url = location if location.startswith("http") else f"{self._endpoint}{location}"
        headers = {"Content-Type": "application/octet-stream"}
        async with self._http.put(f"{url}{joiner}digest={digest}", data=content, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
        return {"digest": digest, "size": len(content)}


@asynccontextmanager
async def pushing(state: State) -> AsyncIterator[Pusher]:
    trust = ssl.create_default_context(cafile=state.ca_file)
    account = f"{state.registry.username}:{state.registry.password}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(account).decode()}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=trust)) as http:
        yield Pusher(http, state.registry.endpoint)
