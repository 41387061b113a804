"""One clock for everything local: it runs at a chosen pace and can be advanced, so a day of retries takes a second."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class _Sleeper:
    until: datetime
    changed: asyncio.Event


class Clock:
    """The time of the local cloud, in UTC.

    `pace` is local seconds per real second; 0 stands still and moves only by `advance`.
    """

    def __init__(self, *, pace: float = 1.0, start: datetime | None = None) -> None:
        self._pace = _checked_pace(pace)
        self._base = start or datetime.now(UTC)
        self._mark = time.monotonic()
        self._sleepers: list[_Sleeper] = []

    @property
    def pace(self) -> float:
        """Local seconds that pass in one real second."""
        return self._pace

    def now(self) -> datetime:
        """Return the local time, aware, in UTC."""
        return self._base + timedelta(seconds=(time.monotonic() - self._mark) * self._pace)

    @property
    def wakes(self) -> tuple[datetime, ...]:
        """The moments that somebody sleeps until, the earliest first."""
        return tuple(sorted(sleeper.until for sleeper in self._sleepers))

    def next_wake(self) -> datetime | None:
        """Return the earliest moment that somebody sleeps until; None when nobody does."""
        return min(self.wakes, default=None)

    def advance(self, by: timedelta) -> None:
        """Move the time forward and wake whoever is due; ValueError for a negative step."""
        if by < timedelta():
            raise ValueError(f"step {by!r}: expected a step forward, the local time never goes back")
        self._rebase(self.now() + by)

    def set_pace(self, pace: float) -> None:
        """Let the time run at another pace from now on; ValueError when it is negative."""
        checked = _checked_pace(pace)
        self._rebase(self.now())
        self._pace = checked

    async def sleep_until(self, moment: datetime) -> None:
        """Return when the local time has reached the moment, however it got there."""
        sleeper = _Sleeper(moment, asyncio.Event())
        self._sleepers.append(sleeper)
        try:
            while (left := (moment - self.now()).total_seconds()) > 0:
                await self._wait(sleeper.changed, left)
        finally:
            self._sleepers.remove(sleeper)

    async def sleep(self, seconds: float) -> None:
        """Return after so many local seconds."""
        await self.sleep_until(self.now() + timedelta(seconds=seconds))

    async def _wait(self, changed: asyncio.Event, left_seconds: float) -> None:
        changed.clear()
        # Capped, because the event loop refuses a wait of many years; the loop above simply waits again.
        real_seconds = min(left_seconds / self._pace, 86_400.0) if self._pace else None
        try:
            await asyncio.wait_for(changed.wait(), real_seconds)
        except TimeoutError:
            return

    def _rebase(self, moment: datetime) -> None:
        self._base, self._mark = moment, time.monotonic()
        for sleeper in self._sleepers:
            sleeper.changed.set()


def _checked_pace(pace: float) -> float:
    if not 0 <= pace <= 1e6:
        raise ValueError(f"pace {pace!r}: expected local seconds per real second from 0 to 1,000,000")
    return pace
