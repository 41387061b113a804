"""Every exchange of the public recordings, sent again: same status, headers, texts and bodies."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiohttp
import jwt
import pytest

from localcloud.registry.content import OCI_MANIFEST, digest_of
from localcloud.registry.records import ManifestRecord, Reference, TagRecord
from localcloud.registry.seeding import seed_record
from localcloud.registry.serve import serving
from localcloud.registry.server import Registry
from localcloud.registry.times import parse
from localcloud.tls import Authority
from tests.localcloud.registry.caller import Caller, Got

RECORDINGS = Path(__file__).resolve().parents[3] / "../shared/acr-recordings"
pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the shared recordings are not beside the project")
HELLO = "library/hello-world"
ARTIFACT = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.example", "digest": digest_of(b"{}"), "size": 2},
        "layers": [],
    }
).encode()


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((RECORDINGS / name).read_text())
    return document


def recordings() -> list[str]:
    if not RECORDINGS.is_dir():
        return ["absent"]
    files = [path.name for path in sorted(RECORDINGS.glob("*.json")) if path.name != "token-claims-decoded.json"]
    return [name for name in files if "SessionRecords" in read(name)["source"]]


def first_body(recording: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the first recorded object of that kind: the state before anything is changed."""
    bodies = [each["response"]["body"] for each in recording["exchanges"]]
    return next(body for body in bodies if isinstance(body, dict) and key in body)


def seed_tag(registry: Registry, recording: dict[str, Any]) -> None:
    shown = first_body(recording, "tag")["tag"]
    created, updated = parse(shown["createdTime"]), parse(shown["lastUpdateTime"])
    manifest = ManifestRecord(
        digest=shown["digest"], media_type=OCI_MANIFEST, image_size=0, created=created, updated=updated
    )
    tag = TagRecord(name=shown["name"], digest=shown["digest"], created=created, updated=updated)
    seed_record(registry.store, HELLO, manifest, [tag])


def seed_manifest(registry: Registry, recording: dict[str, Any]) -> None:
    shown = first_body(recording, "manifest")["manifest"]
    manifest = ManifestRecord(
        digest=shown["digest"],
        media_type=shown["mediaType"],
        image_size=shown["imageSize"],
        created=parse(shown["createdTime"]),
        updated=parse(shown["lastUpdateTime"]),
        references=tuple(Reference(**each) for each in shown["references"]),
    )
    tag = first_body(recording, "tag")["tag"]
    at = parse(tag["createdTime"])
    tags = [TagRecord(name=name, digest=shown["digest"], created=at, updated=at) for name in shown["tags"]]
    seed_record(registry.store, HELLO, manifest, tags)


def seed_repository(registry: Registry, recording: dict[str, Any]) -> None:
    shown = recording["exchanges"][0]["response"]["body"]
    repository = registry.store.repository_or_new(HELLO)
    repository.created, repository.updated = parse(shown["createdTime"]), parse(shown["lastUpdateTime"])
    repository.manifest_count, repository.tag_count = shown["manifestCount"], shown["tagCount"]


def seed_catalog(registry: Registry, recording: dict[str, Any]) -> None:
    for each in recording["exchanges"]:
        for name in each["response"]["body"].get("repositories", []):
            registry.store.repository_or_new(name)


def seed_artifact(registry: Registry, recording: dict[str, Any]) -> None:
    del recording
    registry.store.blobs.put("oci-artifact", b"{}")


SEEDS = {
    "01-tag-set-get-attributes.json": seed_tag,
    "02-manifest-index-set-get-attributes.json": seed_manifest,
    "03-repository-set-get-attributes.json": seed_repository,
    "08-catalog-list-paged.json": seed_catalog,
    "16-v2-manifest-and-blob-push.json": seed_artifact,
}


def path_of(url: str) -> str:
    path = "/" + url.removeprefix("https://").partition("/")[2]
    return path.replace("sha256%3Ae2fffb65<...>", digest_of(ARTIFACT).replace(":", "%3A"))


async def replay(caller: Caller, request: dict[str, Any], status: int) -> Got:
    path = path_of(request["url"])
    if path.startswith("/oauth2/"):
        text = request["body"].replace("<AAD access token>", "owner")
        return await caller.form(path, text.replace("<REFRESH>", await caller.refresh_token("owner")))
    body = ARTIFACT if "/manifests/" in path and request["method"] == "PUT" else request.get("body")
    if body is ARTIFACT:
        caller.extra = {"Content-Type": OCI_MANIFEST}
    if status == 401:
        return await caller.ask(request["method"], path, body, authorization="")
    return await caller.ask_as("owner", request["method"], path, body)


def check_headers(exchange: dict[str, Any], got: Got, service: str) -> None:
    for name, value in exchange["response"].get("headers", {}).items():
        if name == "Content-Length" and (check := exchange.get("length_check")):
            # Newer recordings end in a line feed, older ones do not; the emulator follows the newer ones.
            assert int(got.headers[name]) == int(value) + (0 if check["trailing_lf"] else 1)
        elif name == "x-ms-ratelimit-remaining-calls-per-second":
            assert float(got.headers[name]) > 0
        else:
            assert re.fullmatch(pattern_of(value, service), got.headers[name]), (name, value)


def pattern_of(text: str, service: str) -> str:
    text = text.replace("<registry>", service).replace("sha256:e2fffb65<...>", digest_of(ARTIFACT))
    return re.sub(r"<(uuid|state)>", "[0-9a-f-]+", re.escape(text).replace("\\<", "<"))


def check_body(recorded: Any, got: Got, service: str) -> None:
    if recorded is None:
        assert got.body == b""
    elif "<JWT>" in recorded.values():
        assert dict.fromkeys(got.json, "<JWT>") == recorded
    else:
        text = json.dumps(recorded, separators=(",", ":")).replace("<registry>", service)
        assert got.body.decode() == text + "\n"  # the same keys in the same order


@pytest.mark.parametrize("name", recordings())
async def test_recorded_exchanges_are_answered_as_recorded(name: str, registry: Registry, authority: Authority) -> None:
    recording = read(name)
    SEEDS[name](registry, recording)
    host = recording["exchanges"][0]["request"]["url"].removeprefix("https://").partition("/")[0]
    registry.login_server = host if "<" not in host else "recorded.azurecr.io"
    connector = aiohttp.TCPConnector(ssl=authority.client_context())
    async with serving(registry, authority=authority) as port, aiohttp.ClientSession(connector=connector) as session:
        caller = Caller(session, port, registry.login_server)
        for exchange in recording["exchanges"]:
            recorded = exchange["response"]
            got = await replay(caller, exchange["request"], recorded["status"])
            assert got.status == recorded["status"], (exchange["request"], got.body)
            check_headers(exchange, got, registry.login_server)
            check_body(recorded["body"], got, registry.login_server)
    assert registry.traffic.total >= len(recording["exchanges"])


def test_every_recording_has_a_seed() -> None:
    assert set(recordings()) == set(SEEDS)


async def test_data_plane_answers_carry_the_recorded_common_headers(caller: Caller, registry: Registry) -> None:
    registry.store.seed({"repositories": [{"name": "a", "images": [{"number": 1, "tags": ["v1"]}]}]})
    got = await caller.ask("GET", "/acr/v1/a")
    for name, value in read("00-common-headers.json")["data_plane"].items():
        values = value if isinstance(value, list) else [value]
        if "<uuid>" not in values:
            assert got.headers.getall(name) == values
    assert re.fullmatch("[0-9a-f-]{36}", got.headers["X-Ms-Correlation-Request-Id"])


async def test_token_service_answers_carry_the_recorded_common_headers(caller: Caller) -> None:
    text = f"grant_type=access_token&service={caller.service}&access_token=owner"
    got = await caller.form("/oauth2/exchange", text)
    assert len(got.headers.getall("Strict-Transport-Security")) == 1
    assert "Docker-Distribution-Api-Version" not in got.headers
    assert "Access-Control-Expose-Headers" not in got.headers
    assert got.headers["x-ms-ratelimit-remaining-calls-per-second"] == "166.67"


async def test_deletes_carry_their_recorded_headers(caller: Caller, registry: Registry) -> None:
    registry.store.seed({"repositories": [{"name": "a", "images": [{"number": 1, "tags": ["v1", "v2"]}]}]})
    digest = registry.store.tag("a", "v1").digest
    untagged = await caller.ask("DELETE", "/acr/v1/a/_tags/v1", x_ms_client_request_id="mine")
    assert (untagged.status, untagged.body) == (202, b"")
    assert untagged.headers["X-Ms-Int-Docker-Content-Digest"] == digest
    deleted = await caller.ask("DELETE", f"/v2/a/manifests/{digest}", x_ms_client_request_id="mine")
    assert (deleted.status, deleted.body) == (202, b"")
    for got in (untagged, deleted):
        assert got.headers["X-Ms-Client-Request-Id"] == "mine"
        assert re.fullmatch(r"\d+\.\d{6}", got.headers["X-Ms-Ratelimit-Remaining-Calls-Per-Second"])


async def test_tokens_carry_the_recorded_claims(caller: Caller, registry: Registry) -> None:
    claims = read("token-claims-decoded.json")
    refresh = await caller.refresh_token("owner")
    seen = jwt.decode(refresh, options={"verify_signature": False})
    assert list(seen) == list(claims["refresh"])
    assert list(seen["permissions"]) == list(claims["refresh"]["permissions"])
    assert seen["exp"] - seen["iat"] == claims["refresh"]["exp"] - claims["refresh"]["iat"]
    access = jwt.decode(
        await caller.token("owner", f"repository:{HELLO}:metadata_read"), options={"verify_signature": False}
    )
    assert list(access) == list(claims["access2022"])
    assert access["access"] == claims["access2022"]["access"]
    assert access["version"] == "2.0"
    assert access["exp"] - access["iat"] == claims["access2022"]["exp"] - claims["access2022"]["iat"]
    registry.options.change({"anonymous_pull": True})
    got = await caller.ask("GET", f"/oauth2/token?service={caller.service}", authorization="")
    anonymous = jwt.decode(got.json["access_token"], options={"verify_signature": False})
    assert list(anonymous) == list(claims["anon"])
    assert (anonymous["sub"], anonymous["access"]) == (claims["anon"]["sub"], claims["anon"]["access"])
    assert anonymous["exp"] - anonymous["iat"] == claims["anon"]["exp"] - claims["anon"]["iat"]
    assert re.fullmatch("([A-Z2-7]{4}:)+[A-Z2-7]{4}", jwt.get_unverified_header(refresh)["kid"])


async def test_other_error_bodies_are_those_the_documents_quote(caller: Caller, registry: Registry) -> None:
    quoted = [each["response"]["body"] for each in read("20-other-error-shapes.json")["exchanges"]]
    registry.store.seed({"repositories": [{"name": "a", "images": [{"number": 1, "tags": ["v1"]}]}]})
    got = await caller.ask("GET", "/v2/a/manifests/v1", accept="application/json")
    assert (got.status, got.json) == (404, quoted[1])
    registry.options.change({"throttling": "basic", "throttle_scale": 0.0001})
    await caller.ask("GET", "/acr/v1/a")
    got = await caller.ask("GET", "/acr/v1/a")
    assert (got.status, got.json, got.headers["Retry-After"]) == (429, quoted[3], "60")


async def test_either_case_of_percent_encoding_and_raw_slashes_mean_the_same(
    caller: Caller, registry: Registry
) -> None:
    registry.store.seed({"repositories": [{"name": "b/c", "images": [{"number": 1, "tags": ["v1"]}]}]})
    digest = registry.store.tag("b/c", "v1").digest
    spelled = [f"/acr/v1/b{slash}c/_manifests/{digest.replace(':', colon)}" for slash, colon in
               (("/", ":"), ("%2F", "%3A"), ("%2f", "%3a"))]  # fmt: skip
    bodies = {(await caller.ask("GET", path)).body for path in spelled}
    assert len(bodies) == 1
    assert unquote(spelled[2]) == spelled[0]
