"""A call that was throttled, as it is counted."""

from enum import StrEnum

import msgspec


class Cause(StrEnum):
    """Who said that a call must wait."""

    REGISTRY = "registry"  # answered with 429
    HELD = "held"  # not sent: the registry had asked to wait, or the configured share is used up


class Throttling(msgspec.Struct, frozen=True, kw_only=True):
    """One call."""

    server: str
    category: str
    """What the registry counts separately: read, write, referrers or token."""
    cause: Cause
