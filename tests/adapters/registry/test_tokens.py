"""One exchange and one token per scope and lifetime; a token that lacks what was asked is never kept."""

import asyncio
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from taglock.adapters.acr_call import ScopeMode
from taglock.domain.reference import Repository, manifest_target, tag_target
from taglock.domain.state import AttributeUpdate
from taglock.errors import RegistryError, Throttled, Unauthorized, Unavailable, UntrustedAnswer
from tests.adapters.registry.conftest import Open
from tests.adapters.registry.peer import (
    ALL_ON,
    DIGEST,
    OTHER_DIGEST,
    REPOSITORY,
    TAG,
    Credential,
    Peer,
    access_token,
    challenge,
    errors,
    jwt,
    refresh_token,
)

WILDCARD = "repository:*:metadata_read,metadata_write"


class SetClock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def update(peer: Peer, repository: Repository = REPOSITORY) -> AttributeUpdate:
    return AttributeUpdate(target=tag_target(peer.login_server, repository, TAG))


def answers_any_repository(peer: Peer) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(peer.tag_json(imageName=request.path.removeprefix("/acr/v1/").partition("/_tags")[0]))

    peer.answer = answer


async def test_a_cold_call_is_three_requests_and_a_warm_one_is_one(peer: Peer, opened: Open) -> None:
    registry = opened()
    await registry.tag(REPOSITORY, TAG)
    assert peer.seen == {"/oauth2/exchange": 1, "/oauth2/token": 1, "GET": 1}
    await registry.update_tag(update(peer))
    assert peer.seen == {"/oauth2/exchange": 1, "/oauth2/token": 1, "GET": 1, "PATCH": 1}
    assert peer.scopes == [WILDCARD]


async def test_the_entra_token_is_asked_for_the_configured_audience(
    peer: Peer, opened: Open, credential: Credential
) -> None:
    await opened(audience="https://containerregistry.azure.net/").tag(REPOSITORY, TAG)
    assert credential.scopes == ["https://containerregistry.azure.net/.default"]


async def test_two_hundred_concurrent_calls_share_one_exchange_and_one_token(peer: Peer, opened: Open) -> None:
    registry = opened(request_timeout_seconds=20.0)
    await asyncio.gather(*(registry.update_tag(update(peer)) for _ in range(200)))
    assert peer.seen == {"/oauth2/exchange": 1, "/oauth2/token": 1, "PATCH": 200}


@pytest.mark.parametrize("endpoint", ["exchange", "token"])
async def test_a_cancelled_leader_neither_fails_nor_strands_the_others(peer: Peer, opened: Open, endpoint: str) -> None:
    arrived, released = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await released.wait()
        form = parse_qs(await request.text())
        granted = {"access_token": access_token(form["scope"][0])} if endpoint == "token" else {}
        return web.json_response(granted or {"refresh_token": refresh_token()})

    setattr(peer, endpoint, slow)
    registry = opened(request_timeout_seconds=20.0)
    leader = asyncio.create_task(registry.tag(REPOSITORY, TAG))
    await arrived.wait()
    followers = [asyncio.create_task(registry.tag(REPOSITORY, TAG)) for _ in range(5)]
    await asyncio.sleep(0)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    released.set()
    assert {state.digest for state in await asyncio.gather(*followers)} == {DIGEST}
    assert peer.seen == {"/oauth2/exchange": 1, "/oauth2/token": 1, "GET": 5}


async def test_a_failed_exchange_fails_all_who_wait_and_is_not_remembered(peer: Peer, opened: Open) -> None:
    async def broken(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text=errors("UNKNOWN"), content_type="application/json")

    peer.exchange = broken
    registry = opened()
    results = await asyncio.gather(*(registry.tag(REPOSITORY, TAG) for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {Unavailable}
    assert peer.seen == {"/oauth2/exchange": 1}
    peer.exchange = None
    assert (await registry.tag(REPOSITORY, TAG)).digest == DIGEST


async def test_tokens_are_renewed_before_they_end(peer: Peer, opened: Open) -> None:
    clock = SetClock()
    registry = opened(monotonic=clock)
    await registry.tag(REPOSITORY, TAG)
    clock.seconds += 4500 - 301
    await registry.tag(REPOSITORY, TAG)
    assert peer.seen["/oauth2/token"] == 1
    clock.seconds += 2
    await registry.tag(REPOSITORY, TAG)
    assert (peer.seen["/oauth2/exchange"], peer.seen["/oauth2/token"]) == (1, 2)
    clock.seconds += 11_700
    await registry.tag(REPOSITORY, TAG)
    assert (peer.seen["/oauth2/exchange"], peer.seen["/oauth2/token"]) == (2, 3)


@pytest.mark.parametrize("issued", [0, 1_000_000, 4_000_000_000])
async def test_a_skewed_clock_changes_nothing(peer: Peer, opened: Open, issued: float) -> None:
    async def token(request: web.Request) -> web.StreamResponse:
        scope = parse_qs(await request.text())["scope"][0]
        return web.json_response({"access_token": access_token(scope, issued=issued, lifetime=300)})

    peer.token = token
    clock = SetClock()
    registry = opened(monotonic=clock)
    for moved, asked in ((0, 1), (269, 1), (2, 2)):
        clock.seconds += moved
        await registry.tag(REPOSITORY, TAG)
        assert peer.seen["/oauth2/token"] == asked


async def test_lower_case_access_claims_count_as_well(peer: Peer, opened: Open) -> None:
    async def token(_request: web.Request) -> web.StreamResponse:
        access = [{"type": "repository", "name": "*", "actions": ["metadata_read", "metadata_write"]}]
        return web.json_response({"access_token": jwt(iat=1, exp=4501, access=access)})

    peer.token = token
    registry = opened()
    await registry.update_tag(update(peer))
    await registry.update_tag(update(peer))
    assert peer.seen["/oauth2/token"] == 1


async def test_a_dropped_action_is_named_and_its_token_is_not_kept(peer: Peer, opened: Open) -> None:
    async def nothing(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"access_token": jwt(iat=1, exp=4501, access=[])})

    peer.token = nothing
    registry = opened()
    for asked in (1, 2):
        with pytest.raises(Unauthorized, match=r"lacks 'metadata_write'.*Contributor.*Repository Writer"):
            await registry.update_tag(update(peer))
        assert peer.seen == {"/oauth2/exchange": asked, "/oauth2/token": asked}
    peer.token = None
    await registry.update_tag(update(peer))
    assert peer.seen["PATCH"] == 1


async def test_an_identity_that_may_not_read_is_told_after_one_token(peer: Peer, opened: Open) -> None:
    async def pull_only(_request: web.Request) -> web.StreamResponse:
        access = [{"type": "repository", "name": "*", "actions": ["pull"]}]
        return web.json_response({"access_token": jwt(iat=1, exp=4501, access=access)})

    peer.token = pull_only
    with pytest.raises(Unauthorized, match=r"lacks 'metadata_read'.*AcrPush and AcrPull cannot see locks"):
        await opened().tag(REPOSITORY, TAG)
    assert peer.seen == {"/oauth2/exchange": 1, "/oauth2/token": 1}


async def test_a_reader_reads_with_a_narrow_token_and_cannot_write(peer: Peer, opened: Open) -> None:
    async def reader(request: web.Request) -> web.StreamResponse:
        scope = parse_qs(await request.text())["scope"][0].replace(",metadata_write", "")
        return web.json_response({"access_token": access_token(scope)})

    peer.token = reader
    registry = opened()
    for _ in range(3):
        await registry.tag(REPOSITORY, TAG)
    assert peer.scopes == [WILDCARD, "repository:*:metadata_read"]
    assert peer.seen["/oauth2/exchange"] == 1
    with pytest.raises(Unauthorized, match="metadata_write"):
        await registry.update_tag(update(peer))


async def test_pull_is_asked_only_for_content_and_with_its_own_token(peer: Peer, opened: Open) -> None:
    async def missing(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text=errors("NAME_UNKNOWN"), content_type="application/json")

    registry = opened()
    await registry.tag(REPOSITORY, TAG)
    peer.answer = missing
    assert await registry.referrers(REPOSITORY, DIGEST) == []
    assert peer.scopes == [WILDCARD, "repository:*:pull"]


async def abac(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"refresh_token": refresh_token(aad_identity={"oid": "x"})})


async def test_a_registry_in_abac_mode_gets_one_scope_a_repository(peer: Peer, opened: Open) -> None:
    peer.exchange = abac
    answers_any_repository(peer)
    registry = opened()
    for _ in range(2):
        await registry.tag(Repository("prod/api"), TAG)
        await registry.tag(Repository("prod/web"), TAG)
    assert peer.scopes == [f"repository:prod/{name}:metadata_read,metadata_write" for name in ("api", "web")]
    assert peer.seen["GET"] == 4


async def test_repositories_wanted_at_once_share_requests_of_ten(peer: Peer, opened: Open) -> None:
    peer.exchange = abac
    answers_any_repository(peer)
    registry = opened()
    names = [Repository(f"prod/{number}") for number in range(25)]
    await asyncio.gather(*(registry.tag(name, TAG) for name in names for _ in range(4)))
    assert sorted(len(scope.split()) for scope in peer.scopes) == [5, 10, 10]
    assert peer.seen["GET"] == 100


async def test_in_a_batch_only_the_repository_that_is_not_granted_fails(peer: Peer, opened: Open) -> None:
    async def all_but_web(request: web.Request) -> web.StreamResponse:
        scopes = parse_qs(await request.text())["scope"][0].split()
        granted = " ".join(scope for scope in scopes if "prod/web" not in scope)
        return web.json_response({"access_token": access_token(granted)})

    peer.exchange, peer.token = abac, all_but_web
    answers_any_repository(peer)
    registry = opened()
    good, bad = await asyncio.gather(
        registry.tag(Repository("prod/api"), TAG), registry.tag(Repository("prod/web"), TAG), return_exceptions=True
    )
    assert not isinstance(good, BaseException)
    assert isinstance(bad, Unauthorized)


async def test_a_wildcard_that_abac_ignores_is_refused_when_it_was_configured(peer: Peer, opened: Open) -> None:
    async def ignored(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"access_token": jwt(iat=1, exp=4501, access=None)})

    peer.exchange, peer.token = abac, ignored
    with pytest.raises(Unauthorized):
        await opened(scopes=ScopeMode.WILDCARD).tag(REPOSITORY, TAG)
    assert peer.seen["GET"] == 0


async def test_per_repository_scopes_can_be_configured(peer: Peer, opened: Open) -> None:
    await opened(scopes=ScopeMode.PER_REPOSITORY).tag(REPOSITORY, TAG)
    assert peer.scopes == ["repository:prod/api:metadata_read,metadata_write"]


@pytest.mark.parametrize("error", ["invalid_token", ""])
async def test_a_token_no_longer_accepted_is_replaced_once(peer: Peer, opened: Open, error: str) -> None:
    refused: list[str] = []

    async def refuses_the_first(request: web.Request) -> web.StreamResponse:
        if not refused:
            refused.append(request.headers["Authorization"])
            return challenge(peer, error)
        return web.json_response(peer.tag_json())

    peer.answer = refuses_the_first
    await opened().tag(REPOSITORY, TAG)
    assert peer.seen == {"/oauth2/exchange": 1, "/oauth2/token": 2, "GET": 2}


async def test_a_registry_that_never_accepts_the_token_is_asked_twice(peer: Peer, opened: Open) -> None:
    async def refuses(_request: web.Request) -> web.StreamResponse:
        return challenge(peer, "invalid_token")

    peer.answer = refuses
    with pytest.raises(Unauthorized) as raised:
        await opened().tag(REPOSITORY, TAG)
    assert (raised.value.status, raised.value.code) == (401, "UNAUTHORIZED")
    assert peer.seen["GET"] == 2


async def test_insufficient_scope_names_the_role_and_is_not_tried_again(peer: Peer, opened: Open) -> None:
    async def refuses(_request: web.Request) -> web.StreamResponse:
        return challenge(peer, "insufficient_scope")

    peer.answer = refuses
    with pytest.raises(Unauthorized, match="Contributor") as raised:
        await opened().update_tag(update(peer))
    assert raised.value.status == 401
    assert raised.value.transient
    assert peer.seen == {"/oauth2/exchange": 1, "/oauth2/token": 1, "PATCH": 1}


async def test_an_exchange_refused_with_401_means_no_role_at_all(peer: Peer, opened: Open) -> None:
    async def refuses(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, text=errors("UNAUTHORIZED", "no"), content_type="application/json")

    peer.exchange = refuses
    with pytest.raises(Unauthorized, match="no role on this registry") as raised:
        await opened().tag(REPOSITORY, TAG)
    assert raised.value.operation == "oauth2 exchange"
    assert peer.seen == {"/oauth2/exchange": 1}


async def test_a_refresh_token_that_was_revoked_is_replaced_once(peer: Peer, opened: Open) -> None:
    async def refuses_the_first(request: web.Request) -> web.StreamResponse:
        if peer.seen["/oauth2/token"] == 1:
            return web.Response(status=401, text=errors("UNAUTHORIZED"), content_type="application/json")
        return web.json_response({"access_token": access_token(parse_qs(await request.text())["scope"][0])})

    peer.token = refuses_the_first
    await opened().tag(REPOSITORY, TAG)
    assert peer.seen == {"/oauth2/exchange": 2, "/oauth2/token": 2, "GET": 1}


async def test_a_throttled_exchange_is_refused_fast_until_its_time(peer: Peer, opened: Open) -> None:
    async def throttles(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "60"}, text=errors("TOOMANYREQUESTS"))

    peer.exchange = throttles
    registry = opened()
    for _ in range(3):
        with pytest.raises(Throttled) as raised:
            await registry.tag(REPOSITORY, TAG)
        assert raised.value.retry_after == pytest.approx(60, abs=30)
    assert peer.seen == {"/oauth2/exchange": 1}


@pytest.mark.parametrize(
    "token",
    ["", "opaque", "a.b", "a.%%%.c", "a.e30.c", "x\r\nX-Evil: 1", jwt(exp=1), jwt(iat=5, exp=5), jwt(iat=9, exp="x")],
)
async def test_a_token_without_a_lifetime_is_not_believed(peer: Peer, opened: Open, token: str) -> None:
    async def grants(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"access_token": token})

    peer.token = grants
    with pytest.raises(UntrustedAnswer):
        await opened().tag(REPOSITORY, TAG)
    assert peer.seen["GET"] == 0


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (ClientAuthenticationError("no account"), Unauthorized),
        (ServiceRequestError("no route"), Unavailable),
        (TimeoutError(), Unavailable),
    ],
)
async def test_a_failed_sign_in_is_told_as_such(
    peer: Peer,
    opened: Open,
    credential: Credential,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    expected: type[RegistryError],
) -> None:
    async def fails(*_scopes: str, **_options: object) -> None:
        raise failure

    monkeypatch.setattr(credential, "get_token", fails)
    with pytest.raises(expected, match="no Entra token") as raised:
        await opened().tag(REPOSITORY, TAG)
    assert raised.value.transient
    assert peer.connections == 0


async def test_a_closed_registry_opens_again_when_it_is_used_again(peer: Peer, opened: Open) -> None:
    registry = opened()
    await registry.tag(REPOSITORY, TAG)
    await registry.aclose()
    await registry.tag(REPOSITORY, TAG)
    assert peer.seen == {"/oauth2/exchange": 1, "/oauth2/token": 1, "GET": 2}


async def test_closing_ends_a_token_request_under_way(peer: Peer, opened: Open) -> None:
    arrived = asyncio.Event()

    async def hangs(_request: web.Request) -> web.StreamResponse:
        arrived.set()
        await asyncio.sleep(60)
        return web.Response()

    peer.token = hangs
    registry = opened(request_timeout_seconds=20.0)
    waiting = asyncio.create_task(registry.tag(REPOSITORY, TAG))
    await arrived.wait()
    await registry.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    peer.token = None
    assert (await registry.tag(REPOSITORY, TAG)).digest == DIGEST


async def test_a_manifest_update_uses_the_same_token_as_a_tag_update(peer: Peer, opened: Open) -> None:
    registry = opened()
    await registry.update_tag(update(peer))
    manifest = {
        "digest": OTHER_DIGEST,
        "createdTime": "2022-03-07T23:33:47Z",
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "changeableAttributes": ALL_ON,
    }

    async def answer(_request: web.Request) -> web.StreamResponse:
        whole = {"registry": peer.login_server, "imageName": REPOSITORY, "manifest": manifest}
        return web.json_response(whole)

    peer.answer = answer
    target = manifest_target(peer.login_server, REPOSITORY, OTHER_DIGEST)
    await registry.update_manifest(AttributeUpdate(target=target))
    assert peer.seen == {"/oauth2/exchange": 1, "/oauth2/token": 1, "PATCH": 2}
