"""The values in requests: digests, times, durations, profiles and ids, each refused with its path."""

import re
from datetime import UTC, datetime, timedelta

from taglock.domain.attributes import BUILT_IN_PROFILES, LockProfile
from taglock.domain.reference import Digest, digest
from taglock.errors import InvalidInput, InvalidRequest, UnknownAct, shortened

_ACT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def act_id(text: str) -> str:
    """Return what a path names as the id of an act; raise UnknownAct for what cannot be one."""
    if _ACT.fullmatch(text) is None:
        raise UnknownAct(f"{shortened(text)}, expected the id of an act")
    return text


def has_controls(text: str) -> bool:
    """Tell whether a text has characters that end lines or steer terminals."""
    return any(ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u2028\u2029" for character in text)


def digest_of(text: str, path: str) -> Digest:
    """Return a digest; raise InvalidRequest."""
    try:
        return digest(text, path)
    except InvalidInput as error:
        raise InvalidRequest(*error.problems) from None


def profile_of(name: str, path: str) -> LockProfile:
    """Return a built-in profile by its name; raise InvalidRequest."""
    profile = BUILT_IN_PROFILES.get(name)
    if profile is None:
        raise InvalidRequest.at(path, name, f"one of {', '.join(sorted(BUILT_IN_PROFILES))}")
    return profile


def time_of(text: str, path: str) -> datetime:
    """Return an aware time in UTC; raise InvalidRequest."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError(text)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest.at(path, text, "a time with an offset such as 2026-11-24T16:00:00Z") from None


_ISO = re.compile(r"PT(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})S)?", re.ASCII)
_SHORT = re.compile(r"([0-9]{1,6})([smh])", re.ASCII)
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


def duration(text: str, path: str) -> timedelta:
    """Return a duration such as `PT30M`, `PT1H30M`, `30m`, `2h` or `90s`; raise InvalidRequest."""
    found = timedelta(0)
    if (short := _SHORT.fullmatch(text)) is not None:
        found = int(short.group(1)) * _UNITS[short.group(2)]
    elif (iso := _ISO.fullmatch(text)) is not None:
        hours, minutes, seconds = (int(part or 0) for part in iso.groups())
        found = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if found <= timedelta(0):
        raise InvalidRequest.at(path, text, "a duration above zero such as PT30M, 30m or 2h")
    return found
