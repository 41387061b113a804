"""One request to the app and its answer, as plain values."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
NEVER_KEPT: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller sent; never its URL, which may carry a key."""

    body: bytes = b""
    content_type: str = ""
    query: Mapping[str, str] = {}
    route: Mapping[str, str] = {}
    principal: str | None = None
    """The header X-MS-CLIENT-PRINCIPAL."""


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller gets."""

    status: int
    body: bytes
    content_type: str = JSON
    more_headers: Mapping[str, str] = {}

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers; no answer is ever kept by a browser or proxy, or taken for another type."""
        return {"Content-Type": self.content_type, **NEVER_KEPT, **self.more_headers}


_encoder = msgspec.json.Encoder(order="deterministic")


def json_answer(value: object, *, status: int = 200) -> HttpAnswer:
    """Return a value as JSON, sets in their order."""
    return HttpAnswer(status=status, body=_encoder.encode(value))


def plain(value: object) -> Any:
    """Return a value as plain JSON values."""
    return msgspec.json.decode(_encoder.encode(value))
