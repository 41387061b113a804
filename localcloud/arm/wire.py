"""Answers of Resource Manager: JSON, and the headers that every answer has."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from localcloud.arm.refusals import ArmRefusal

JSON = "application/json; charset=utf-8"
READS_LEFT = "x-ms-ratelimit-remaining-subscription-reads"


@dataclass(slots=True, kw_only=True)
class Reply:
    """An answer before it is sent; `document` None means an empty body, `body` wins over it."""

    status: int
    document: Any = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the bytes to send."""
        if self.body is not None:
            return self.body
        return b"" if self.document is None else json.dumps(self.document).encode()


def refusal_reply(refusal: ArmRefusal) -> Reply:
    """Return the answer of a refusal."""
    headers = {**refusal.headers, **({"x-ms-failure-cause": "gateway"} if refusal.wrapped else {})}
    return Reply(status=refusal.status, document=refusal.document(), headers=headers)


def common_headers(request_headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that every answer has."""
    request_id = str(uuid4())
    client_id = request_headers.get("x-ms-client-request-id")
    return {
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Content-Type": JSON,
        "Expires": "-1",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": request_id,
        "x-ms-routing-request-id": f"LOCALCLOUD:{request_id}",
        **({"x-ms-client-request-id": client_id} if client_id else {}),
    }
