"""Ask Resource Manager through azure-core's pipeline, configured by the environment alone, and print what came.

Arguments: paths. Each is asked for, nextLinks followed; printed are the names found, or the status and error code.
"""

import asyncio
import json
import os
import sys
from typing import Any

from azure.core import AsyncPipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.identity.aio import ManagedIdentityCredential

SCOPE = "https://management.azure.com/.default"

type Client = AsyncPipelineClient[HttpRequest, AsyncHttpResponse]


async def main() -> None:
    endpoint = os.environ["TAGLOCK_ARM_ENDPOINT"]
    async with ManagedIdentityCredential() as identity:
        policies = [AsyncRetryPolicy(retry_total=2), AsyncBearerTokenCredentialPolicy(identity, SCOPE)]
        client: Client = AsyncPipelineClient(endpoint, policies=policies)
        async with client:
            print(json.dumps([await outcome(client, path) for path in sys.argv[1:]]))


async def outcome(client: Client, path: str) -> Any:
    try:
        return await names(client, path)
    except HttpResponseError as error:
        return [error.status_code, error.error.code if error.error is not None else None]


async def names(client: Client, path: str) -> list[str]:
    link, found = path, []
    while link:
        answer = await client.send_request(HttpRequest("GET", client.format_url(link)))
        answer.raise_for_status()
        tree = answer.json()
        found += [each["name"] for each in tree.get("value", [tree])]
        link = tree.get("nextLink")
    return found


if __name__ == "__main__":
    asyncio.run(main())
