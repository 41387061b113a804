"""The governor keeps a share of the limits, lets events pass before audits, and learns from the answers."""

import asyncio

import pytest

from taglock.adapters.acr_call import AcrOptions, Call, Category, Priority
from taglock.adapters.acr_governor import Governor
from taglock.adapters.http_answer import Answer
from taglock.errors import Throttled


class SetClock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def a_call(priority: Priority = Priority.EVENT, category: Category = Category.WRITE) -> Call:
    return Call(method="PATCH", path="/", operation="update tag", target="x", category=category, priority=priority)


AUDIT = a_call(Priority.BACKGROUND)
EVENT = a_call()


def governor(clock: SetClock, *, connections: int = 64, longest_wait: float = 0.5) -> Governor:
    options = AcrOptions(
        audience="x",
        share=0.5,
        writes_per_minute=120,
        connections=connections,
        request_timeout_seconds=longest_wait,
        monotonic=clock,
    )
    return Governor(options)


async def admit(rules: Governor, call: Call, count: int = 1) -> int:
    """Admit calls until one is refused; return how many went."""
    for number in range(count):
        try:
            async with rules.admitted(call):
                pass
        except Throttled:
            return number
    return count


async def test_events_may_use_the_configured_share_and_no_more() -> None:
    clock = SetClock()
    rules = governor(clock)
    assert await admit(rules, EVENT, 100) == 60
    clock.seconds += 30
    assert await admit(rules, EVENT, 100) == 30


async def test_audits_leave_a_quarter_to_events() -> None:
    rules = governor(SetClock())
    assert await admit(rules, AUDIT, 100) == 45
    assert await admit(rules, EVENT, 100) == 15


async def test_a_refusal_tells_when_to_come_back() -> None:
    rules = governor(SetClock())
    await admit(rules, EVENT, 60)
    with pytest.raises(Throttled, match="configured share") as raised:
        async with rules.admitted(EVENT):
            pass
    assert raised.value.retry_after == pytest.approx(1)


async def test_a_short_shortage_is_waited_out() -> None:
    rules = Governor(AcrOptions(audience="x", share=1, writes_per_minute=600, request_timeout_seconds=5))
    assert await admit(rules, EVENT, 602) == 602


async def test_categories_have_their_own_limits() -> None:
    rules = governor(SetClock())
    await admit(rules, EVENT, 60)
    assert await admit(rules, a_call(category=Category.READ), 100) == 100


async def test_audits_hold_at_most_half_of_the_connections() -> None:
    rules = governor(SetClock(), connections=4)
    release, inside = asyncio.Event(), 0

    async def occupy() -> None:
        nonlocal inside
        async with rules.admitted(AUDIT):
            inside += 1
            await release.wait()

    audits = [asyncio.create_task(occupy()) for _ in range(6)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert inside == 2
    assert await admit(rules, EVENT, 3) == 3
    release.set()
    await asyncio.gather(*audits)
    assert inside == 6


async def test_a_held_registry_refuses_at_once_although_every_connection_is_busy() -> None:
    rules = governor(SetClock(), connections=1)
    async with rules.admitted(EVENT):
        rules.observe(EVENT, Answer(status=429, headers={"Retry-After": "60"}, body=b""))
        assert await asyncio.wait_for(admit(rules, EVENT), 5) == 0


async def test_a_hold_that_begins_while_a_call_waits_for_a_connection_refuses_it() -> None:
    rules = governor(SetClock(), connections=1, longest_wait=100)
    async with rules.admitted(EVENT):
        waiting = asyncio.create_task(admit(rules, EVENT))
        await asyncio.sleep(0)
        rules.observe(EVENT, Answer(status=429, headers={"Retry-After": "60"}, body=b""))
    assert await asyncio.wait_for(waiting, 5) == 0


async def test_a_cancelled_wait_gives_its_connection_back() -> None:
    rules = governor(SetClock(), connections=1)
    async with rules.admitted(EVENT):
        waiting = asyncio.create_task(admit(rules, EVENT))
        await asyncio.sleep(0)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await admit(rules, EVENT) == 1


def remaining(value: str, status: int = 200) -> Answer:
    return Answer(status=status, headers={"x-ms-ratelimit-remaining-calls-per-second": value}, body=b"")


async def test_few_remaining_calls_pause_audits_for_a_second_but_not_events() -> None:
    clock = SetClock()
    rules = governor(clock)
    rules.observe(EVENT, remaining("33.3"))
    assert await admit(rules, AUDIT) == 1
    rules.observe(EVENT, remaining("8.0"))
    assert await admit(rules, AUDIT) == 0
    assert await admit(rules, EVENT) == 1
    clock.seconds += 1
    assert await admit(rules, AUDIT) == 1


async def test_no_remaining_call_pauses_events_as_well() -> None:
    clock = SetClock()
    rules = governor(clock)
    rules.observe(EVENT, remaining("0.5"))
    assert await admit(rules, EVENT) == 0
    clock.seconds += 1
    assert await admit(rules, EVENT) == 1


@pytest.mark.parametrize("value", ["", "many", "nan", "-1", "inf"])
async def test_an_unusable_remainder_is_ignored(value: str) -> None:
    rules = governor(SetClock())
    rules.observe(EVENT, remaining(value))
    assert await admit(rules, AUDIT) == 1


async def test_a_429_without_a_time_holds_for_a_few_seconds() -> None:
    clock = SetClock()
    rules = governor(clock)
    rules.observe(EVENT, Answer(status=429, headers={}, body=b""))
    with pytest.raises(Throttled) as raised:
        async with rules.admitted(EVENT):
            pass
    assert raised.value.retry_after == 5
    clock.seconds += 5
    assert await admit(rules, EVENT) == 1


async def test_a_later_and_shorter_429_does_not_shorten_the_hold() -> None:
    clock = SetClock()
    rules = governor(clock)
    for seconds in ("60", "3"):
        rules.observe(EVENT, Answer(status=429, headers={"Retry-After": seconds}, body=b""))
    clock.seconds += 10
    assert await admit(rules, EVENT) == 0
