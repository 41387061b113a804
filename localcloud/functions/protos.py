"""The message classes that the worker library is handed in place of protobuf ones; None means "not set".

Names and spelling are those of the Functions RPC contract:
https://github.com/Azure/azure-functions-language-worker-protobuf/blob/dev/src/proto/FunctionRpc.proto
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, ClassVar

_Bytes = bytes
_Int = int

_DATA_KINDS = (
    "string",
    "json",
    "bytes",
    "http",
    "int",
    "double",
    "collection_bytes",
    "collection_string",
    "collection_sint64",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingInfo:
    """One binding as the worker indexed it."""

    undefined: ClassVar[int] = 0
    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2

    type: str | None = None
    data_type: Any = None
    direction: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcException:
    """An exception of the app or of the worker."""

    message: str = ""
    stack_trace: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusResult:
    """How a request to the worker ended."""

    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1

    status: int
    exception: RpcException | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMetadata:
    """Which worker answers."""

    runtime_name: str
    runtime_version: str
    worker_version: str
    worker_bitness: str
    custom_properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInitResponse:
    """The worker's answer to being started; a failed indexing is in `result`."""

    result: StatusResult
    capabilities: Mapping[str, str] = field(default_factory=dict)
    worker_metadata: WorkerMetadata | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcRetryOptions:
    """A function's own retry policy."""

    max_retry_count: int
    retry_strategy: str
    delay_interval: timedelta | None = None
    minimum_interval: timedelta | None = None
    maximum_interval: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcFunctionMetadata:
    """One function as the worker indexed it."""

    name: str
    function_id: str
    directory: str
    script_file: str
    entry_point: str
    raw_bindings: Sequence[str]
    bindings: Mapping[str, BindingInfo]
    retry_options: RpcRetryOptions | None = None
    managed_dependency_enabled: bool = False
    is_proxy: bool = False
    language: str = "python"
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionMetadataResponse:
    """Every function of the app; None without a function_app.py."""

    function_metadata_results: Sequence[RpcFunctionMetadata] | None
    result: StatusResult
    use_default_metadata_indexing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionLoadResponse:
    """The answer to loading one function."""

    function_id: str
    result: StatusResult


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedData:
    """One value in exactly one of its kinds."""

    string: str | None = None
    json: str | None = None
    bytes: _Bytes | None = None
    http: "RpcHttp | None" = None
    int: _Int | None = None
    double: float | None = None
    collection_bytes: Any = None
    collection_string: Any = None
    collection_sint64: Any = None

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - protobuf's spelling
        """Return the kind that is set."""
        return next((kind for kind in _DATA_KINDS if getattr(self, kind) is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcHttp:
    """An HTTP request or answer."""

    method: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: TypedData | None = None
    status_code: str = ""
    cookies: "Sequence[RpcHttpCookie] | None" = None
    enable_content_negotiation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NullableString:
    """A string that is set."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NullableBool:
    """A truth value that is set."""

    value: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NullableDouble:
    """A number that is set."""

    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """Seconds since 1970."""

    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NullableTimestamp:
    """A moment that is set."""

    value: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcHttpCookie:
    """One cookie of an answer."""

    SameSite: ClassVar[Any] = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})

    name: str
    value: str
    domain: NullableString | None = None
    path: NullableString | None = None
    expires: NullableTimestamp | None = None
    secure: NullableBool | None = None
    http_only: NullableBool | None = None
    same_site: int = 0
    max_age: NullableDouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterBinding:
    """One input or output by the name of its parameter."""

    name: str
    data: TypedData | None = None

    def WhichOneof(self, group: str) -> str:  # noqa: N802 - protobuf's spelling
        """Return the kind of transfer, which is always by value here."""
        return "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationResponse:
    """What one invocation came to."""

    invocation_id: str
    result: StatusResult
    return_value: TypedData | None = None
    output_data: Sequence[ParameterBinding] = ()
