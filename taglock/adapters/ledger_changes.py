"""Fold the changes of one write to one change for each row: what a store can make at once.

After the first change of a row in a write its state is known, whatever it was before: later changes of the same row
either follow from it or contradict it. No version can name a row that the same write stores.
"""

from collections.abc import Sequence

from taglock.domain.row import Change, Delete, Insert, Replace, RowKey, Upsert
from taglock.errors import InvalidInput, LedgerConflict, shortened


def folded(changes: Sequence[Change]) -> dict[str, tuple[Change, ...]]:
    """Return one change for each row, by partition in the order of first mention.

    Raises LedgerConflict for changes that contradict each other. Raises InvalidInput when a write inserts a row and
    deletes it again: that only asks whether there is a row, which no store can answer without a change.
    """
    by_row: dict[RowKey, list[Change]] = {}
    for change in changes:
        by_row.setdefault(change.key, []).append(change)
    by_partition: dict[str, list[Change]] = {}
    for key, of_row in by_row.items():
        by_partition.setdefault(key.partition, []).append(of_row[0] if len(of_row) == 1 else _one(of_row))
    return {partition: tuple(of_partition) for partition, of_partition in by_partition.items()}


def _one(changes: Sequence[Change]) -> Change:
    body = _body(changes[0])
    for change in changes[1:]:
        body = _followed(body, change)
    return _change(changes[0], body)


def _body(change: Change) -> bytes | None:
    return None if isinstance(change, Delete) else change.body


def _followed(body: bytes | None, change: Change) -> bytes | None:
    """Return the row's body after a change, None for no row."""
    match change:
        case Upsert(body=stored):
            return stored
        case Delete(version=None):
            return None
        case Insert(body=stored) if body is None:
            return stored
    raise LedgerConflict(
        f"{type(change).__name__} {shortened(change.key.key)} of {shortened(change.key.partition)}: "
        "contradicts an earlier change of the same write, expected changes that follow each other"
    )


def _change(first: Change, body: bytes | None) -> Change:
    """Return the change that expects what the first one expects and leaves the body."""
    match first, body:
        case Insert(key=key), None:
            raise InvalidInput.at("changes", key.key, "not an insertion and a deletion of one row in one write")
        case Insert(key=key), bytes(stored):
            return Insert(key, stored)
        case ((Replace(key=key, version=version) | Delete(key=key, version=str(version))), bytes(stored)):
            return Replace(key, stored, version)
        case ((Replace(key=key, version=version) | Delete(key=key, version=str(version))), None):
            return Delete(key, version)
    return Delete(first.key) if body is None else Upsert(first.key, body)
