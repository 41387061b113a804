"""Reads nested tables into msgspec types and reports every problem, where msgspec alone stops at the first.

What cannot be used becomes UNSET, so that the caller can go on judging the rest.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import fields

from taglock.errors import Problem, shortened


def read_table[T: Struct](kind: type[T], value: object, path: str, problems: list[Problem]) -> T | UnsetType:
    """Return the table with everything in it that is usable; UNSET when it is no table at all."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"{shown(value)}, expected a table with {_listed(_keys(kind))}"))
        return UNSET
    problems.extend(_unknown_keys(value, _keys(kind), path))
    found: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in value:
            found[field.name] = _read(field.type, value[field.name], under(path, field.name), problems)
        elif field.required:
            found[field.name] = UNSET
            problems.append(Problem(under(path, field.name), f"is missing, expected {_expected(field.type)}"))
    return kind(**found)


def under(path: str, key: str) -> str:
    """Return the path of a key below a path; a key that is no plain word is quoted."""
    return f"{path}.{key}" if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key) else f"{path}[{shortened(key)}]"


def shown(value: object) -> str:
    """Return a value for a message: shortened, and safe for integers too long to be printed."""
    try:
        return shortened(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too large to show"


def _read(kind: Any, value: object, path: str, problems: list[Problem]) -> Any:
    plain, _ = _unwrapped(kind)
    if isinstance(plain, type) and issubclass(plain, Struct):
        return read_table(plain, value, path, problems)
    if get_origin(plain) is tuple:
        return _read_list(kind, value, path, problems)
    if get_origin(plain) is dict:
        return _read_mapping(kind, value, path, problems)
    if not _fits(kind, value):
        problems.append(Problem(path, f"{shown(value)}, expected {_expected(kind)}"))
        return UNSET
    return plain(value) if isinstance(plain, type) and issubclass(plain, Enum) else value


def _read_list(kind: Any, value: object, path: str, problems: list[Problem]) -> Any:
    plain, metas = _unwrapped(kind)
    element = get_args(plain)[0]
    if not isinstance(value, list) or not all(_has_length(meta, len(value)) for meta in metas):
        problems.append(Problem(path, f"{shown(value)}, expected {_expected(kind)}"))
        return UNSET
    read = tuple(_read(element, entry, f"{path}[{index}]", problems) for index, entry in enumerate(value))
    # Tables keep their places, for the paths of later problems; a list of plain values is of use only as a whole.
    return read if _is_table(element) or UNSET not in read else UNSET


def _has_length(meta: Meta, length: int) -> bool:
    return length >= (meta.min_length or 0) and (meta.max_length is None or length <= meta.max_length)


def _read_mapping(kind: Any, value: object, path: str, problems: list[Problem]) -> Any:
    key_kind, entry_kind = get_args(_unwrapped(kind)[0])
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"{shown(value)}, expected a table"))
        return UNSET
    problems.extend(
        Problem(under(path, key), f"{shown(key)}, expected {_expected(key_kind)}")
        for key in value
        if not _fits(key_kind, key)
    )
    return {key: _read(entry_kind, entry, under(path, key), problems) for key, entry in value.items()}


def _fits(kind: Any, value: object) -> bool:
    plain, metas = _unwrapped(kind)
    choices = _choices(plain)
    if choices:
        return any(type(value) is type(choice) and value == choice for choice in choices)
    if type(value) is not plain:
        return False
    return all(meta.pattern is None or re.fullmatch(meta.pattern, str(value)) for meta in metas)


def _expected(kind: Any) -> str:
    plain, metas = _unwrapped(kind)
    for meta in metas:
        if meta.extra is not None and "expected" in meta.extra:
            return str(meta.extra["expected"])
    if choices := _choices(plain):
        return " or ".join(map(repr, choices))
    if get_origin(plain) is tuple:
        return f"a list of at least one entry, each {_expected(get_args(plain)[0])}"
    if _is_table(plain):
        return f"a table with {_listed(_keys(plain))}"
    return {str: "a text", bool: "true or false"}.get(plain, "a table")


def _unwrapped(kind: Any) -> tuple[Any, tuple[Meta, ...]]:
    """Return the type that is meant, without `| UnsetType` and Annotated, and its annotations."""
    if UnsetType in get_args(kind):
        kind = next(member for member in get_args(kind) if member is not UnsetType)
    if get_origin(kind) is Annotated:
        return kind.__origin__, kind.__metadata__
    return kind, ()


def _choices(plain: Any) -> list[object]:
    if get_origin(plain) is Literal:
        return list(get_args(plain))
    return [member.value for member in plain] if isinstance(plain, type) and issubclass(plain, Enum) else []


def _is_table(kind: Any) -> bool:
    plain, _ = _unwrapped(kind)
    return isinstance(plain, type) and issubclass(plain, Struct)


def _keys(kind: type[Struct]) -> list[str]:
    return [field.name for field in fields(kind)]


def _unknown_keys(table: Mapping[str, object], known: list[str], path: str) -> Iterable[Problem]:
    for key in table:
        if key not in known:
            near = get_close_matches(key[:64], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {_listed(known)}"
            yield Problem(under(path, key), f"unknown key {shown(key)}, {hint}")


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(map(repr, keys))
