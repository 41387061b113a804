"""The app's own identity: managed identity in Azure, the developer's sign-in elsewhere; never a secret of ours."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


def open_credential(*, client_id: str | None) -> "AsyncTokenCredential":
    """Return the credential without any network; the caller closes it.

    `client_id` selects a user-assigned identity, None the system-assigned one. App Service and Functions announce
    their managed identity by IDENTITY_ENDPOINT; then nothing else is tried, so that a leftover AZURE_CLIENT_SECRET
    or a signed-in tool can never act in its place. Elsewhere the sources of DefaultAzureCredential that answer at
    once remain: environment, workload identity, Azure CLI, Azure Developer CLI. The instance metadata endpoint (a
    time-out on every laptop), PowerShell (seconds) and the desktop ones are left out.
    """
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    if os.environ.get("IDENTITY_ENDPOINT"):
        return ManagedIdentityCredential(client_id=client_id)
    return DefaultAzureCredential(
        exclude_managed_identity_credential=True,
        exclude_powershell_credential=True,
        exclude_shared_token_cache_credential=True,
        exclude_visual_studio_code_credential=True,
    )
