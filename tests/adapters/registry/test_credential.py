"""Managed identity where the platform announces one, the developer's sign-in elsewhere, and no import before use."""

import subprocess
import sys
from time import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

from taglock.adapters.credential import open_credential


async def test_the_platform_s_managed_identity_is_the_only_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", "https://127.0.0.1:1/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "left over")
    async with open_credential(client_id=None) as credential:
        assert isinstance(credential, ManagedIdentityCredential)


async def test_a_developer_s_machine_tries_quick_sources_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    async with open_credential(client_id=None) as credential:
        assert isinstance(credential, DefaultAzureCredential)
        sources = [type(source).__name__ for source in credential.credentials]
    assert {"AzureCliCredential", "AzureDeveloperCliCredential"} <= set(sources)
    assert not {"ManagedIdentityCredential", "AzurePowerShellCredential", "SharedTokenCacheCredential"} & set(sources)


@pytest.mark.parametrize("client_id", [None, "11111111-2222-3333-4444-555555555555"])
async def test_the_platform_is_asked_for_the_configured_identity_and_audience(
    monkeypatch: pytest.MonkeyPatch, client_id: str | None
) -> None:
    asked: list[dict[str, str]] = []

    async def identity(request: web.Request) -> web.Response:
        assert request.headers["X-IDENTITY-HEADER"] == "proof"
        asked.append(dict(request.query))
        token = {
            "access_token": "entra",
            "expires_on": str(int(time()) + 3600),
            "resource": "x",
            "token_type": "Bearer",
        }
        return web.json_response(token)

    app = web.Application()
    app.router.add_get("/msi/token", identity)
    async with TestServer(app) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", str(server.make_url("/msi/token")))
        monkeypatch.setenv("IDENTITY_HEADER", "proof")
        async with open_credential(client_id=client_id) as credential:
            got = await credential.get_token("https://containerregistry.azure.net/.default")
    assert got.token == "entra"
    assert asked[0]["resource"] == "https://containerregistry.azure.net"
    assert asked[0].get("client_id") == client_id


def test_importing_the_adapter_loads_no_sdk() -> None:
    program = (
        "import sys, taglock.adapters.acr_registry, taglock.adapters.credential;"
        "print([name for name in sys.modules if name.split('.')[0] in ('azure', 'aiohttp', 'msal')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
