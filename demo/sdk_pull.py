"""`python -m demo.sdk_pull REPOSITORY REFERENCE ...`: pull manifests with Microsoft's SDK, as the managed identity.

The answers are written as a JSON object to standard output: for each reference the digest of what came, or the status
with which it was refused. It runs as a process of its own, in the environment that the local cloud gives.
"""

import json
import os
import sys
from collections.abc import Iterable

from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential


def pulled(endpoint: str, repository: str, references: Iterable[str]) -> dict[str, str]:
    """Return what came of each reference."""
    with ContainerRegistryClient(endpoint, ManagedIdentityCredential(), retry_total=0) as client:
        return {reference: answer(client, repository, reference) for reference in references}


def answer(client: ContainerRegistryClient, repository: str, reference: str) -> str:
    """Return the digest of the manifest that came, or the status of the refusal."""
    try:
        return str(client.get_manifest(repository, reference).digest)
    except HttpResponseError as error:
        return str(error.status_code)


if __name__ == "__main__":
    login_server = os.environ["TAGLOCK_REGISTRIES"].partition("=")[2]
    json.dump(pulled(f"https://{login_server}", sys.argv[1], sys.argv[2:]), sys.stdout)
