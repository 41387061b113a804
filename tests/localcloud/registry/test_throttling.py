"""Limits: buckets per category, for the registry and for each identity, with a wait that counts down."""

import pytest

from localcloud.registry.options import RegistryOptions
from localcloud.registry.refusals import Refusal
from localcloud.registry.server import Registry
from localcloud.registry.throttle import Category, Throttle
from tests.localcloud.registry.caller import Caller, Clock


@pytest.fixture
def options() -> RegistryOptions:
    return RegistryOptions(throttling="basic")


@pytest.fixture
def throttle(clock: Clock, options: RegistryOptions) -> Throttle:
    return Throttle(now=clock, options=options)


def until_refused(throttle: Throttle, category: Category, identity: str | None) -> int:
    """Return how many requests pass at one moment."""
    passed = 0
    while True:
        try:
            throttle.count(category, identity)
        except Refusal as refusal:
            assert refusal.code == "TOOMANYREQUESTS"
            return passed
        passed += 1


def wait_of(throttle: Throttle, category: Category, identity: str | None) -> str:
    with pytest.raises(Refusal) as caught:
        throttle.count(category, identity)
    return caught.value.headers["Retry-After"]


@pytest.mark.parametrize(
    ("tier", "category", "registry", "identity"),
    [
        ("basic", Category.READ, 10_000, 5_000),
        ("standard", Category.WRITE, 2_000, 1_000),
        ("basic", Category.DELETE, 1_000, 500),
        ("basic", Category.REFERRERS, 500, 250),
        ("premium", Category.WRITE, 4_000, 2_000),
        ("premium", Category.DELETE, 4_000, 2_000),
        ("premium", Category.REFERRERS, 2_000, 1_000),
    ],
)
def test_documented_limits_hold(
    throttle: Throttle, options: RegistryOptions, tier: str, category: Category, registry: int, identity: int
) -> None:
    options.change({"throttling": tier})
    assert until_refused(throttle, category, "one") == identity
    assert until_refused(throttle, category, None) == registry - identity


def test_token_requests_are_limited_for_the_registry_only(throttle: Throttle) -> None:
    assert until_refused(throttle, Category.OAUTH, None) == 10_000


def test_wait_counts_down_and_asking_does_not_extend_it(throttle: Throttle, clock: Clock) -> None:
    until_refused(throttle, Category.WRITE, "one")
    assert wait_of(throttle, Category.WRITE, "one") == "60"
    clock.advance(10)
    assert wait_of(throttle, Category.WRITE, "one") == "50"
    clock.advance(49.5)
    assert wait_of(throttle, Category.WRITE, "one") == "1"
    clock.advance(0.5)
    assert until_refused(throttle, Category.WRITE, "one") == 1_000


def test_tokens_come_back_while_the_bucket_is_not_empty(throttle: Throttle, clock: Clock) -> None:
    for _ in range(600):
        throttle.count(Category.WRITE, "one")
    clock.advance(30)
    assert until_refused(throttle, Category.WRITE, "one") == 900


def test_one_identity_over_its_limit_leaves_the_others_alone(throttle: Throttle) -> None:
    until_refused(throttle, Category.WRITE, "one")
    throttle.count(Category.WRITE, "two")
    throttle.count(Category.READ, "one")


def test_remaining_calls_are_those_of_the_tighter_bucket(throttle: Throttle) -> None:
    assert throttle.count(Category.DELETE, "one") == pytest.approx(499 / 60)
    assert throttle.count(Category.OAUTH, None) == pytest.approx(9_999 / 60)


async def test_throttled_request_changes_nothing_and_says_when_to_return(caller: Caller, registry: Registry) -> None:
    registry.store.seed({"repositories": [{"name": "app", "images": [{"number": 1, "tags": ["v1"]}]}]})
    registry.options.change({"throttling": "basic", "throttle_scale": 0.002})  # two writes per identity
    bodies = [{"deleteEnabled": False}, {"writeEnabled": False}, {"readEnabled": False}]
    answers = [await caller.ask("PATCH", "/acr/v1/app/_tags/v1", body) for body in bodies]
    assert [each.status for each in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "60"
    assert registry.store.tag("app", "v1").flags.read
    registry.options.change({"retry_after": "absent"})
    assert "Retry-After" not in (await caller.ask("PATCH", "/acr/v1/app/_tags/v1", {})).headers


async def test_token_service_is_throttled(caller: Caller, registry: Registry) -> None:
    registry.options.change({"throttling": "basic", "throttle_scale": 0.0002})  # two requests
    text = f"grant_type=access_token&service={caller.service}&access_token=owner"
    assert [(await caller.form("/oauth2/exchange", text)).status for _ in range(3)] == [200, 200, 429]


async def test_nothing_is_throttled_by_default(caller: Caller, registry: Registry) -> None:
    registry.options.change({"throttle_scale": 0.0001})
    assert [(await caller.ask("GET", "/v2/")).status for _ in range(5)] == [200] * 5
