"""One run of a function from value to outcome: its bindings, time limit, retry policy, and a record of what ran."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from localcloud.clock import Clock
from localcloud.functions.bindings import Function
from localcloud.functions.errors import HostError
from localcloud.functions.expressions import Filling
from localcloud.functions.inputs import read_inputs
from localcloud.functions.outputs import OutputWriter
from localcloud.functions.payload_members import payload_members
from localcloud.functions.storage import Storage
from localcloud.functions.worker import Call, Result, RetryState, Worker

_LOGGER = logging.getLogger(__name__)
REMEMBERED_RUNS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One finished run; `failure` is None when it succeeded."""

    function: str
    started: datetime
    ended: datetime
    failure: str | None


class Runner:
    """Runs functions one call at a time each, as many calls at once as are asked for."""

    def __init__(self, worker: Worker, storage: Storage, clock: Clock, timeout: timedelta | None) -> None:
        self._worker = worker
        self._storage = storage
        self._outputs = OutputWriter(storage, clock.now)
        self._clock = clock
        self._timeout_seconds = timeout.total_seconds() if timeout is not None else None
        self.runs: deque[Run] = deque(maxlen=REMEMBERED_RUNS)
        self.running = 0
        self.on_timeout: Callable[[Function], None] = _log_timeout

    async def run(self, function: Function, call: Call) -> Result:
        """Run once and write the outputs; any failure is in the result."""
        started = self._clock.now()
        self.running += 1
        try:
            result = await self._within_time(function, call)
        finally:
            self.running -= 1
        self.runs.append(Run(function=function.name, started=started, ended=self._clock.now(), failure=result.failure))
        if result.failure is not None:
            _LOGGER.error("%s failed: %s\n%s", function.name, result.failure, result.stack_trace)
        return result

    async def run_with_retries(self, function: Function, call: Call) -> Result:
        """Run, and repeat after a failure as the function's own retry policy says."""
        policy, count = function.retry, 0
        result = await self.run(function, call)
        while policy and result.failure is not None and (policy.attempts is None or count < policy.attempts):
            count += 1
            await self._clock.sleep(policy.pause(count).total_seconds())
            most = -1 if policy.attempts is None else policy.attempts
            result = await self.run(function, replace(call, retry=RetryState(count=count, most=most)))
        return result

    async def _within_time(self, function: Function, call: Call) -> Result:
        filling = Filling(now=self._clock.now(), members=payload_members(call.value))
        try:
            inputs = await read_inputs(self._storage, function, filling)
        except (HostError, OSError) as error:
            return Result(failure=f"{type(error).__name__}: {error}")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                result = await self._worker.invoke(replace(call, inputs=inputs))
        except TimeoutError:
            self.on_timeout(function)
            return Result(failure=f"TimeoutError: {function.name!r} ran longer than {self._timeout_seconds} seconds")
        return result if result.failure is not None else await self._written(function, result, filling)

    async def _written(self, function: Function, result: Result, filling: Filling) -> Result:
        try:
            await self._outputs.write(function, result, filling)
        except (HostError, OSError) as error:
            return Result(failure=f"{type(error).__name__}: {error}")
        return result


def _log_timeout(function: Function) -> None:
    _LOGGER.error("%s ran into the function timeout", function.name)
