"""Managed identity where the platform announces one, the developer's sign-in elsewhere, and no import before use."""

import subprocess
import sys

import pytest
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


def test_importing_the_adapter_loads_no_sdk() -> None:
    program = (
        "import sys, taglock.adapters.acr_registry, taglock.adapters.credential;"
        "print([name for name in sys.modules if name.split('.')[0] in ('azure', 'aiohttp', 'msal')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
