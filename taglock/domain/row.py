"""Versioned rows in ordered partitions, and the changes that can be made to them: values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowKey:
    """Where a row lives: rows of one partition are stored together and ordered by key (code point order)."""

    partition: str
    key: str


@dataclass(frozen=True, slots=True)
class Row:
    """A stored row; `version` is opaque and changes with every write."""

    key: RowKey
    version: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Insert:
    """Store a row; LedgerConflict when one is there already."""

    key: RowKey
    body: bytes


@dataclass(frozen=True, slots=True)
class Upsert:
    """Store a row whatever was there."""

    key: RowKey
    body: bytes


@dataclass(frozen=True, slots=True)
class Replace:
    """Store a row only over the version that was read; LedgerConflict otherwise."""

    key: RowKey
    body: bytes
    version: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row if it is there; with a version, only that version (LedgerConflict otherwise)."""

    key: RowKey
    version: str | None = None


Change = Insert | Upsert | Replace | Delete
