"""The limit of reads, requests seen, and faults."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest

from localcloud.arm.breakage import check_fitting
from localcloud.faults import (
    Action,
    Answer,
    Challenged,
    Delay,
    Fault,
    ForeignLink,
    HugeBody,
    InvalidFault,
    OtherContentType,
    OtherDigest,
    OtherRepository,
    PartialListing,
    Redirected,
    Reset,
    Silence,
    Throttled,
    Truncated,
)
from localcloud.registry.principal import Principal
from tests.localcloud.arm.asking import APP, MANAGEMENT, SITE, SUBSCRIPTION, Asker, asking

SITES = f"{SUBSCRIPTION}/providers/Microsoft.Web/sites"
LEFT = "x-ms-ratelimit-remaining-subscription-reads"


def limited(it: Asker, reads: int) -> None:
    it.cloud.clock.set_pace(0)
    it.arm.options.change({"throttling": "on", "reads_bucket": reads, "reads_per_second": 0.25})


async def test_answers_count_down_and_the_read_too_many_says_when_to_return() -> None:
    async with asking() as it:
        limited(it, 2)
        answers = [await it.ask(APP) for _ in range(3)]
        assert [answer.headers[LEFT] for answer in answers] == ["1", "0", "0"]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert (answers[2].code, answers[2].headers["Retry-After"]) == ("SubscriptionRequestsThrottled", "4")
        it.cloud.clock.advance(timedelta(seconds=4))
        assert [(await it.ask(APP)).status for _ in range(2)] == [200, 429]


async def test_limit_holds_per_subscription_and_caller() -> None:
    async with asking() as it:
        limited(it, 1)
        client = it.cloud.identity.add(Principal(name="other"))
        token = it.cloud.identity.token(MANAGEMENT, client)
        assert [(await it.ask(APP)).status for _ in range(2)] == [200, 429]
        assert (await it.get(f"{APP}?api-version=2025-07-01", Authorization=f"Bearer {token}")).status == 200
        assert (await it.ask("/subscriptions/11111111-2222-3333-4444-555555555555")).status == 404


async def test_without_the_limit_nothing_is_refused() -> None:
    async with asking() as it:
        it.arm.options.change({"reads_bucket": 1, "reads_per_second": 0})
        assert {(await it.ask(APP)).status for _ in range(5)} == {200}


async def test_requests_are_counted_by_kind_and_remembered_with_what_they_needed() -> None:
    async with asking() as it:
        await it.ask(SITES)
        await it.ask(APP.upper())
        await it.ask(f"{SITE}/config/web")
        await it.ask(SUBSCRIPTION)
        await it.get("/anything")
    assert it.arm.traffic.counts() == {
        "GET Microsoft.Web/sites list": 1,
        "GET Microsoft.App/containerApps": 1,
        "GET Microsoft.Web/sites/config": 1,
        "GET subscription": 1,
        "GET unknown": 1,
    }
    seen = it.arm.traffic.remembered
    assert [each.status for each in seen] == [200, 200, 200, 200, 400]
    assert seen[0].required == "Microsoft.Web/sites/read"
    assert [each.authorized for each in seen] == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("action", "status", "text"),
    [
        (Answer(status=503, headers={"Retry-After": "7"}), 503, "told to answer 503"),
        (Answer(status=500, body="<html>"), 500, "<html>"),
        (Throttled(retry_after_seconds=3), 429, "SubscriptionRequestsThrottled"),
        (Throttled(), 429, "after '0' seconds"),
        (Challenged(realm="https://evil.example"), 401, "AuthenticationFailed"),
        (Redirected(location="https://evil.example/"), 307, ""),
        (HugeBody(megabytes=1), 200, "padding"),
        (Delay(seconds=0.0), 200, "portal"),
        (OtherContentType(content_type="text/html"), 200, "portal"),
        (PartialListing(keep=1), 200, "orders"),
        (ForeignLink(target="https://evil.example/x"), 200, '"nextLink": "https://evil.example/x"'),
    ],
)
async def test_fault_is_committed_once_and_only_where_it_belongs(action: Action, status: int, text: str) -> None:
    async with asking() as it:
        it.arm.faults.add(Fault(action=action, method="GET", kind="Microsoft.Web/sites list"))
        assert (await it.ask(APP)).status == 200
        token = it.cloud.identity.token(MANAGEMENT)
        async with it.http.get(
            f"{it.arm.endpoint}{SITES}?api-version=2024-04-01",
            headers={"Authorization": f"Bearer {token}"},
            allow_redirects=False,
        ) as answer:
            assert (answer.status, text in await answer.text()) == (status, True)
        if isinstance(action, Answer):
            assert dict(action.headers).items() <= dict(answer.headers).items()
        elif isinstance(action, Throttled):
            assert answer.headers.get("Retry-After") == ("3" if action.retry_after_seconds else None)
        elif isinstance(action, Challenged):
            assert "https://evil.example" in answer.headers["WWW-Authenticate"]
        elif isinstance(action, OtherContentType):
            assert answer.headers["Content-Type"] == "text/html"
        healthy = await it.ask(SITES)
        assert (healthy.status, healthy.names) == (200, ["orders", "portal"])


async def test_partial_listing_leaves_out_the_rest_and_its_link() -> None:
    async with asking() as it:
        it.arm.options.change({"page_size": 1})
        it.arm.faults.add(Fault(action=PartialListing(keep=0)))
        assert (await it.ask(SITES)).body == {"value": []}


@pytest.mark.parametrize("action", [Reset(), Reset(when="after"), Truncated(part=0.5)])
async def test_broken_connection_is_seen_by_the_caller(action: Action) -> None:
    async with asking() as it:
        # aiohttp repeats a GET on a connection that was closed under it, so the fault has to outlast that.
        it.arm.faults.add(Fault(action=action, times=2))
        with pytest.raises(aiohttp.ClientError):
            await it.ask(APP)


async def test_silence_lasts_until_the_caller_gives_up() -> None:
    async with asking() as it:
        it.arm.faults.add(Fault(action=Silence()))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(it.ask(APP), 0.1)
        assert (await it.ask(APP)).status == 200
    assert [each.status for each in it.arm.traffic.remembered] == [0, 200]


@pytest.mark.parametrize("action", [OtherRepository(repository="x"), OtherDigest(digest="x")])
def test_faults_of_a_registry_alone_do_not_fit(action: Action) -> None:
    with pytest.raises(InvalidFault, match="registry"):
        check_fitting(Fault(action=action))
