"""The events that a write or a delete raises.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-subscriptions and the examples
resource_write_success.json of Azure/azure-rest-api-specs (specification/eventgrid). They carry no resource.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from localcloud.arm.address import Address
from localcloud.event_grid.events import Event


class Change(StrEnum):
    """What was done to a resource."""

    WRITE = "write"
    DELETE = "delete"


_TYPES = {
    Change.WRITE: "Microsoft.Resources.ResourceWriteSuccess",
    Change.DELETE: "Microsoft.Resources.ResourceDeleteSuccess",
}
_METHODS = {Change.WRITE: "PUT", Change.DELETE: "DELETE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Whose change it was, as the claims of an event name it."""

    tenant: str
    client_id: str = "00000000-0000-0000-0000-0000000000dd"
    object_id: str = "00000000-0000-0000-0000-0000000000ee"


def resource_event(change: Change, address: Address, *, author: Author, source: str, at: datetime) -> Event:
    """Return the event of a change; `source` is "subscription" or "resource_group", whose topic it comes from."""
    group = replace(address, namespace="", types=(), names=())
    whole = replace(group, group="")
    return Event(
        id=str(uuid.uuid4()),
        topic=str(whole if source == "subscription" else group),
        subject=str(address).replace("/resourceGroups/", "/resourcegroups/", 1),
        type=_TYPES[change],
        time=at,
        content=_content(change, address, author),
        data_version="2",
    )


def _content(change: Change, address: Address, author: Author) -> dict[str, Any]:
    operation = f"{address.type}/{change}"
    return {
        "authorization": {"scope": str(address), "action": operation, "evidence": {"role": "Contributor"}},
        "claims": {
            "aud": "https://management.core.windows.net/",
            "iss": f"https://sts.windows.net/{author.tenant}/",
            "appid": author.client_id,
            "http://schemas.microsoft.com/identity/claims/objectidentifier": author.object_id,
        },
        "correlationId": str(uuid.uuid4()),
        "resourceProvider": address.namespace,
        "resourceUri": str(address),
        "operationName": operation,
        "status": "Succeeded",
        "subscriptionId": address.subscription,
        "tenantId": author.tenant,
        "httpRequest": {
            "clientRequestId": str(uuid.uuid4()),
            "clientIpAddress": "203.0.113.7",
            "method": _METHODS[change],
            "url": f"https://management.azure.com{address}",
        },
    }
