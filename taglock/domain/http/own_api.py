"""The app's own HTTP functions, as commands call them."""

from collections.abc import Mapping
from typing import Any

import msgspec

API = "TAGLOCK_API"
API_SCOPE = "TAGLOCK_API_SCOPE"
API_KEY = "TAGLOCK_API_KEY"
OF_COMMANDS = (API, API_SCOPE, API_KEY)
"""What the environment tells the commands that call the app; the app itself reads none of it."""


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """Where the app is and how to sign in: a scope of Entra, or the key of a function."""

    endpoint: str
    scope: str = ""
    key: str = ""


class Answered(msgspec.Struct, frozen=True):
    """What the app answered: the members of its JSON, none when the host answered in its place."""

    status: int
    body: Mapping[str, Any]
