"""What the error codes of Azure Tables mean to the ledger; never judged by a message.

https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
"""

from collections.abc import Sequence
from enum import Enum, auto

from taglock.domain.row import Change, Delete, Insert, Replace
from taglock.errors import LedgerConflict, LedgerError, LimitExceeded, TaglockError, shortened


class Meaning(Enum):
    """What a failed request to Tables means."""

    TABLE_MISSING = auto()
    ROW_MISSING = auto()
    CONFLICT = auto()
    TOO_LARGE = auto()
    BUSY = auto()
    REFUSED = auto()
    UNAVAILABLE = auto()


BY_CODE = {
    "TableNotFound": Meaning.TABLE_MISSING,
    "ResourceNotFound": Meaning.ROW_MISSING,
    "EntityNotFound": Meaning.ROW_MISSING,
    "EntityAlreadyExists": Meaning.CONFLICT,
    "UpdateConditionNotSatisfied": Meaning.CONFLICT,
    "ConditionNotMet": Meaning.CONFLICT,
    "EntityTooLarge": Meaning.TOO_LARGE,
    "PropertyValueTooLarge": Meaning.TOO_LARGE,
    "RequestBodyTooLarge": Meaning.TOO_LARGE,
    "ServerBusy": Meaning.BUSY,
    "AuthenticationFailed": Meaning.REFUSED,
    "InvalidAuthenticationInfo": Meaning.REFUSED,
    "AuthorizationFailure": Meaning.REFUSED,
    "AuthorizationPermissionMismatch": Meaning.REFUSED,
    "InsufficientAccountPermissions": Meaning.REFUSED,
}

BY_STATUS = {
    401: Meaning.REFUSED,
    403: Meaning.REFUSED,
    412: Meaning.CONFLICT,
    413: Meaning.TOO_LARGE,
    429: Meaning.BUSY,
}
"""For answers without a known code. 404 and 409 have several meanings and none is guessed."""

HINTS = {
    Meaning.REFUSED: "expected an identity with the role 'Storage Table Data Contributor' on the account or table",
    Meaning.BUSY: "expected the account to take requests again soon",
}


def code_of(error: BaseException) -> str:
    """Return the error code of an SDK error, '' when the answer had none."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def meaning_of(error: BaseException) -> Meaning:
    """Tell what an error of the SDK, its transport or the credential means."""
    by_status = BY_STATUS.get(getattr(error, "status_code", None) or 0, Meaning.UNAVAILABLE)
    return BY_CODE.get(code_of(error), by_status)


def ledger_error(where: str, error: BaseException) -> TaglockError:
    """Return the error to raise for a failed request; `where` names the table."""
    meaning = meaning_of(error)
    kind = code_of(error) or type(error).__name__
    status = getattr(error, "status_code", None)
    reason = f"{where}: {kind}{f' ({status})' if status else ''}: {shortened(str(error))}"
    if meaning is Meaning.TOO_LARGE:
        return LimitExceeded(f"{reason}, expected rows and writes within the limits of Azure Tables")
    return LedgerError(f"{reason}, {HINTS.get(meaning, 'expected an answer of the ledger')}")


def write_error(where: str, changes: Sequence[Change], error: BaseException) -> TaglockError:
    """Return the error to raise for a failed transaction; a conflict names the rows that may have changed."""
    if meaning_of(error) not in (Meaning.CONFLICT, Meaning.ROW_MISSING):
        return ledger_error(where, error)
    conditional = [change for change in changes if isinstance(change, Insert | Replace | Delete)]
    rows = ", ".join(f"{type(change).__name__} {shortened(change.key.key)}" for change in conditional)
    return LedgerConflict(f"{where}: {code_of(error)} in {shortened(changes[0].key.partition)}: one of {rows}")
