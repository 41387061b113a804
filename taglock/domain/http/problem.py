"""Problem details (RFC 9457): a stable type for each way in which a request can fail.

The types are URNs: they name a problem and lead nowhere; docs/http.md says what each means.
"""

from http import HTTPStatus

import msgspec

from taglock.domain.http.exchange import PROBLEM_JSON, HttpAnswer, json_answer, plain
from taglock.errors import (
    ActRefused,
    InvalidConfiguration,
    InvalidInput,
    LedgerError,
    NotFound,
    RegistryError,
    TaglockError,
    UnknownAct,
)

PREFIX = "urn:taglock:problem:"


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One wrong member of a request."""

    path: str
    """As `$.reason`."""
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong, as RFC 9457 has it; some types carry more members (docs/http.md)."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()


class Failed(TaglockError):
    """A request that is answered with a problem of its own kind."""

    def __init__(self, status: HTTPStatus, name: str, detail: str) -> None:
        self.status = status
        self.name = name
        super().__init__(detail)


def problem_answer(error: TaglockError) -> HttpAnswer:
    """Return the answer for an error; what is not the caller's doing is 503, and may be tried again."""
    problem = _problem(error)
    members = plain(error.members) if isinstance(error, ActRefused) else {}
    answer = json_answer({**plain(problem), **{name: members[name] for name in members if not hasattr(problem, name)}})
    return HttpAnswer(status=problem.status, body=answer.body, content_type=PROBLEM_JSON)


def _problem(error: TaglockError) -> Problem:
    match error:
        case Failed():
            return _named(error.status, error.name, str(error))
        case ActRefused():
            return _named(HTTPStatus.CONFLICT, error.refusal, error.reason)
        case UnknownAct():
            return _named(HTTPStatus.NOT_FOUND, "unknown-act", str(error))
        case NotFound():
            return _named(HTTPStatus.NOT_FOUND, "not-in-registry", str(error))
        case InvalidConfiguration():
            return _named(HTTPStatus.SERVICE_UNAVAILABLE, "configuration", str(error))
        case InvalidInput():
            errors = tuple(FieldProblem(path=each.path, message=each.message) for each in error.problems)
            return _named(HTTPStatus.BAD_REQUEST, "invalid-request", str(error), errors=errors)
        case LedgerError():
            detail = f"{error}; nothing was begun: docs/runbook.md has the az commands for this case"
            return _named(HTTPStatus.SERVICE_UNAVAILABLE, "ledger", detail)
        case RegistryError():
            return _named(HTTPStatus.SERVICE_UNAVAILABLE, "registry", str(error))
        case _:
            return _named(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(error))


TITLES = {
    "invalid-request": "The request cannot be understood",
    "unknown-registry": "The registry is not on the allow-list",
    "unknown-act": "There is no such act",
    "unknown-audit": "There is no such audit",
    "unknown-report": "There is no such report",
    "not-in-registry": "The registry has no such image",
    "unknown-caller": "Nobody is signed in",
    "missing-role": "The caller lacks a role",
    "authentication-off": "App Service authentication is off",
    "too-large": "The body is too large",
    "content-type": "The body is not JSON",
    "configuration": "The settings or the rules cannot be used",
    "ledger": "The ledger does not answer",
    "registry": "The registry does not answer",
    "unavailable": "It cannot be done now",
}


def _named(status: HTTPStatus, name: str, detail: str, *, errors: tuple[FieldProblem, ...] = ()) -> Problem:
    title = TITLES.get(name, "The act was refused as things are")
    return Problem(type=f"{PREFIX}{name}", title=title, status=int(status), detail=detail, errors=errors)
