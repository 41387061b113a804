"""Hostile answers: nothing is followed, believed, or waited for without end, and no other host hears from us."""

import asyncio
import gzip
import json
import ssl
from typing import Any

import pytest
import trustme
from aiohttp import web

from taglock.adapters.acr_answer import next_path
from taglock.adapters.acr_call import AcrOptions, Call, Category
from taglock.adapters.acr_pipeline import Channel
from taglock.adapters.acr_registry import open_registry
from taglock.adapters.http_answer import Answer
from taglock.domain.reference import LoginServer, Repository, tag_target
from taglock.domain.state import AttributeUpdate
from taglock.errors import InvalidReference, Unauthorized, Unavailable, UntrustedAnswer
from tests.adapters.registry.conftest import Open
from tests.adapters.registry.peer import (
    DIGEST,
    OTHER_DIGEST,
    REPOSITORY,
    TAG,
    Credential,
    Peer,
    challenge,
    listening,
    refresh_token,
)

MEBIBYTE = 1 << 20


def replying(peer: Peer, body: bytes, *, status: int = 200, **headers: str) -> None:
    """Let the peer answer every call with these bytes; `content_type` becomes `Content-Type`."""
    named = {name.replace("_", "-"): value for name, value in ({"content_type": "application/json"} | headers).items()}

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=named)

    peer.answer = answer


async def untrusted(peer: Peer, opened: Open, **options: Any) -> str:
    """Read a tag, expect that its answer is not believed, and return the reason."""
    with pytest.raises(UntrustedAnswer) as raised:
        await opened(**options).tag(REPOSITORY, TAG)
    assert raised.value.transient
    assert peer.seen["GET"] == 1
    return raised.value.reason


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(peer: Peer, foreigner: Peer, opened: Open, status: int) -> None:
    replying(peer, b"", status=status, Location=f"https://{foreigner.login_server}/acr/v1/x")
    assert f"status {status}" in await untrusted(peer, opened)


@pytest.mark.parametrize("endpoint", ["exchange", "token"])
async def test_a_redirected_token_request_is_not_followed(
    peer: Peer, foreigner: Peer, opened: Open, endpoint: str
) -> None:
    async def redirects(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"https://{foreigner.login_server}/oauth2/{endpoint}"})

    setattr(peer, endpoint, redirects)
    with pytest.raises(UntrustedAnswer, match="redirects are never followed"):
        await opened().tag(REPOSITORY, TAG)


@pytest.mark.parametrize("error", ["invalid_token", "insufficient_scope", ""])
async def test_a_challenge_with_a_foreign_realm_changes_nothing(
    peer: Peer, foreigner: Peer, opened: Open, error: str
) -> None:
    async def challenges(_request: web.Request) -> web.StreamResponse:
        return challenge(peer, error, realm=f"https://{foreigner.login_server}/oauth2/token")

    peer.answer = challenges
    with pytest.raises(Unauthorized):
        await opened().tag(REPOSITORY, TAG)
    assert set(peer.scopes) == {"repository:*:metadata_read,metadata_write"}


@pytest.mark.parametrize("path", ["", "@{}/acr/v1/x", ".evil/", ":1/x"])
async def test_the_border_refuses_every_url_outside_the_login_server(
    peer: Peer, foreigner: Peer, credential: Credential, path: str
) -> None:
    url_end = path.format(foreigner.login_server)
    channel = Channel(peer.login_server, credential=credential, options=AcrOptions(audience="https://x"))
    call = Call(method="GET", path=url_end, operation="read", target="x", category=Category.TOKEN)
    with pytest.raises(UntrustedAnswer, match="refused to send"):
        await channel.send_anonymously(call)
    assert peer.connections == 0
    await channel.aclose()


async def test_plain_http_is_never_spoken(credential: Credential) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(3))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    options = AcrOptions(audience="https://x", request_timeout_seconds=2.0)
    registry = open_registry(LoginServer(f"localhost:{port}"), credential=credential, options=options)
    with pytest.raises(Unavailable):
        await registry.tag(REPOSITORY, TAG)
    assert heard
    assert all(first[0] == 0x16 for first in heard)  # a TLS handshake
    await registry.aclose()
    server.close()
    await server.wait_closed()


async def test_a_certificate_of_an_unknown_authority_is_refused(credential: Credential) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    async with listening(context) as stranger:
        options = AcrOptions(audience="https://x", request_timeout_seconds=2.0)
        registry = open_registry(stranger.login_server, credential=credential, options=options)
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await registry.tag(REPOSITORY, TAG)
        assert stranger.seen == {}
        await registry.aclose()


async def test_proxies_of_the_environment_are_not_used(
    peer: Peer, foreigner: Peer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{foreigner.login_server}")
    assert (await opened().tag(REPOSITORY, TAG)).digest == DIGEST


async def test_cookies_are_not_kept(peer: Peer, opened: Open) -> None:
    cookies: list[str | None] = []

    async def sets(request: web.Request) -> web.StreamResponse:
        cookies.append(request.headers.get("Cookie"))
        return web.json_response(peer.tag_json(), headers={"Set-Cookie": "a=b; Path=/"})

    peer.answer = sets
    registry = opened()
    await registry.tag(REPOSITORY, TAG)
    await registry.tag(REPOSITORY, TAG)
    assert cookies == [None, None]


async def test_another_repository_is_not_believed(peer: Peer, opened: Open) -> None:
    replying(peer, json.dumps(peer.tag_json(imageName="prod/other")).encode())
    assert "$.imageName: 'prod/other', expected 'prod/api'" in await untrusted(peer, opened)


async def test_another_registry_is_not_believed(peer: Peer, opened: Open) -> None:
    replying(peer, json.dumps(peer.tag_json(registry="evil.azurecr.io")).encode())
    assert "$.registry" in await untrusted(peer, opened)


async def test_another_tag_is_not_believed(peer: Peer, opened: Open) -> None:
    whole = peer.tag_json()
    assert isinstance(whole["tag"], dict)
    replying(peer, json.dumps(whole | {"tag": whole["tag"] | {"name": "latest"}}).encode())
    assert "$.tag.name: 'latest', expected '1.4.2'" in await untrusted(peer, opened)


async def test_another_digest_is_not_believed(peer: Peer, opened: Open) -> None:
    manifest = {
        "digest": OTHER_DIGEST,
        "createdTime": "2022-03-07T23:33:47Z",
        "mediaType": "x",
        "changeableAttributes": {f"{name}Enabled": True for name in ("delete", "write", "list", "read")},
    }
    whole = {"registry": peer.login_server, "imageName": REPOSITORY, "manifest": manifest}
    replying(peer, json.dumps(whole).encode())
    with pytest.raises(UntrustedAnswer, match=r"\$\.manifest\.digest"):
        await opened().manifest(REPOSITORY, DIGEST)


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_fifty_megabytes_are_not_read(peer: Peer, opened: Open, status: int) -> None:
    sent = 0

    async def floods(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(50):
            await response.write(b" " * MEBIBYTE)
            sent += 1
        return response

    peer.answer = floods
    assert "a body above 8388608 bytes" in await untrusted(peer, opened, request_timeout_seconds=20.0)
    assert sent < 50


async def test_the_connection_of_an_answer_that_was_not_read_is_closed_and_replaced(peer: Peer, opened: Open) -> None:
    registry = opened(connections=1, maximum_body_bytes=1000)
    replying(peer, b" " * MEBIBYTE)
    with pytest.raises(UntrustedAnswer) as raised:
        await registry.tag(REPOSITORY, TAG)
    peer.answer = None
    assert (await registry.tag(REPOSITORY, TAG)).digest == DIGEST
    assert peer.connections == 2
    assert raised.value.__traceback__  # keeps the answer alive, so that only closing it frees its connection


async def test_a_compressed_answer_is_refused_without_inflating_it(peer: Peer, opened: Open) -> None:
    bomb = gzip.compress(b" " * (64 * MEBIBYTE))
    assert len(bomb) < MEBIBYTE
    replying(peer, bomb, Content_Encoding="gzip")
    assert "content encoding 'gzip'" in await untrusted(peer, opened)


async def test_no_compression_is_accepted(peer: Peer, opened: Open) -> None:
    accepted: list[str] = []

    async def looks(request: web.Request) -> web.StreamResponse:
        accepted.append(request.headers["Accept-Encoding"])
        return web.json_response(peer.tag_json())

    peer.answer = looks
    await opened().tag(REPOSITORY, TAG)
    assert accepted == ["identity"]


async def test_a_body_that_never_ends_is_given_up(peer: Peer, opened: Open) -> None:
    async def dribbles(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while request.transport is not None and not request.transport.is_closing():
            await response.write(b" ")
            await asyncio.sleep(0.02)
        return response

    peer.answer = dribbles
    with pytest.raises(Unavailable, match=r"no complete answer within 0\.3 seconds") as raised:
        await opened(request_timeout_seconds=0.3).tag(REPOSITORY, TAG)
    assert raised.value.status is None
    assert peer.seen["GET"] == 1  # a time-out is not tried again


async def test_an_answer_cut_short_is_tried_once_more(peer: Peer, opened: Open) -> None:
    async def cuts(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return response

    peer.answer = cuts
    with pytest.raises(Unavailable) as raised:
        await opened().tag(REPOSITORY, TAG)
    assert raised.value.status is None
    assert peer.seen["GET"] == 2


@pytest.mark.parametrize(
    "spoken",
    [
        b"",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * MEBIBYTE,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["nothing", "another protocol", "an endless header", "a negative length"],
)
async def test_a_peer_that_speaks_no_http_is_unavailable(
    server_context: ssl.SSLContext, credential: Credential, spoken: bytes
) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(spoken)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=server_context)
    login_server = LoginServer(f"localhost:{server.sockets[0].getsockname()[1]}")
    registry = open_registry(login_server, credential=credential, options=AcrOptions(audience="https://x"))
    with pytest.raises(Unavailable) as raised:
        await registry.tag(REPOSITORY, TAG)
    assert raised.value.status is None
    assert len(str(raised.value)) < 400
    await registry.aclose()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/jsonp", "image/json"])
async def test_another_content_type_is_not_read(peer: Peer, opened: Open, kind: str) -> None:
    replying(peer, json.dumps(peer.tag_json()).encode(), content_type=kind)
    assert "expected JSON" in await untrusted(peer, opened)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"registry":"\xff\xfe"}', "utf-8"),
        (b"[" * 200_000, "object"),
        (b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (b"", "truncated"),
        (b"<html>", "malformed"),
        (b"null", "object"),
        (b"{}", "required field"),
    ],
)
async def test_malformed_json_is_not_believed(peer: Peer, opened: Open, body: bytes, reason: str) -> None:
    replying(peer, body)
    assert reason in await untrusted(peer, opened)


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("digest", "sha256:short", "$.tag.digest"),
        ("digest", 7, "$.tag.digest"),
        ("lastUpdateTime", "yesterday", "$.tag.lastUpdateTime"),
        ("lastUpdateTime", "2022-03-07T23:33:47", "$.tag.lastUpdateTime"),
        ("changeableAttributes", {"deleteEnabled": True}, "$.tag.changeableAttributes"),
        ("changeableAttributes", None, "$.tag.changeableAttributes"),
    ],
)
async def test_an_ill_typed_field_is_told_with_its_path(
    peer: Peer, opened: Open, field: str, value: object, path: str
) -> None:
    whole = peer.tag_json()
    assert isinstance(whole["tag"], dict)
    replying(peer, json.dumps(whole | {"tag": whole["tag"] | {field: value}}).encode())
    assert path in await untrusted(peer, opened)


@pytest.mark.parametrize("status", [201, 202, 204])
async def test_a_success_that_proves_nothing_is_not_believed(peer: Peer, opened: Open, status: int) -> None:
    replying(peer, b"", status=status)
    assert f"status {status}, expected 200" in await untrusted(peer, opened)


@pytest.fixture
async def links(peer: Peer) -> list[str]:
    """Links that the peer sends, one a page of referrers."""
    sent: list[str] = []

    async def page(_request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
        if sent:
            headers["Link"] = sent.pop(0)
        return web.Response(body=json.dumps({"manifests": []}), headers=headers)

    peer.answer = page
    return sent


@pytest.mark.parametrize(
    "link",
    [
        '<https://{foreign}/v2/prod%2Fapi/referrers/{digest}?n=1>; rel="next"',
        '<https://{own}/v2/prod%2Fapi/referrers/{digest}?n=1>; rel="next"',
        '<//{foreign}/v2/prod%2Fapi/referrers/{digest}?n=1>; rel="next"',
        '</v2/prod%2Fother/referrers/{digest}?n=1>; rel="next"',
        '</v2/prod%2Fapi/../other/referrers/{digest}?n=1>; rel="next"',
        '<?n=1>; rel="next"',
        '</v2/prod%2Fapi/referrers/{digest}?n=1#x>; rel="next"',
        '</v2/prod%2Fapi/referrers/{digest}?n=1>; rel="last"',
        "nonsense",
    ],
)
async def test_a_link_elsewhere_is_not_followed(
    peer: Peer, foreigner: Peer, opened: Open, links: list[str], link: str
) -> None:
    links.append(link.format(foreign=foreigner.login_server, own=peer.login_server, digest=DIGEST))
    with pytest.raises(UntrustedAnswer, match="expected a relative next link"):
        await opened().referrers(REPOSITORY, DIGEST)
    assert peer.seen["GET"] == 1


def test_a_link_header_that_cannot_be_parsed_is_refused() -> None:
    call = Call(method="GET", path="/v2/a", operation="x", target="y", category=Category.READ)
    for link in ("<http://[::1/v2/a>; rel=next", "</v2/a?\x7f>; rel=next", "</v2/a?" + "x" * 3000 + ">; rel=next"):
        with pytest.raises(UntrustedAnswer):
            next_path(call, Answer(status=200, headers={"Link": link}, body=b""))


async def test_paging_that_goes_round_in_circles_ends(peer: Peer, opened: Open, links: list[str]) -> None:
    links.extend([f'</v2/prod/api/referrers/{DIGEST}?last=x>; rel="next"'] * 5)
    with pytest.raises(UntrustedAnswer, match="endless paging after 2 pages"):
        await opened().referrers(REPOSITORY, DIGEST)


async def test_paging_without_end_ends(peer: Peer, opened: Open, links: list[str]) -> None:
    links.extend(f'</v2/prod/api/referrers/{DIGEST}?last={number}>; rel="next"' for number in range(200))
    with pytest.raises(UntrustedAnswer, match="endless paging after 100 pages"):
        await opened(request_timeout_seconds=20.0, referrers_per_minute=10_000).referrers(REPOSITORY, DIGEST)


async def test_an_update_of_another_registry_is_refused_before_any_request(peer: Peer, opened: Open) -> None:
    target = tag_target(LoginServer("other.azurecr.io"), Repository("prod/api"), TAG)
    with pytest.raises(InvalidReference, match=r"update\.target"):
        await opened().update_tag(AttributeUpdate(target=target))
    with pytest.raises(InvalidReference):
        own = tag_target(peer.login_server, REPOSITORY, TAG)
        await opened().update_manifest(AttributeUpdate(target=own))
    assert peer.connections == 0


async def test_no_token_appears_in_errors_or_logs(peer: Peer, opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    async def refuses(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="x" * 5000)

    caplog.set_level("DEBUG")
    peer.answer = refuses
    with pytest.raises(Unavailable) as raised:
        await opened().tag(REPOSITORY, TAG)
    authorization = peer.authorizations[0]
    assert authorization is not None
    secrets = (authorization.removeprefix("Bearer "), refresh_token(), "entra-token")
    logged = "\n".join(str(record.getMessage()) for record in caplog.records if record.name != "aiohttp.access")
    assert not any(secret in logged or secret in str(raised.value) for secret in secrets)
    assert len(str(raised.value)) < 400
