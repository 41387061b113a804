"""The one error tree: what was wrong, the value by repr, what was expected.

`transient` says whether the same call may succeed later. It is decided by the tables in this module, never by
the text of a message.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Self

import msgspec


class TaglockError(Exception):
    """The root of every error that taglock raises on purpose."""

    transient: bool = False


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong at one place of an input, for example `$.rule[2].tags.semver`."""

    path: str
    message: str
    expected: str = ""
    """What would have been right; free of the value, so that it may be stored."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class InvalidInput(TaglockError):
    """An input that can never be accepted as it is; carries every problem found, each with its path."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem) for problem in problems))

    @classmethod
    def at(cls, path: str, value: object, expected: str) -> Self:
        """Build the error for one value: `path: VALUE, expected EXPECTED`; long values are shortened."""
        return cls(Problem(path, f"{shortened(value)}, expected {expected}", expected))


class InvalidReference(InvalidInput):
    """A registry, repository, tag, digest or image reference outside the grammar."""


class InvalidEvent(InvalidInput):
    """An event that cannot be understood; the path starts with `$`."""


class InvalidRequest(InvalidInput):
    """An HTTP request or command that cannot be understood."""


class InvalidConfiguration(InvalidInput):
    """Settings or a rule file that cannot be used."""


# Statuses after which the same request may succeed later. 401 is here because a role assignment takes minutes to
# spread and a token may have been revoked; 404 because a replica or an import may lag (callers bound it by age);
# 405 because a lock or quarantine may end. Anything else below 500 is final.
TRANSIENT_STATUSES = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


class RemoteError(TaglockError):
    """A service did not do what was asked.

    `status` is the HTTP status, None when there was no answer. `code` is the service's error code or ''.
    `retry_after` is in seconds, None when the service did not say.
    """

    transient_statuses = TRANSIENT_STATUSES

    def __init__(
        self,
        reason: str,
        *,
        operation: str,
        target: str,
        status: int | None = None,
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.reason = reason
        self.operation = operation
        self.target = target
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.transient = status is None or status >= 500 or status in self.transient_statuses
        super().__init__(f"{operation} {target}: {self._answer()}{reason}")

    @property
    def without_target(self) -> str:
        """The message for a place where the target stands already."""
        return f"{self.operation}: {self._answer()}{self.reason}"

    def _answer(self) -> str:
        if self.status is None:
            return "no answer: "
        return f"{self.status} {self.code}: " if self.code else f"{self.status}: "


class RegistryError(RemoteError):
    """The registry did not do what was asked."""


class ArmError(RemoteError):
    """Azure Resource Manager did not tell what a resource runs."""

    # It answers 403 where a registry answers 401: the role may just have been given.
    transient_statuses = TRANSIENT_STATUSES | {HTTPStatus.FORBIDDEN}


class UnreadableBody(ArmError):
    """A resource's body that does not tell its images: says where and what was expected.

    The value is never shown, only its type: bodies hold secrets.
    """

    def __init__(self, path: str, found: str, expected: str, *, target: str) -> None:
        super().__init__(
            f"{path}: {found}, expected {expected}", operation="read images of", target=target, code="UNREADABLE_BODY"
        )
        self.transient = False

    def _answer(self) -> str:
        return ""


class NotFound(RegistryError):
    """The tag, manifest or repository is not there (404)."""


class Disallowed(RegistryError):
    """The registry refuses the operation on this object (405)."""


class Unauthorized(RegistryError):
    """The identity may not do this, or its token is not accepted (401, 403)."""


class Throttled(RegistryError):
    """Too many requests for this identity or registry (429)."""


class Unavailable(RegistryError):
    """No usable answer: time-out, broken connection or 5xx."""


class UntrustedAnswer(RegistryError):
    """An answer that must not be believed or followed: foreign host, wrong repository or digest, oversized body."""

    def __init__(self, reason: str, *, operation: str, target: str, status: int | None = None) -> None:
        super().__init__(reason, operation=operation, target=target, status=status, code="UNTRUSTED_ANSWER")
        self.transient = True  # bounded by the due work's last attempt; an operator is told then


class Refusal(StrEnum):
    """Why an act of a person was refused as things are; nothing was changed."""

    ACKNOWLEDGE_REQUIRED = "acknowledge-required"
    CHANGED_MEANWHILE = "changed-meanwhile"
    DIGEST_DIFFERS = "digest-differs"
    ENDING = "ending"
    LIMIT_EXCEEDED = "limit-exceeded"
    NOT_LOCKED = "not-locked"
    PLAN_CHANGED = "plan-changed"
    QUARANTINED = "quarantined"
    RUNNING = "running"
    TWO_PERSONS_REQUIRED = "two-persons-required"
    WRONG_STATE = "wrong-state"


class ActRefused(TaglockError):
    """An act that cannot be done as things are; `members` tell what has to change, as plain JSON values."""

    def __init__(self, refusal: Refusal, reason: str, **members: object) -> None:
        self.refusal = refusal
        self.reason = reason
        self.members = members
        super().__init__(f"{refusal}: {reason}")


class UnknownAct(TaglockError):
    """No act has such an id, or it is of another kind."""


class CallFailed(TaglockError):
    """The app itself could not be called by a command, or did not answer."""


class LedgerError(TaglockError):
    """The ledger cannot be read or written now."""

    transient = True


class UnreadableRow(LedgerError):
    """A row that this version cannot read: damaged, or written by a newer one. Trying again does not help."""

    transient = False


class LedgerConflict(LedgerError):
    """A row changed between reading and writing it."""


class PublishFailed(TaglockError):
    """The outbound topic did not accept events; they stay in the outbox."""

    transient = True


class LimitExceeded(TaglockError):
    """A configured limit was reached; nothing beyond it was done."""


class HandOverFailed(TaglockError):
    """Unfinished work could be neither finished nor stored; the event must be delivered again."""

    transient = True


ERROR_BY_STATUS: dict[int, type[RegistryError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    405: Disallowed,
    429: Throttled,
}


def registry_error_type(status: int) -> type[RegistryError]:
    """Return the error class for an HTTP status; 5xx and 408 are Unavailable, other 4xx plain RegistryError."""
    if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
        return Unavailable
    return ERROR_BY_STATUS.get(status, RegistryError)


def shortened(value: object, limit: int = 120) -> str:
    """Return repr(value), cut to `limit` characters so that a hostile value cannot flood a log line."""
    text = repr(value if not isinstance(value, str) else value[: limit + 1])
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
