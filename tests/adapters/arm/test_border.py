"""Hostile and failing answers: the token stays with one host; nothing is followed, believed or awaited without end."""

import asyncio
import gzip
import json
import ssl
from typing import Any

import pytest
import trustme
from aiohttp import web
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from taglock.adapters.arm_answer import next_path
from taglock.adapters.arm_call import ArmCall, arm_host
from taglock.adapters.arm_reader import open_arm
from taglock.domain.arm_resource import ArmWorkload
from taglock.errors import ArmError, InvalidConfiguration
from tests.adapters.arm.conftest import Open
from tests.adapters.arm.peer import (
    API,
    APP,
    GROUP,
    JOB,
    SECRET,
    SITE,
    SUBSCRIPTION,
    Credential,
    Peer,
    app,
    error,
    listening,
)

LIST = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.App/containerApps"


async def refused(opened: Open, **options: Any) -> ArmError:
    """Read a job, expect that there is no usable answer, and return the error."""
    with pytest.raises(ArmError) as raised:
        await opened(**options).workload(JOB)
    assert raised.value.target == str(JOB)
    assert "entra-token" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(peer: Peer, foreigner: Peer, opened: Open, status: int) -> None:
    peer.reply(b"", status=status, location=f"https://{foreigner.host}{JOB}")
    assert "redirects are never followed" in (await refused(opened)).reason
    assert len(peer.paths) == 1


@pytest.mark.parametrize(
    "link",
    [
        "https://{foreign}{path}?token=2",
        "http://{host}{path}?token=2",
        "//{foreign}{path}?token=2",
        "https://{host}@{foreign}{path}?token=2",
        "https://{host}.evil.example{path}?token=2",
        "https://{host}/subscriptions?token=2",
        "https://{host}{path}/../../../elsewhere?token=2",
        "https://{host}{path}?token=2#part",
        "https://{host}{path}",
        "https://{host}\\@{foreign}{path}?token=2",
        "https://{host}{path}?to ken=2",
        "{path}?token=2",
        "https://[{path}",
        "https://{host}{path}?" + "x" * 9_000,
        7,
        ["https://{host}{path}?token=2"],
    ],
)
async def test_a_link_that_leads_elsewhere_is_not_followed(
    peer: Peer, foreigner: Peer, opened: Open, link: Any
) -> None:
    if isinstance(link, str):
        link = link.format(host=peer.host, foreign=foreigner.host, path=LIST)
    peer.reply({"value": [], "nextLink": link})
    with pytest.raises(ArmError, match="nextLink") as raised:
        await everything(opened())
    assert raised.value.code == "UNTRUSTED_ANSWER"
    assert raised.value.transient
    assert peer.paths == [LIST]


async def everything(reader: Any) -> list[ArmWorkload]:
    return [each async for each in reader.workloads(SUBSCRIPTION)]


async def test_a_list_that_never_ends_is_refused(peer: Peer, opened: Open) -> None:
    count = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        return web.json_response({"value": [], "nextLink": f"https://{peer.host}{request.path}?page={count}"})

    peer.answer = endless
    with pytest.raises(ArmError, match="endless paging after 5 pages"):
        await everything(opened(maximum_pages=5))
    assert count == 5


async def test_a_page_that_comes_twice_is_refused(peer: Peer, opened: Open) -> None:
    peer.reply({"value": [], "nextLink": f"https://{peer.host}{LIST}?page=2"})
    with pytest.raises(ArmError, match="endless paging after 2 pages"):
        await everything(opened())


@pytest.mark.parametrize("page", [{}, {"value": None}, {"value": {}}, {"value": [7]}, {"value": [None]}])
async def test_a_page_without_a_list_of_objects_is_refused(peer: Peer, opened: Open, page: dict[str, Any]) -> None:
    peer.reply(page)
    with pytest.raises(ArmError, match=r"\$\.value"):
        await everything(opened())


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"7", b'"x"', b'{"a": NaN}', b"\xff\xfe", b'{"a": 1} {"b": 2}'),
        b"[" * 200_000,
        b'{"properties":' * 100_000,
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(peer: Peer, opened: Open, body: bytes) -> None:
    peer.reply(body)
    found = await refused(opened)
    assert found.transient
    assert "expected a JSON object" in found.reason


async def test_a_sign_in_page_is_no_answer(peer: Peer, opened: Open) -> None:
    peer.reply(json.dumps(app(API)).encode(), content_type="text/html")
    assert "expected JSON" in (await refused(opened)).reason


async def test_an_oversized_body_is_refused(peer: Peer, opened: Open) -> None:
    peer.reply(app(API) | {"padding": "x" * 20_000})
    assert "above 10000 bytes" in (await refused(opened, maximum_body_bytes=10_000)).reason


async def test_a_compressed_body_is_refused(peer: Peer, opened: Open) -> None:
    peer.reply(gzip.compress(b" " * 1_000_000), content_encoding="gzip")
    assert "content encoding" in (await refused(opened)).reason


async def test_the_body_of_another_resource_is_refused(peer: Peer, opened: Open) -> None:
    peer.put(JOB, app(API) | {"id": str(GROUP)})
    assert "$.id" in (await refused(opened)).reason


@pytest.mark.parametrize(
    ("status", "code", "transient"),
    [
        (400, "NoRegisteredProviderForAPIVersion", False),
        (401, "ExpiredAuthenticationToken", True),
        (403, "AuthorizationFailed", True),
        (404, "SubscriptionNotFound", True),
        (408, "RequestTimeout", True),
        (409, "Conflict", False),
        (429, "TooManyRequests", True),
        (500, "InternalServerError", True),
        (503, "ServerBusy", True),
    ],
)
async def test_an_error_keeps_its_status_and_code(
    peer: Peer, opened: Open, status: int, code: str, transient: bool
) -> None:
    peer.reply(error(code, "as Azure says it"), status=status)
    found = await refused(opened)
    assert (found.status, found.code, found.transient) == (status, code, transient)
    assert "as Azure says it" in found.reason


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_names_the_role(peer: Peer, opened: Open, status: int) -> None:
    peer.reply(error("AuthorizationFailed"), status=status)
    assert "'Reader'" in (await refused(opened)).reason


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"error": 7}',
        b'{"error": {"code": ["x"], "message": {}}}',
        b'{"error": {"code": "a b"}}',
    ],
)
async def test_a_404_that_is_not_from_resource_manager_is_no_deletion(peer: Peer, opened: Open, body: bytes) -> None:
    peer.reply(body, status=404)
    found = await refused(opened)
    assert (found.status, found.code) == (404, "")


async def test_a_refused_token_is_replaced_at_the_next_call(peer: Peer, opened: Open, credential: Credential) -> None:
    claims = 'Bearer error="insufficient_claims", claims="%%%"'
    peer.reply(error("ExpiredAuthenticationToken"), status=401, www_authenticate=claims)
    reader = opened()
    for _ in range(2):
        with pytest.raises(ArmError):
            await reader.workload(JOB)
    assert peer.authorizations == ["Bearer entra-token-1", "Bearer entra-token-2"]
    assert len(credential.scopes) == 2


@pytest.mark.parametrize("failure", [ClientAuthenticationError("no"), ServiceRequestError("no network")])
async def test_without_a_token_nothing_is_sent(
    peer: Peer, opened: Open, credential: Credential, failure: Exception
) -> None:
    credential.failure = failure
    found = await refused(opened)
    assert found.transient
    assert "no Entra token for 'https://management.azure.com'" in found.reason
    assert peer.paths == []


async def test_a_broken_answer_is_asked_once_more(peer: Peer, opened: Open) -> None:
    answers = [web.json_response(error("ServerBusy"), status=503), web.json_response(app(API))]

    async def recovers(_request: web.Request) -> web.StreamResponse:
        return answers.pop(0)

    peer.answer = recovers
    found = await opened().workload(JOB)
    assert found is not None
    assert found.images == (API,)


async def test_a_connection_that_breaks_twice_is_no_answer(peer: Peer, opened: Open) -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    peer.answer = breaks
    found = await refused(opened)
    assert (found.status, found.transient) == (None, True)
    assert 2 <= len(peer.paths) <= 4  # ours, and aiohttp's own resend of a GET


@pytest.mark.parametrize("begins", [False, True])
async def test_an_answer_that_does_not_end_is_cut_off(peer: Peer, opened: Open, begins: bool) -> None:
    released = asyncio.Event()

    async def hangs(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if begins:
            await response.prepare(request)
            await response.write(b"{")
        await released.wait()
        return response

    peer.answer = hangs
    found = await refused(opened, request_timeout_seconds=0.2)
    released.set()
    assert found.transient
    assert "within 0.2 seconds" in found.reason


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_long_hold_is_obeyed_without_asking(peer: Peer, opened: Open) -> None:
    clock = Clock()
    reader = opened(monotonic=clock)
    peer.reply(error("TooManyRequests"), status=429, retry_after="60")
    with pytest.raises(ArmError) as raised:
        await reader.workload(JOB)
    assert (raised.value.retry_after, raised.value.transient) == (60, True)
    peer.answer = None
    clock.now += 20
    with pytest.raises(ArmError) as raised:
        await reader.workload(SITE)
    assert (raised.value.status, raised.value.retry_after, raised.value.transient) == (429, 40, True)
    assert len(peer.paths) == 1
    clock.now += 41
    assert await reader.workload(SITE) is None


async def test_the_hold_of_a_subscription_is_not_that_of_another(peer: Peer, opened: Open) -> None:
    reader = opened(monotonic=Clock())
    peer.reply(error("TooManyRequests"), status=429, retry_after="60")
    with pytest.raises(ArmError):
        await reader.workload(JOB)
    peer.answer = None
    other = type(JOB)(**{name: getattr(JOB, name) for name in JOB.__struct_fields__} | {"subscription": "0" * 8})
    assert await reader.workload(other) is None


async def test_a_short_hold_is_waited_out(peer: Peer, opened: Open) -> None:
    answers = [
        web.json_response(error("TooManyRequests"), status=429, headers={"Retry-After": "0"}),
        web.json_response(app(API)),
    ]

    async def recovers(_request: web.Request) -> web.StreamResponse:
        return answers.pop(0)

    peer.answer = recovers
    assert await opened().workload(JOB) is not None
    assert len(peer.paths) == 2


@pytest.mark.parametrize(
    "endpoint",
    [
        *("", "management.azure.com", "http://management.azure.com", "https://", "https://user@management.azure.com"),
        *("https://management.azure.com/x", "https://management.azure.com/?a=b", "https://management.azure.com:0"),
        *("https://management.azure.com:99999", "https://[", "ftp://management.azure.com"),
    ],
)
def test_an_endpoint_that_is_no_https_host_is_refused(credential: Credential, endpoint: str) -> None:
    with pytest.raises(InvalidConfiguration, match="arm_endpoint"):
        open_arm(endpoint, credential=credential)


@pytest.mark.parametrize("link_host", ["management.azure.com", "management.azure.com:443", "MANAGEMENT.azure.com"])
def test_a_link_may_name_the_port_that_https_has_anyway(link_host: str) -> None:
    call = ArmCall(path=f"{LIST}?api-version=x", operation="list", target="t", subscription=SUBSCRIPTION)
    link = f"https://{link_host}{LIST}?api-version=x&$skiptoken=abc"
    assert next_path(call, {"nextLink": link}, arm_host("https://management.azure.com:443/")) == (
        f"{LIST}?api-version=x&$skiptoken=abc"
    )


async def test_a_certificate_of_an_unknown_authority_gets_no_token(opened: Open, credential: Credential) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with listening(context) as impostor:
        reader = open_arm(f"https://{impostor.host}", credential=credential)
        with pytest.raises(ArmError):
            await reader.workload(JOB)
        await reader.aclose()
        assert impostor.paths == []


async def test_secrets_of_a_body_are_in_no_workload_and_no_error(peer: Peer, opened: Open) -> None:
    peer.put(APP, app(API, configuration={"secrets": [{"value": SECRET}], "ingress": SECRET}))
    with pytest.raises(ArmError) as raised:
        await opened().workload(APP)
    assert SECRET not in str(raised.value)
    peer.put(APP, app(API, configuration={"secrets": [{"value": SECRET}]}))
    assert SECRET not in repr(await opened().workload(APP))


async def test_cancelling_one_caller_harms_no_other(peer: Peer, opened: Open) -> None:
    peer.put(JOB, app(API))
    reader = opened()
    cancelled = asyncio.create_task(reader.workload(JOB))
    others = [asyncio.create_task(reader.workload(JOB)) for _ in range(5)]
    await asyncio.sleep(0)
    cancelled.cancel()
    results = await asyncio.gather(*others)
    assert all(found is not None and found.images == (API,) for found in results)
    with pytest.raises(asyncio.CancelledError):
        await cancelled
