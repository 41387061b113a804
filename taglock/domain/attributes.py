"""Changeable attributes and the lock profiles that turn some of them off.

Four attributes, each on by default: delete, write, list, read. `write` off alone also blocks deletion
(https://github.com/Azure/acr/issues/561); `delete` off blocks only deletion.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec


class Attribute(StrEnum):
    """One changeable attribute."""

    DELETE = "delete"
    WRITE = "write"
    LIST = "list"
    READ = "read"


Off = frozenset[Attribute]
"""A set of attributes that are, or must be, switched off."""

NOTHING_OFF: Off = frozenset()


class LockProfile(msgspec.Struct, frozen=True):
    """A named set of attributes that a lock turns off."""

    name: str
    off: Off


IMMUTABLE = LockProfile("immutable", frozenset({Attribute.WRITE, Attribute.DELETE}))
UNDELETABLE = LockProfile("undeletable", frozenset({Attribute.DELETE}))
HIDDEN = LockProfile("hidden", frozenset({Attribute.LIST}))
QUARANTINED = LockProfile("quarantined", frozenset({Attribute.READ, Attribute.DELETE}))

BUILT_IN_PROFILES: Mapping[str, LockProfile] = MappingProxyType(
    {profile.name: profile for profile in (IMMUTABLE, UNDELETABLE, HIDDEN)}
)
"""The profiles a rule may name without declaring them; `quarantined` is for acts, not for rules."""


def is_locked(observed_off: Off, profile: LockProfile) -> bool:
    """Tell whether what was observed is at least as strict as the profile."""
    return profile.off <= observed_off


def spelled(off: Off) -> str:
    """Return attributes in their fixed order, such as `delete,write`, or `nothing`."""
    return ",".join(attribute for attribute in Attribute if attribute in off) or "nothing"
