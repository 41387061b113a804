"""Access keys of the app and who may call what with them."""

import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class AccessLevel(IntEnum):
    """What a caller's key is good for."""

    NOBODY = 0
    FUNCTION = 1
    MASTER = 2


class AuthLevel(StrEnum):
    """What an HTTP trigger asks for."""

    ANONYMOUS = "anonymous"
    FUNCTION = "function"
    ADMIN = "admin"


def _new_key() -> str:
    return secrets.token_urlsafe(40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Master key, default host key, the Event Grid extension's system key, and one default key per function."""

    master: str = field(default_factory=_new_key)
    default: str = field(default_factory=_new_key)
    eventgrid: str = field(default_factory=_new_key)
    functions: Mapping[str, str] = field(default_factory=dict)

    def level(self, key: str | None, function: str | None = None) -> AccessLevel:
        """Return what the key opens for the function."""
        if key is None:
            return AccessLevel.NOBODY
        if _same(key, self.master):
            return AccessLevel.MASTER
        own = self.functions.get(function or "")
        if _same(key, self.default) or (own is not None and _same(key, own)):
            return AccessLevel.FUNCTION
        return AccessLevel.NOBODY

    def opens_event_grid(self, key: str | None) -> bool:
        """Whether the key may deliver events."""
        return key is not None and (_same(key, self.eventgrid) or _same(key, self.master))

    def opens_http(self, key: str | None, function: str, wanted: AuthLevel) -> bool:
        """Whether the key may call an HTTP trigger of that level."""
        needed = {
            AuthLevel.ANONYMOUS: AccessLevel.NOBODY,
            AuthLevel.FUNCTION: AccessLevel.FUNCTION,
            AuthLevel.ADMIN: AccessLevel.MASTER,
        }
        return self.level(key, function) >= needed[wanted]

    def with_functions(self, names: Iterable[str]) -> "Keys":
        """Return these keys with a key for every named function."""
        own = {name: self.functions.get(name) or _new_key() for name in names}
        return Keys(master=self.master, default=self.default, eventgrid=self.eventgrid, functions=own)


class OpenKeys(Keys):
    """Keys that open everything to anybody, as `func start` does without `--enableAuth`."""

    __slots__ = ()

    def level(self, key: str | None, function: str | None = None) -> AccessLevel:
        """Return the highest level whatever the key."""
        return AccessLevel.MASTER

    def opens_event_grid(self, key: str | None) -> bool:
        """Let everybody deliver."""
        return True


def keys_from_environment() -> Keys:
    """Return new keys, except those that the environment names (so that a restarted host keeps its keys)."""
    master, default, eventgrid = (
        os.environ.get(f"LOCALCLOUD_FUNCTIONS_KEY_{name}") or _new_key() for name in ("MASTER", "DEFAULT", "EVENTGRID")
    )
    functions = json.loads(os.environ.get("LOCALCLOUD_FUNCTIONS_KEYS", "{}"))
    return Keys(master=master, default=default, eventgrid=eventgrid, functions=functions)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
