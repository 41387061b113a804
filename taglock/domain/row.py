"""Versioned rows in ordered partitions, and the changes that can be made to them: values only."""

import msgspec


class RowKey(msgspec.Struct, frozen=True):
    """Where a row lives: rows of one partition are stored together and ordered by key (code point order)."""

    partition: str
    key: str


class Row(msgspec.Struct, frozen=True):
    """A stored row; `version` is opaque and changes with every write."""

    key: RowKey
    version: str
    body: bytes


class Insert(msgspec.Struct, frozen=True):
    """Store a row; LedgerConflict when one is there already."""

    key: RowKey
    body: bytes


class Upsert(msgspec.Struct, frozen=True):
    """Store a row whatever was there."""

    key: RowKey
    body: bytes


class Replace(msgspec.Struct, frozen=True):
    """Store a row only over the version that was read; LedgerConflict otherwise."""

    key: RowKey
    body: bytes
    version: str


class Delete(msgspec.Struct, frozen=True):
    """Remove a row if it is there; with a version, only that version (LedgerConflict otherwise)."""

    key: RowKey
    version: str | None = None


Change = Insert | Upsert | Replace | Delete
