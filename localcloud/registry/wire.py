"""Answers before they become HTTP, and the headers all real answers share."""

from dataclasses import dataclass, field
from uuid import uuid4

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from localcloud.registry.refusals import Refusal

JSON = "application/json; charset=utf-8"
# The server in front of the real registry is Go's: above 2048 bytes it no longer announces the length.
CHUNKED_ABOVE_BYTES = 2048
_EXPOSED = ("Docker-Content-Digest", "WWW-Authenticate", "Link", "X-Ms-Correlation-Request-Id")
_HSTS = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
_DATA_PLANE = (
    *(("Access-Control-Expose-Headers", name) for name in _EXPOSED),
    ("Docker-Distribution-Api-Version", "registry/2.0"),
    _HSTS,
    _HSTS,
    ("X-Content-Type-Options", "nosniff"),
)


@dataclass(slots=True, kw_only=True)
class Reply:
    """One answer: a status, headers and a body; `length` overrides the announced one for answers without a body."""

    status: int
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    body: bytes = b""
    chunked: bool = False
    length: int | None = None


def json_reply(status: int, value: object) -> Reply:
    """Return a compact JSON answer that ends with a line feed, as the recorded ones do."""
    body = msgspec.json.encode(value) + b"\n"
    headers = CIMultiDict({"Content-Type": JSON})
    return Reply(status=status, headers=headers, body=body, chunked=len(body) > CHUNKED_ABOVE_BYTES)


def refusal_reply(refusal: Refusal) -> Reply:
    """Return an error as an answer."""
    reply = json_reply(refusal.status, refusal.as_json())
    reply.headers.update(refusal.headers)
    return reply


def add_data_plane_headers(headers: CIMultiDict[str]) -> None:
    """Add what every answer outside the token service carries."""
    for name, value in _DATA_PLANE:
        headers.add(name, value)


def add_oauth_headers(headers: CIMultiDict[str]) -> None:
    """Add what every answer of the token service carries."""
    headers.add(*_HSTS)


def to_response(reply: Reply, *, correlation: str | None = None) -> web.Response:
    """Return the answer for aiohttp."""
    headers = reply.headers
    headers["Server"] = "openresty"
    headers["X-Ms-Correlation-Request-Id"] = correlation or str(uuid4())
    if reply.length is not None:
        headers["Content-Length"] = str(reply.length)
    response = web.Response(status=reply.status, headers=headers, body=reply.body or None)
    if reply.chunked and reply.body:
        response.enable_chunked_encoding()
    return response
