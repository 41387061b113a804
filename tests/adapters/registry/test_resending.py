"""Errors carry what the registry said; a call is sent again once at most, and a throttled registry is left alone."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from taglock.adapters.acr_registry import AcrOptions, open_registry
from taglock.adapters.http_answer import Answer, retry_after_seconds
from taglock.domain.reference import LoginServer, tag_target
from taglock.domain.state import AttributeUpdate
from taglock.errors import Disallowed, NotFound, RegistryError, Throttled, Unauthorized, Unavailable
from tests.adapters.registry.conftest import Open
from tests.adapters.registry.peer import DIGEST, REPOSITORY, TAG, Credential, Peer, errors


def first(peer: Peer, count: int, status: int, **headers: str) -> None:
    """Let the first calls fail with a status, and answer the others well."""
    left = [status] * count
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_request: web.Request) -> web.StreamResponse:
        if left:
            return web.Response(status=left.pop(), text=errors("SOME_CODE", "no luck"), headers=named)
        return web.json_response(peer.tag_json())

    peer.answer = answer


@pytest.mark.parametrize(
    ("status", "kind", "transient"),
    [
        (400, RegistryError, False),
        (401, Unauthorized, True),
        (403, Unauthorized, False),
        (404, NotFound, True),
        (405, Disallowed, True),
        (408, Unavailable, True),
        (409, RegistryError, False),
        (429, Throttled, True),
        (500, Unavailable, True),
        (503, Unavailable, True),
    ],
)
async def test_a_status_becomes_its_error(
    peer: Peer, opened: Open, status: int, kind: type[RegistryError], transient: bool
) -> None:
    first(peer, 9, status)
    with pytest.raises(RegistryError, match="no luck") as raised:
        await opened().tag(REPOSITORY, TAG)
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.code, error.operation) == (status, "SOME_CODE", "read tag")
    assert error.target == f"{peer.login_server}/prod/api:1.4.2"
    assert error.transient is transient
    assert error.retry_after is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe", b"[]", b'{"errors":[]}', b'{"errors":[{"code":"a b","message":{}}]}', b"[" * 99999],
)
async def test_an_error_without_the_usual_body_is_still_an_error(peer: Peer, opened: Open, body: bytes) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, body=body)

    peer.answer = answer
    with pytest.raises(NotFound) as raised:
        await opened().tag(REPOSITORY, TAG)
    assert raised.value.code == ""
    assert len(str(raised.value)) < 400


async def test_a_correlation_is_kept_for_the_registry_s_operator(peer: Peer, opened: Open) -> None:
    first(peer, 1, 404, X_Ms_Correlation_Request_Id="1f-2")
    with pytest.raises(NotFound, match=r"\(correlation 1f-2\)"):
        await opened().tag(REPOSITORY, TAG)


async def test_a_registry_that_cannot_be_reached_is_unavailable(credential: Credential) -> None:
    closed = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    login_server = LoginServer(f"localhost:{closed.sockets[0].getsockname()[1]}")
    closed.close()
    await closed.wait_closed()
    registry = open_registry(login_server, credential=credential, options=AcrOptions(audience="https://x"))
    with pytest.raises(Unavailable) as raised:
        await registry.tag(REPOSITORY, TAG)
    assert raised.value.status is None
    assert raised.value.transient
    await registry.aclose()


async def test_a_peer_that_takes_connections_and_says_nothing_is_tried_once(credential: Credential) -> None:
    taken: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _reader, writer: taken.append(writer), "127.0.0.1", 0)
    login_server = LoginServer(f"127.0.0.1:{silent.sockets[0].getsockname()[1]}")
    options = AcrOptions(audience="https://x", request_timeout_seconds=0.6)
    registry = open_registry(login_server, credential=credential, options=options)
    with pytest.raises(Unavailable) as raised:
        await registry.tag(REPOSITORY, TAG)
    assert raised.value.status is None
    assert len(taken) == 1
    await registry.aclose()
    for writer in taken:
        writer.close()
    silent.close()
    await silent.wait_closed()


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_passing_failure_is_sent_once_more(peer: Peer, opened: Open, status: int) -> None:
    first(peer, 1, status)
    target = tag_target(peer.login_server, REPOSITORY, TAG)
    assert (await opened().update_tag(AttributeUpdate(target=target))).digest == DIGEST
    assert peer.seen["PATCH"] == 2


async def test_a_failure_that_stays_is_sent_once_more_and_no_further(peer: Peer, opened: Open) -> None:
    first(peer, 9, 503)
    with pytest.raises(Unavailable):
        await opened().tag(REPOSITORY, TAG)
    assert peer.seen["GET"] == 2


@pytest.mark.parametrize("status", [400, 404, 405, 500, 501])
async def test_a_final_failure_is_not_sent_again(peer: Peer, opened: Open, status: int) -> None:
    first(peer, 9, status)
    with pytest.raises(RegistryError):
        await opened().tag(REPOSITORY, TAG)
    assert peer.seen["GET"] == 1


async def test_a_failure_that_asks_for_a_long_pause_is_not_sent_again(peer: Peer, opened: Open) -> None:
    first(peer, 9, 503, Retry_After="120")
    with pytest.raises(Unavailable) as raised:
        await opened().tag(REPOSITORY, TAG)
    assert raised.value.retry_after == 120
    assert peer.seen["GET"] == 1


async def test_a_connection_that_breaks_is_opened_once_more(peer: Peer, opened: Open) -> None:
    broken: list[web.Request] = []

    async def breaks(request: web.Request) -> web.StreamResponse:
        if not broken:
            broken.append(request)
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(peer.tag_json())

    peer.answer = breaks
    target = tag_target(peer.login_server, REPOSITORY, TAG)
    assert (await opened().update_tag(AttributeUpdate(target=target))).digest == DIGEST
    assert peer.seen["PATCH"] == 2


async def test_a_short_throttling_is_waited_out_once(peer: Peer, opened: Open) -> None:
    first(peer, 1, 429, Retry_After="1")
    assert (await opened().tag(REPOSITORY, TAG)).digest == DIGEST
    assert peer.seen["GET"] == 2


async def test_a_second_throttling_is_raised(peer: Peer, opened: Open) -> None:
    first(peer, 9, 429, Retry_After="0")
    with pytest.raises(Throttled) as raised:
        await opened().tag(REPOSITORY, TAG)
    assert raised.value.retry_after == 0
    assert peer.seen["GET"] == 2


async def test_a_long_throttling_is_raised_and_the_registry_left_alone_until_it_ends(peer: Peer, opened: Open) -> None:
    now = [1000.0]
    registry = opened(monotonic=lambda: now[0])
    first(peer, 1, 429, Retry_After="60")
    with pytest.raises(Throttled) as raised:
        await registry.tag(REPOSITORY, TAG)
    assert (raised.value.status, raised.value.code, raised.value.retry_after) == (429, "SOME_CODE", 60)
    now[0] += 10
    for view in (registry, registry.background()):
        with pytest.raises(Throttled, match="asked to wait") as refused:
            await view.tag(REPOSITORY, TAG)
        assert refused.value.retry_after == 50
    assert peer.seen["GET"] == 1
    now[0] += 50
    assert (await registry.tag(REPOSITORY, TAG)).digest == DIGEST


async def test_reads_and_writes_are_throttled_apart(peer: Peer, opened: Open) -> None:
    registry = opened()
    first(peer, 1, 429, Retry_After="60")
    with pytest.raises(Throttled):
        await registry.tag(REPOSITORY, TAG)
    target = tag_target(peer.login_server, REPOSITORY, TAG)
    assert (await registry.update_tag(AttributeUpdate(target=target))).digest == DIGEST


async def test_audits_leave_calls_to_events(peer: Peer, opened: Open) -> None:
    registry = opened(share=1.0, reads_per_minute=40, monotonic=lambda: 1000.0, request_timeout_seconds=1.0)
    for _ in range(30):
        await registry.background().tag(REPOSITORY, TAG)
    with pytest.raises(Throttled, match="configured share"):
        await registry.background().tag(REPOSITORY, TAG)
    for _ in range(10):
        await registry.tag(REPOSITORY, TAG)
    assert peer.seen["GET"] == 40


@pytest.mark.parametrize("text", ["", "soon", "-5", "1e9", "nan", "inf", "Mon, 99 Foo 2026", "٣"])
def test_an_unusable_retry_after_is_none(text: str) -> None:
    assert retry_after_seconds(Answer(status=429, headers={"Retry-After": text}, body=b"")) is None


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("7", 7), ("1.5", 1.5), ("999999999", 3600)])
def test_retry_after_in_seconds_is_bounded(text: str, seconds: float) -> None:
    assert retry_after_seconds(Answer(status=429, headers={"Retry-After": text}, body=b"")) == seconds


@pytest.mark.parametrize("year", [1999, 2040])
def test_a_retry_after_date_is_relative_to_the_answer_s_own_date(year: int) -> None:
    sent = datetime(year, 1, 1, tzinfo=UTC)
    headers = {
        "Date": format_datetime(sent, usegmt=True),
        "Retry-After": format_datetime(sent + timedelta(seconds=42), usegmt=True),
    }
    assert retry_after_seconds(Answer(status=503, headers=headers, body=b"")) == 42


async def test_the_whole_call_is_bounded_by_twice_the_time_of_a_request(peer: Peer, opened: Open) -> None:
    async def hangs(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    peer.token = peer.exchange = peer.answer = hangs
    with pytest.raises(Unavailable) as raised:
        await opened(request_timeout_seconds=0.2).tag(REPOSITORY, TAG)
    assert raised.value.status is None


async def test_cancelling_a_call_leaves_the_registry_usable(peer: Peer, opened: Open) -> None:
    arrived = asyncio.Event()

    async def hangs(_request: web.Request) -> web.StreamResponse:
        arrived.set()
        await asyncio.sleep(60)
        return web.Response()

    registry = opened(connections=1, request_timeout_seconds=20.0)
    await registry.tag(REPOSITORY, TAG)
    peer.answer = hangs
    calling = asyncio.create_task(registry.tag(REPOSITORY, TAG))
    await arrived.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    peer.answer = None
    assert (await registry.tag(REPOSITORY, TAG)).digest == DIGEST
