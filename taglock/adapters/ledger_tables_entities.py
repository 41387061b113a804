"""Rows as Azure Tables entities and back: pure. A body lies in properties b0, b1, ... of at most 64 KiB each."""

import re
from collections.abc import Mapping
from typing import Any

from taglock.adapters.ledger_keys import decoded, encoded
from taglock.adapters.ledger_limits import MAX_KEY_CHARACTERS
from taglock.domain.row import Change, Delete, Insert, Replace, Row, RowKey
from taglock.errors import LedgerConflict, LedgerError, shortened

CHUNK_BYTES = 64 * 1024
ETAG = re.compile(r'W/"[^"\x00-\x20\x7f-\uffff]+"')

Entity = Mapping[str, Any]
Operation = tuple[str, Entity, Mapping[str, Any]]
"""An operation of a transaction, as the SDK takes it: its name, the entity, its options."""


def row_of(key: RowKey, entity: Entity, etag: str | None) -> Row:
    """Return the row of an entity; LedgerError when taglock did not write it."""
    return Row(key=key, version=etag or "", body=b"".join(_chunks_of(key, entity)))


def key_of(partition: str, entity: Entity) -> RowKey:
    """Return the key of an entity of a partition; LedgerError when taglock did not write it."""
    return RowKey(partition, decoded(entity["RowKey"]))


def operation_of(change: Change) -> Operation:
    """Return the operation that makes a change; LedgerConflict for a version that Tables cannot have given."""
    match change:
        case Delete(version=version):
            return "delete", _location(change.key), {} if version is None else _only(change, version)
        case Insert(body=body):
            return "create", _location(change.key) | _properties(body), {}
        case Replace(body=body, version=version):
            return "update", _location(change.key) | _properties(body), _only(change, version) | {"mode": "replace"}
    return "upsert", _location(change.key) | _properties(change.body), {"mode": "replace"}


def range_filter(partition: str, *, start: str, end: str) -> tuple[str, dict[str, str]]:
    """Return the filter for start <= key < end, with its parameters.

    A bound longer than any key is cut: no key lies between the cut and the whole bound, but one may equal the cut.
    """
    first, last = encoded(start), encoded(end)
    above = "gt" if len(first) > MAX_KEY_CHARACTERS else "ge"
    below = "le" if len(last) > MAX_KEY_CHARACTERS else "lt"
    bounds = {"first": first[:MAX_KEY_CHARACTERS], "last": last[:MAX_KEY_CHARACTERS]}
    text = f"PartitionKey eq @partition and RowKey {above} @first and RowKey {below} @last"
    return text, {"partition": encoded(partition), **bounds}


def _location(key: RowKey) -> dict[str, Any]:
    return {"PartitionKey": encoded(key.partition), "RowKey": encoded(key.key)}


def _properties(body: bytes) -> dict[str, bytes]:
    starts = range(0, max(len(body), 1), CHUNK_BYTES)
    return {f"b{index}": body[start : start + CHUNK_BYTES] for index, start in enumerate(starts)}


def _chunks_of(key: RowKey, entity: Entity) -> list[bytes]:
    names = [name for name in entity if name not in ("PartitionKey", "RowKey")]
    chunks = [entity.get(f"b{index}") for index in range(len(names))]
    if not names or not all(isinstance(chunk, bytes) for chunk in chunks):
        raise LedgerError(
            f"row {shortened(key.key)} of {shortened(key.partition)} has properties {shortened(sorted(names))}, "
            "expected b0, b1, ... of bytes: it was not written by taglock"
        )
    return [chunk for chunk in chunks if chunk is not None]


def _only(change: Change, version: str) -> dict[str, Any]:
    from azure.core import MatchConditions

    if not ETAG.fullmatch(version):
        raise LedgerConflict(
            f"{type(change).__name__} {shortened(change.key.key)} of {shortened(change.key.partition)}: "
            f"version {shortened(version)} is of no row, expected one that was read"
        )
    return {"etag": version, "match_condition": MatchConditions.IfNotModified}
