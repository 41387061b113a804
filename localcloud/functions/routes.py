"""Which HTTP function answers a path: ASP.NET route templates with `{name}`, `{name?}`, `{name:int}` and `{*rest}`."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from localcloud.functions.bindings import Function, HttpTrigger
from localcloud.functions.errors import InvalidSetting

_PARAMETER = re.compile(r"\{(\*{0,2})([A-Za-z_][A-Za-z0-9_-]*)((?::[^{}?]+)*)(\??)\}")
_CONSTRAINTS: Mapping[str, Callable[[str], bool]] = {
    "int": lambda text: re.fullmatch(r"[+-]?\d+", text, re.ASCII) is not None,
    "long": lambda text: re.fullmatch(r"[+-]?\d+", text, re.ASCII) is not None,
    "alpha": lambda text: re.fullmatch(r"[A-Za-z]*", text) is not None,
    "bool": lambda text: text.lower() in ("true", "false"),
    "guid": lambda text: re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower()) is not None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    literal: str = ""
    name: str = ""
    constraints: tuple[str, ...] = ()
    is_optional: bool = False
    is_rest: bool = False

    @property
    def rank(self) -> int:
        """Literal before constrained before plain before catch-all, as ASP.NET ranks them."""
        if not self.name:
            return 0
        return 3 if self.is_rest else (1 if self.constraints else 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One HTTP function's compiled route."""

    function: Function
    trigger: HttpTrigger
    segments: tuple[_Segment, ...]

    def match(self, method: str, parts: list[str]) -> Mapping[str, str] | None:
        """Return the route's parameters when it answers the method and path parts; otherwise None."""
        if self.trigger.methods and method not in self.trigger.methods:
            return None
        return _bound(self.segments, parts)


def compile_routes(functions: Iterable[Function]) -> list[Route]:
    """Return the routes of all HTTP functions, most specific first; InvalidSetting for a template not understood."""
    routes = [
        Route(function=each, trigger=each.trigger, segments=_segments(each.trigger.route, each.name))
        for each in functions
        if isinstance(each.trigger, HttpTrigger)
    ]
    return sorted(routes, key=lambda route: [segment.rank for segment in route.segments])


def _segments(template: str, function: str) -> tuple[_Segment, ...]:
    return tuple(_segment(text, function) for text in template.split("/") if text)


def _segment(text: str, function: str) -> _Segment:
    if "{" not in text and "}" not in text:
        return _Segment(literal=text.lower())
    match = _PARAMETER.fullmatch(text)
    constraints = tuple(match.group(3).split(":")[1:]) if match else ()
    if match is None or any(each not in _CONSTRAINTS for each in constraints):
        raise InvalidSetting(
            f"function {function!r}: route segment {text!r}: expected a literal, or one parameter with constraints "
            f"out of {sorted(_CONSTRAINTS)}"
        )
    return _Segment(
        name=match.group(2), constraints=constraints, is_optional=bool(match.group(4)), is_rest=bool(match.group(1))
    )


def _bound(segments: tuple[_Segment, ...], parts: list[str]) -> Mapping[str, str] | None:
    bound: dict[str, str] = {}
    for index, segment in enumerate(segments):
        if segment.is_rest:
            return {**bound, segment.name: "/".join(parts[index:])}
        if index >= len(parts):
            if segment.is_optional:
                continue
            return None
        if not _fits(segment, parts[index]):
            return None
        if segment.name:
            bound[segment.name] = parts[index]
    return bound if len(parts) <= len(segments) else None


def _fits(segment: _Segment, part: str) -> bool:
    if not segment.name:
        return part.lower() == segment.literal
    return all(_CONSTRAINTS[each](part) for each in segment.constraints)
