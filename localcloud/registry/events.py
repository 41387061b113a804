"""What a registry tells the outside when content was pushed or deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEvent:
    """One change of content; attribute changes and untagging raise none.

    `tag` is None for a push by digest and for every delete; `digest` is None only for the delete of a whole
    repository; `size` is the manifest's own bytes and None for a delete; `at` is aware.
    """

    action: Literal["push", "delete"]
    repository: str
    tag: str | None
    digest: str | None
    media_type: str
    size: int | None
    at: datetime
    request_id: str
    host: str
    method: str
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The request that changes something, as an event names it."""

    request_id: str
    host: str
    method: str
    user_agent: str
