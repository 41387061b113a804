"""Timers: due on the host's clock, one run at a time each, late ones told so, an exception never ends the schedule."""

import asyncio
from datetime import UTC, datetime

from localcloud.clock import Clock
from localcloud.functions.bindings import Function, TimerTrigger
from localcloud.functions.calls import timer_call, timer_value
from localcloud.functions.draining import drained
from localcloud.functions.runner import Runner
from localcloud.functions.storage import Storage


class TimerListener:
    """Runs one timer function whenever it is due."""

    def __init__(self, function: Function, trigger: TimerTrigger, runner: Runner, clock: Clock) -> None:
        self._function = function
        self._trigger = trigger
        self._runner = runner
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def listen(self, storage: Storage) -> None:
        """Run for ever; ends only by being cancelled."""
        memory = await _Memory.of(self._function, self._trigger, storage)
        missed = memory.was_missed(self._clock.now())
        if missed or self._trigger.run_on_startup:
            await self._run_on_schedule(memory, past_due=missed)
        while True:
            due = self._trigger.schedule.after(self._clock.now())
            await memory.note(following=due, now=self._clock.now())
            await self._clock.sleep_until(due)
            # More than one occurrence passed: the host slept through some, which one late run stands for.
            late = self._trigger.schedule.after(due) <= self._clock.now()
            await self._run_on_schedule(memory, past_due=late)

    async def run_now(self) -> None:
        """Run once because a person asks for it, after the run that is under way."""
        await self._run(timer_value(past_due=False, status=None, trigger=self._trigger))

    async def _run_on_schedule(self, memory: "_Memory", *, past_due: bool) -> None:
        await memory.note_run(self._clock.now())
        await self._run(timer_value(past_due=past_due, status=memory.status(), trigger=self._trigger))

    async def _run(self, value: str) -> None:
        async with self._one_at_a_time:
            call = timer_call(self._function, self._trigger, value)
            run = asyncio.create_task(self._runner.run_with_retries(self._function, call))
            try:
                await asyncio.shield(run)
            except asyncio.CancelledError:
                await drained({run})
                raise


class _Memory:
    """What a timer remembers over restarts; nothing when its schedule is too quick for that or it does not want it."""

    def __init__(self, name: str, storage: Storage | None, status: dict[str, str]) -> None:
        self._name = name
        self._storage = storage
        self._status = status

    @classmethod
    async def of(cls, function: Function, trigger: TimerTrigger, storage: Storage) -> "_Memory":
        name = f"timer-{function.name}"
        if not (trigger.use_monitor and trigger.schedule.is_monitored):
            return cls(name, None, {})
        return cls(name, storage, await storage.read_state(name) or {})

    def was_missed(self, now: datetime) -> bool:
        following = self._status.get("Next")
        return following is not None and datetime.fromisoformat(following) < now

    async def note(self, *, following: datetime, now: datetime) -> None:
        await self._write({"Last": _NEVER, **self._status, "Next": _text(following), "LastUpdated": _text(now)})

    async def note_run(self, now: datetime) -> None:
        await self._write({**self._status, "Last": _text(now), "LastUpdated": _text(now)})

    def status(self) -> dict[str, str] | None:
        return self._status if self._storage is not None else None

    async def _write(self, status: dict[str, str]) -> None:
        self._status = status
        if self._storage is not None:
            await self._storage.write_state(self._name, status)


_NEVER = "0001-01-01T00:00:00+00:00"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
