"""Requests no honest client sends are refused; none makes the emulator fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.registry.options import RegistryOptions
from localcloud.registry.routes import NOUNS, UNKNOWN, kind_of, need_of, parse_route
from localcloud.registry.server import Registry
from tests.localcloud.registry.caller import Caller, basic

NESTED = b"[" * 100_000
OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/acr/v1/app/_tags/v1", NESTED),
        ("PATCH", "/acr/v1/app/_tags/v1", b"\xff"),
        ("PATCH", "/acr/v1/app/_tags/v1", b'{"writeEnabled":\xff}'),
        ("PATCH", "/acr/v1/app/_tags/v1", b""),
        ("PATCH", "/acr/v1/app/_tags/v1", b" " * 2_000_000),
        ("PUT", "/v2/app/manifests/v1", NESTED),
        ("PUT", "/v2/app/manifests/v1", b'{"schemaVersion":2,"annotations":' + NESTED),
        ("PUT", "/v2/app/manifests/v1", b'{"schemaVersion":2,"other":' + NESTED),
        ("GET", "/acr/v1/app/_tags?n=" + "9" * 5000, None),
        ("GET", "/acr/v1/app/_tags?n=%ff", None),
        ("GET", "/acr/v1/_bad/_tags", None),
        ("GET", "/acr/v1/app%00/_tags", None),
        ("GET", "/v2/../manifests/v1", None),
        ("GET", "/acr/v1/app/_manifests/v1", None),
        ("GET", "/acr/v1/app/_tags/%2e%2e", None),
        ("POST", "/oauth2/token", b"\xff"),
        ("OPTIONS", "/acr/v1/app", None),
    ],
)
async def test_malformed_request_is_refused(
    caller: Caller, registry: Registry, method: str, path: str, body: bytes | None
) -> None:
    registry.store.seed({"repositories": [{"name": "app", "images": [{"number": 1, "tags": ["v1"]}]}]})
    got = await caller.ask(method, path, body, content_type=OCI if method == "PUT" else "application/json")
    assert 400 <= got.status < 500
    assert got.json["errors"][0]["message"]


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer x", "Bearer \u00e9\u00e9", "Bearer a.b.c", "Basic \u00e9", basic("\u00e9", "x"), "Basic YQ=="],
)
async def test_unreadable_authorization_is_challenged(caller: Caller, authorization: str) -> None:
    got = await caller.ask("GET", "/acr/v1/app", authorization=authorization)
    assert got.status == 401
    assert got.headers["WWW-Authenticate"].startswith("Bearer realm=")


async def test_unsigned_token_is_invalid(caller: Caller) -> None:
    token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsImFjY2VzcyI6W119."
    got = await caller.ask("GET", "/acr/v1/app", authorization=f"Bearer {token}")
    assert 'error="invalid_token"' in got.headers["WWW-Authenticate"]


PARTS = st.sampled_from(
    ["v2", "acr", "v1", "_tags", "_manifests", "manifests", "blobs", "uploads", "tags", "list", "a", "%2F", "", "_"]
)


@given(st.lists(PARTS).map(lambda parts: "/" + "/".join(parts)), st.sampled_from(["GET", "PATCH", "PUT", "DELETE"]))
def test_every_path_has_one_noun_and_nothing_known_goes_without_access(path: str, method: str) -> None:
    route = parse_route(path)
    assert kind_of(method, route) in NOUNS
    need = need_of(method, route, RegistryOptions())
    assert (need is not None) or route.noun == UNKNOWN or not route.repository
    assert need is None or route.noun != UNKNOWN
