"""What one write to the ledger may hold: the limits of Azure Tables, kept by every store.

SQLite could take more. It refuses the same, so that what works on a laptop works in Azure.
https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

from collections.abc import Sequence

from taglock.adapters.ledger_changes import folded
from taglock.adapters.ledger_keys import encoded
from taglock.domain.row import Change, Delete, RowKey
from taglock.errors import InvalidInput, LimitExceeded, shortened

MAX_KEY_CHARACTERS = 512
"""1 KiB of UTF-16, counted on the spelling (ledger_keys)."""

MAX_BODY_BYTES = 760 * 1024
"""An entity holds 1 MiB with its keys, property names and timestamp. The emulator counts bodies in base64 against it,
so no larger row could be proved to fit."""

MAX_CHANGES = 100
"""Changes of one partition in one write: a Tables transaction takes 100."""

MAX_WRITE_BYTES = 4 * 1024 * 1024
"""A Tables transaction: the whole request, so bodies count in base64 and every change costs its headers."""

OVERHEAD_BYTES = 2_048
"""Headers and JSON around one change, generously."""


def checked_key(key: RowKey) -> RowKey:
    """Return the key if every store can hold it, else raise InvalidInput naming it."""
    for path, text in (("key.partition", key.partition), ("key.key", key.key)):
        checked_text(path, text)
        if len(text) > MAX_KEY_CHARACTERS or len(encoded(text)) > MAX_KEY_CHARACTERS:
            raise InvalidInput.at(path, text, f"a key of at most {MAX_KEY_CHARACTERS} characters when spelled")
    return key


def checked_text(path: str, text: str) -> str:
    """Return the text if it can be written as UTF-8, else raise InvalidInput (lone surrogates)."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput.at(path, text, "Unicode text without lone surrogates")
    return text


def checked_changes(changes: Sequence[Change]) -> dict[str, tuple[Change, ...]]:
    """Return what to do in each partition, one change for each row, if every store can do it at once.

    Raises InvalidInput for a key, LimitExceeded for a size, LedgerConflict for changes that contradict each other.
    """
    for change in changes:
        checked_key(change.key)
        _check_body(change)
    by_partition = folded(changes)
    for partition, of_partition in by_partition.items():
        _check_transaction(partition, of_partition)
    return by_partition


def _check_body(change: Change) -> None:
    if not isinstance(change, Delete) and len(change.body) > MAX_BODY_BYTES:
        raise LimitExceeded(
            f"row {shortened(change.key.key)} of {shortened(change.key.partition)} has {len(change.body)} bytes, "
            f"expected at most {MAX_BODY_BYTES}"
        )


def _check_transaction(partition: str, changes: Sequence[Change]) -> None:
    where = f"write to partition {shortened(partition)}"
    if len(changes) > MAX_CHANGES:
        raise LimitExceeded(f"{where} has {len(changes)} changes, expected at most {MAX_CHANGES}")
    if (size := sum(map(request_bytes, changes))) > MAX_WRITE_BYTES:
        raise LimitExceeded(f"{where} needs a request of {size} bytes, expected at most {MAX_WRITE_BYTES}")


def request_bytes(change: Change) -> int:
    """Return an upper bound of what a change takes in a Tables transaction, in bytes."""
    keys = len(encoded(change.key.partition)) + len(encoded(change.key.key))
    body = 0 if isinstance(change, Delete) else len(change.body)
    return OVERHEAD_BYTES + 4 * keys + (body + 2) // 3 * 4
