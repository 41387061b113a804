"""Microsoft's Python worker library, in this process: indexing, annotation checks, decoding, running, encoding.

The library keeps its registry and thread pool in module globals, hence one app at a time per process.
"""

import os
import secrets
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime
from azure_functions_runtime import handle_event

from localcloud.functions import protos
from localcloud.functions.errors import HostError, IndexingFailed
from localcloud.functions.protos import InvocationResponse, RpcFunctionMetadata, StatusResult, TypedData


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryState:
    """Which repetition a run is; 0 is the first run."""

    count: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One run of one function: the trigger's value, what is known about it, and what input bindings read."""

    function_id: str
    parameter: str
    value: TypedData
    inputs: Mapping[str, TypedData] = field(default_factory=dict)
    metadata: Mapping[str, TypedData] = field(default_factory=dict)
    trace_parent: str | None = None
    retry: RetryState = RetryState()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended; `failure` is the worker's message, None on success."""

    failure: str | None
    stack_trace: str = ""
    return_value: TypedData | None = None
    outputs: Mapping[str, TypedData] = field(default_factory=dict)


class Worker:
    """The worker library around one app folder."""

    _active: "Worker | None" = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._modules_before: frozenset[str] = frozenset()

    async def start(self) -> tuple[RpcFunctionMetadata, ...]:
        """Index the app and return its functions; IndexingFailed carries the worker's own message."""
        if Worker._active is not None:
            raise HostError(f"app {str(self._folder)!r}: expected no other app in this process")
        Worker._active = self
        self._modules_before = frozenset(sys.modules)
        # The .NET host sets this for the worker; without it the library falls back to few threads.
        os.environ.setdefault("PYTHON_THREADPOOL_THREAD_COUNT", "1000")
        sys.path.insert(0, str(self._folder))
        runtime.start_threadpool_executor()
        try:
            return await self._index()
        except BaseException:
            self.stop()
            raise

    async def invoke(self, call: Call) -> Result:
        """Run one function; a failure of the app is a result, not an exception."""
        invocation = SimpleNamespace(
            invocation_id=str(uuid.uuid4()),
            function_id=call.function_id,
            input_data=[
                protos.ParameterBinding(name=name, data=data)
                for name, data in {call.parameter: call.value, **call.inputs}.items()
            ],
            trigger_metadata=dict(call.metadata),
            trace_context=SimpleNamespace(
                trace_parent=call.trace_parent or _new_trace_parent(), trace_state="", attributes={}
            ),
            retry_context=SimpleNamespace(
                retry_count=call.retry.count, max_retry_count=call.retry.most, exception=protos.RpcException()
            ),
        )
        return _result(await runtime.invocation_request(_request("invocation_request", invocation)))

    def stop(self) -> None:
        """End the thread pool and forget the app's modules, so that this process can host another app."""
        if Worker._active is not self:
            return
        runtime.stop_threadpool_executor()
        if str(self._folder) in sys.path:
            sys.path.remove(str(self._folder))
        for name in frozenset(sys.modules) - self._modules_before:
            if name == "function_app" or self._is_own(sys.modules[name]):
                del sys.modules[name]
        handle_event._functions._functions.clear()
        Worker._active = None

    def _is_own(self, module: object) -> bool:
        """Whether the module belongs to the app alone, not to a project that the app folder is the root of."""
        if Path(__file__).is_relative_to(self._folder):
            return False
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and Path(file).is_relative_to(self._folder)

    async def _index(self) -> tuple[RpcFunctionMetadata, ...]:
        start = SimpleNamespace(capabilities={}, function_app_directory=str(self._folder))
        _raise_unless_indexed(await runtime.worker_init_request(_request("worker_init_request", start)))
        listing = await runtime.functions_metadata_request(_request("functions_metadata_request", SimpleNamespace()))
        found = listing.function_metadata_results
        if not found:
            raise IndexingFailed(f"no function in {str(self._folder / 'function_app.py')!r}: expected at least one", "")
        for each in found:
            load = SimpleNamespace(function_id=each.function_id)
            await runtime.function_load_request(_request("function_load_request", load))
        return tuple(found)


def _request(kind: str, content: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(
        request=SimpleNamespace(**{kind: content}), properties={"protos": protos, "host": "127.0.0.1"}
    )


def _raise_unless_indexed(response: Any) -> None:
    result: StatusResult = response.result
    if result.status == StatusResult.Failure:
        exception = result.exception or protos.RpcException(message="the worker gave no reason")
        raise IndexingFailed(exception.message, exception.stack_trace)


def _result(response: InvocationResponse) -> Result:
    if response.result.status == StatusResult.Failure:
        exception = response.result.exception or protos.RpcException(message="the worker gave no reason")
        return Result(failure=exception.message, stack_trace=exception.stack_trace)
    outputs = {each.name: each.data for each in response.output_data if each.data is not None}
    return Result(failure=None, return_value=response.return_value, outputs=outputs)


def _new_trace_parent() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
