"""Keep within a share of the registry's limits, obey what it says about them, and let events pass before audits.

One governor serves one registry in one process. Instances share the identity's limits without talking to each other:
they meet only in the registry's answers (429 with Retry-After, and the calls that remain in this second).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

from taglock.adapters.acr_answer import remaining_per_second
from taglock.adapters.acr_call import AcrOptions, Call, Category, Priority
from taglock.adapters.http_answer import Answer, retry_after_seconds
from taglock.adapters.http_policies import LONGEST_HOLD_TO_WAIT_SECONDS
from taglock.errors import Throttled

HOLD_WITHOUT_RETRY_AFTER_SECONDS = 5.0
FULL_SECOND = 1.0
RESERVE = 0.25
"""The part of each limit, and of what the registry says remains, that audits leave to events."""


@dataclass(slots=True)
class _Lane:
    """One category's token bucket and holds; times on the governor's clock."""

    capacity: float
    level: float
    filled_at: float
    held_until: float = 0.0
    audits_held_until: float = 0.0
    most_remaining: float = 0.0

    def wait(self, now: float, priority: Priority) -> float:
        """Return the seconds until one more call may go; 0 means now."""
        rate = self.capacity / 60
        self.level = min(self.capacity, self.level + (now - self.filled_at) * rate)
        self.filled_at = now
        audit = priority is Priority.BACKGROUND
        floor = min(self.capacity, 1 + (self.capacity * RESERVE if audit else 0))
        return max(0.0, self.hold(now), (self.audits_held_until - now) if audit else 0, (floor - self.level) / rate)

    def hold(self, now: float) -> float:
        """Return the seconds for which the registry asked everyone to wait."""
        return max(0.0, self.held_until - now)


class Governor:
    """Admit calls to one registry."""

    def __init__(self, options: AcrOptions) -> None:
        self._now = options.monotonic
        self._longest_wait = options.request_timeout_seconds
        self._slots = asyncio.Semaphore(options.connections)
        self._background_slots = asyncio.Semaphore(max(1, options.connections // 2))
        capacities = {kind: max(1.0, options.share * options.per_minute(kind)) for kind in Category}
        self._lanes = {kind: _Lane(size, size, self._now()) for kind, size in capacities.items()}

    @asynccontextmanager
    async def admitted(self, call: Call) -> AsyncIterator[None]:
        """Hold a connection's slot once the call may go; raise Throttled when that would take too long."""
        lane = self._lanes[call.category]
        self._refuse_long_hold(lane, call)
        background = self._background_slots if call.priority is Priority.BACKGROUND else nullcontext()
        async with background, self._slots:
            await self._turn(lane, call)
            yield

    def observe(self, call: Call, answer: Answer) -> None:
        """Learn from an answer: a 429 holds its category, few remaining calls slow it down for a second."""
        lane, now = self._lanes[call.category], self._now()
        if answer.status == 429:
            seconds = retry_after_seconds(answer)
            held = HOLD_WITHOUT_RETRY_AFTER_SECONDS if seconds is None else seconds
            lane.held_until = max(lane.held_until, now + held)
        remaining = remaining_per_second(answer)
        if remaining != float("inf"):
            self._slow_down(lane, remaining, now)

    def _slow_down(self, lane: _Lane, remaining: float, now: float) -> None:
        lane.most_remaining = max(lane.most_remaining, remaining)
        if remaining < 1:
            lane.held_until = max(lane.held_until, now + FULL_SECOND)
        if remaining < lane.most_remaining * RESERVE:
            lane.audits_held_until = now + FULL_SECOND

    async def _turn(self, lane: _Lane, call: Call) -> None:
        waited = 0.0
        while (wait := lane.wait(self._now(), call.priority)) > 0:
            self._refuse_long_hold(lane, call)
            if waited + wait > self._longest_wait:
                raise _held_back(call, "the configured share of the registry's limit is used up", wait)
            await asyncio.sleep(wait)
            waited += wait
        lane.level -= 1

    def _refuse_long_hold(self, lane: _Lane, call: Call) -> None:
        hold = lane.hold(self._now())
        if hold > LONGEST_HOLD_TO_WAIT_SECONDS:
            raise _held_back(call, "the registry asked to wait", hold)


def _held_back(call: Call, why: str, seconds: float) -> Throttled:
    reason = f"{why}, expected to be free again in {seconds:.1f} seconds"
    return Throttled(reason, operation=call.operation, target=call.target, retry_after=seconds)
