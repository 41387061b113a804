"""Rules that break a service on purpose: which requests, how often, and in what way."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints


class InvalidFault(ValueError):
    """A fault's description is wrong; the text names the field, its value and what is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer with this status, body and headers; nothing is changed. An empty body becomes a fitting error."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """Answer 429 as the registry does; without seconds there is no Retry-After."""

    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenged:
    """Answer 401 with the registry's own challenge; each part may be replaced by a foreign one."""

    error: Literal["", "invalid_token", "insufficient_scope"] = ""
    realm: str | None = None
    service: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Wait before the request is handled as usual."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Reset the connection: before anything is handled, or after the change was applied."""

    when: Literal["before", "after"] = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Never answer; `when` says whether the change is applied first."""

    when: Literal["before", "after"] = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated:
    """Announce the whole body, send this part of it, and close the connection."""

    part: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialListing:
    """Keep only the first entries of a listing and leave out its Link, as if that were all."""

    keep: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignLink:
    """Put this target into the Link header of an answer."""

    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected:
    """Answer with a redirect to another place; nothing is changed."""

    location: str
    status: int = 307


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRepository:
    """Answer as usual, but speak of another repository (`imageName` or `name`)."""

    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherDigest:
    """Answer as usual, but with another digest in headers and body than the one asked for."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherContentType:
    """Answer as usual, but with another Content-Type."""

    content_type: str = "text/html"


@dataclass(frozen=True, slots=True, kw_only=True)
class HugeBody:
    """Answer 200 with a JSON body of this size that parses."""

    megabytes: int = 50


type Action = (
    Answer
    | Throttled
    | Challenged
    | Delay
    | Reset
    | Silence
    | Truncated
    | PartialListing
    | ForeignLink
    | Redirected
    | OtherRepository
    | OtherDigest
    | OtherContentType
    | HugeBody
)

ACTIONS: Mapping[str, type[Action]] = {
    "status": Answer,
    "throttled": Throttled,
    "challenge": Challenged,
    "delay": Delay,
    "reset": Reset,
    "silence": Silence,
    "truncated": Truncated,
    "partial_listing": PartialListing,
    "link": ForeignLink,
    "redirect": Redirected,
    "other_repository": OtherRepository,
    "other_digest": OtherDigest,
    "content_type": OtherContentType,
    "huge_body": HugeBody,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Break the next `times` requests that match, after letting `skip` of them pass; None means without end.

    `method` and `kind` are those of the traffic record ("PATCH" and "manifest"; "GET" and "manifest attributes");
    empty matches all. `match` is a part of the path, decoded.
    """

    action: Action
    method: str = ""
    kind: str = ""
    match: str = ""
    times: int | None = 1
    skip: int = 0

    def matches(self, method: str, kind: str, path: str) -> bool:
        """Return whether a request is one this fault is about."""
        return self.method in ("", method) and self.kind in ("", kind) and self.match in path

    def as_json(self) -> dict[str, object]:
        """Return the fault as `from_json` reads it."""
        name = next(each for each, kind in ACTIONS.items() if kind is type(self.action))
        return {**asdict(self), "action": {"type": name, **asdict(self.action)}}

    @classmethod
    def from_json(cls, document: object, *, kinds: Collection[str] = ()) -> "Fault":
        """Parse a fault from a JSON object or raise InvalidFault naming the field; no kinds given means any."""
        values = _object(document, "fault")
        action = _object(values.get("action"), "fault.action")
        name = action.get("type")
        if not isinstance(name, str) or name not in ACTIONS:
            raise InvalidFault(f"fault.action.type is {name!r}, expected one of {', '.join(ACTIONS)}")
        parsed = _build(ACTIONS[name], {k: v for k, v in action.items() if k != "type"}, "fault.action")
        rest = _checked(cls, {k: v for k, v in values.items() if k != "action"}, "fault")
        if kinds and rest.get("kind", "") not in ("", *kinds):
            raise InvalidFault(f"fault.kind is {rest['kind']!r}, expected one of {', '.join(sorted(kinds))}")
        return cls(action=parsed, **rest)  # type: ignore[arg-type]  # checked field by field above


class Faults:
    """The faults a service has still to commit, in the order they were given; the first that matches is taken."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def add(self, *faults: Fault) -> None:
        """Add faults behind those already there."""
        self._rules.extend(_Rule(fault=fault, skip=fault.skip, times=fault.times) for fault in faults)

    def clear(self) -> None:
        """Break nothing any more."""
        self._rules.clear()

    @property
    def pending(self) -> tuple[Fault, ...]:
        """The faults that are not used up."""
        return tuple(rule.fault for rule in self._rules)

    def take(self, method: str, kind: str, path: str) -> Action | None:
        """Use up one turn of the first fault that matches and return its action, or None."""
        for rule in self._rules:
            if rule.fault.matches(method, kind, path) and rule.due():
                if rule.times == 0:
                    self._rules.remove(rule)
                return rule.fault.action
        return None


@dataclass(slots=True, kw_only=True)
class _Rule:
    fault: Fault
    skip: int
    times: int | None

    def due(self) -> bool:
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


def _object(value: object, path: str) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    raise InvalidFault(f"{path} is {value!r}, expected an object")


def _build(kind: Callable[..., Action], values: Mapping[str, object], path: str) -> Action:
    return kind(**_checked(kind, values, path))


def _checked(kind: object, values: Mapping[str, object], path: str) -> dict[str, object]:
    known = {each.name: each for each in fields(kind) if each.name != "action"}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    for name, value in values.items():
        if name not in known:
            raise InvalidFault(f"{path}.{name} is {value!r}, expected no field but {', '.join(known)}")
        if not _fits(value, hints[name]):
            raise InvalidFault(f"{path}.{name} is {value!r}, expected {_spelled(hints[name])}")
    for name, each in known.items():
        required = each.default is MISSING and each.default_factory is MISSING
        if required and name not in values:
            raise InvalidFault(f"{path}.{name} is missing, expected {_spelled(hints[name])}")
    return dict(values)


def _fits(value: object, hint: object) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if hint is type(None):
        return value is None
    if origin is not None:
        return isinstance(value, Mapping) and all(isinstance(each, str) for pair in value.items() for each in pair)
    if hint is str:
        return isinstance(value, str)
    numbers = int if hint is int else (int, float)
    return isinstance(value, numbers) and not isinstance(value, bool) and value >= 0


def _spelled(hint: object) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(repr(each) for each in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_spelled(each) for each in get_args(hint))
    if get_origin(hint) is not None:
        return "an object of texts"
    return {str: "a text", int: "a whole number", float: "a number"}.get(hint, "null")  # type: ignore[call-overload, no-any-return]
