"""A local cloud with the shipped seeds, and a caller that asks its Resource Manager over HTTPS."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from localcloud.cloud import SUBSCRIPTION_ID, CloudOptions, LocalCloud

ROOT = Path(__file__).resolve().parents[3]
SEEDS = ROOT / "localcloud/arm/seeds"
MANAGEMENT = "https://management.azure.com/"
SUBSCRIPTION = f"/subscriptions/{SUBSCRIPTION_ID}"
DEMO = f"{SUBSCRIPTION}/resourceGroups/demo/providers"
APP = f"{DEMO}/Microsoft.App/containerApps/shop"
JOB = f"{DEMO}/Microsoft.App/jobs/nightly"
SITE = f"{DEMO}/Microsoft.Web/sites/portal"
SLOT = f"{SITE}/slots/staging"
ORDERS = f"{DEMO}/Microsoft.Web/sites/orders"
REGISTRY = f"{DEMO}/Microsoft.ContainerRegistry/registries/local"
GROUP = f"{DEMO}/Microsoft.ContainerInstance/containerGroups/batch"
VERSIONS = {"microsoft.app": "2025-07-01", "microsoft.web": "2024-04-01", "microsoft.containerinstance": "2025-09-01"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def names(self) -> list[str]:
        return [each["name"] for each in self.body["value"]]


class Asker:
    def __init__(self, cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
        self.cloud = cloud
        self.arm = cloud.arm
        self.http = http

    async def ask(self, path: str, *, version: str | None = None, **headers: str) -> Answer:
        """GET with the system-assigned identity's token and a version that fits the path."""
        token = self.cloud.identity.token(MANAGEMENT)
        wanted = _version(path) if version is None else version
        return await self.get(f"{path}?api-version={wanted}", Authorization=f"Bearer {token}", **headers)

    async def follow(self, link: str) -> Answer:
        """GET a nextLink as it is."""
        assert link.startswith(f"{self.arm.endpoint}/")
        token = self.cloud.identity.token(MANAGEMENT)
        return await self.get(link.removeprefix(self.arm.endpoint), Authorization=f"Bearer {token}")

    async def get(self, path: str, **headers: str) -> Answer:
        """GET with these headers alone."""
        url = URL(f"{self.arm.endpoint}{path}", encoded=True)
        async with self.http.get(url, headers=headers) as answer:
            return Answer(status=answer.status, headers=answer.headers, text=await answer.text())


@asynccontextmanager
async def asking(options: CloudOptions | None = None) -> AsyncIterator[Asker]:
    async with LocalCloud(options or CloudOptions(arm_seed=SEEDS)) as cloud:
        trust = ssl.create_default_context(cafile=cloud.state.ca_file)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http:
            yield Asker(cloud, http)


def container_app(name: str, *, group: str = "demo", subscription: str = SUBSCRIPTION_ID, **properties: Any) -> Any:
    """Return the body of a container app."""
    place = f"/subscriptions/{subscription}/resourceGroups/{group}"
    whole = {"provisioningState": "Succeeded", **properties}
    return {"id": f"{place}/providers/Microsoft.App/containerApps/{name}", "location": "uksouth", "properties": whole}


def _version(path: str) -> str:
    namespace = path.lower().partition("/providers/")[2].partition("/")[0]
    return VERSIONS.get(namespace, "2022-12-01")
