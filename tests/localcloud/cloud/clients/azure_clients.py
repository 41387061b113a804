"""Use the real Azure clients, configured by the environment alone, and print what came of it as JSON."""

import asyncio
import json
import os
import sys

from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent
from azure.eventgrid.aio import EventGridPublisherClient
from azure.identity.aio import ManagedIdentityCredential

REGISTRY_SCOPE = "https://containerregistry.azure.net/.default"


async def main() -> None:
    topic, key, user_assigned = os.environ["TAGLOCK_TOPIC_ENDPOINT"], *sys.argv[1:]
    async with ManagedIdentityCredential() as identity:
        token = (await identity.get_token(REGISTRY_SCOPE)).token
        async with EventGridPublisherClient(topic, identity) as publisher:
            events = [CloudEvent(source="/taglock", type="Taglock.Locked", data={"n": n}) for n in (1, 2)]
            await publisher.send(events)
    async with ManagedIdentityCredential(client_id=user_assigned) as other:
        other_token = (await other.get_token(REGISTRY_SCOPE)).token
    async with EventGridPublisherClient(topic, AzureKeyCredential(key)) as publisher:
        await publisher.send(EventGridEvent(subject="s", event_type="Taglock.Old", data={}, data_version="1"))
    async with EventGridPublisherClient(topic, AzureKeyCredential("wrong"), retry_total=0) as publisher:
        refused = await outcome(publisher.send(CloudEvent(source="/x", type="T")))
    print(json.dumps({"token": token, "other_token": other_token, "refused": refused}))


async def outcome(sending: "asyncio._AwaitableLike[None]") -> str:
    try:
        await sending
    except ClientAuthenticationError:
        return "unauthorized"
    except HttpResponseError as error:
        return str(error.status_code)
    return "sent"


if __name__ == "__main__":
    asyncio.run(main())
