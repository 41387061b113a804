"""Judge an answer before its content is read: status, error body, Retry-After, content type, Link."""

import math
import re
from urllib.parse import unquote, urlsplit

import msgspec

from taglock.adapters.acr_call import Action, Call
from taglock.adapters.http_answer import Answer, decimal, is_json, media_type, retry_after_seconds
from taglock.errors import RegistryError, Unauthorized, UntrustedAnswer, registry_error_type, shortened

LONGEST_QUERY = 2048

_CODE = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_CORRELATION = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_CHALLENGE_ERROR = re.compile(r'error="([a-z_]{1,40})"', re.ASCII)
_NEXT_LINK = re.compile(r'\s*<([^<>]*)>\s*;\s*rel="?next"?\s*', re.ASCII)
_QUERY = re.compile(r"[\x21-\x7e]*", re.ASCII)

ROLE_BY_ACTION: dict[Action, str] = {
    Action.METADATA_READ: (
        "'Reader', or 'Container Registry Repository Reader' on a registry with repository permissions; "
        "AcrPush and AcrPull cannot see locks"
    ),
    Action.METADATA_WRITE: (
        "'Contributor' or the smaller role of docs/permissions.md, or 'Container Registry Repository Writer' on a "
        "registry with repository permissions; AcrPush and AcrPull cannot lock"
    ),
    Action.CATALOG: (
        "'Reader', or 'Container Registry Repository Catalog Lister' on a registry with repository permissions"
    ),
    Action.PULL: "'AcrPull', or 'Container Registry Repository Reader' on a registry with repository permissions",
}
"""Which role gives an action. Source: the directory of built-in roles in the documentation of Container Registry."""


class _WireError(msgspec.Struct):
    code: object = ""
    message: object = ""


class _WireErrors(msgspec.Struct):
    errors: list[_WireError] = []


_decode_errors = msgspec.json.Decoder(_WireErrors).decode


def checked(call: Call, answer: Answer) -> Answer:
    """Return the answer when its status is 200; raise the matching RegistryError for every other status."""
    if answer.status == 200:
        return answer
    if answer.status < 400:
        raise untrusted(call, f"status {answer.status}, expected 200; redirects are never followed", answer.status)
    raise registry_error(call, answer)


def registry_error(call: Call, answer: Answer) -> RegistryError:
    """Build the error for a status of 400 and more; the registry's own words are shortened."""
    first = _first_error(answer.body)
    code = first.code if isinstance(first.code, str) and _CODE.fullmatch(first.code) else ""
    return registry_error_type(answer.status)(
        f"{shortened(first.message, 200)}{_correlation(answer)}",
        operation=call.operation,
        target=call.target,
        status=answer.status,
        code=code,
        retry_after=retry_after_seconds(answer),
    )


def untrusted(call: Call, reason: str, status: int | None = 200) -> UntrustedAnswer:
    """Build the error for an answer that must not be believed; None when it never came to an answer."""
    return call.untrusted(reason, status)


def lacking(call: Call, action: Action, *, status: int | None = None, code: str = "") -> Unauthorized:
    """Build the error for a missing permission: which action, and which role gives it."""
    reason = f"the identity lacks {action.value!r}, expected the role {ROLE_BY_ACTION[action]}"
    return Unauthorized(reason, operation=call.operation, target=call.target, status=status, code=code)


def challenge_error(answer: Answer) -> str:
    """Return the `error` of a 401's challenge, such as `insufficient_scope`, or ''; nothing else of it is used."""
    found = _CHALLENGE_ERROR.search(answer.headers.get("WWW-Authenticate", ""))
    return found[1] if found else ""


def remaining_per_second(answer: Answer) -> float:
    """Return how many calls a second the registry says are left, infinity when it does not say."""
    remaining = decimal(answer.headers.get("x-ms-ratelimit-remaining-calls-per-second", ""))
    return math.inf if remaining is None else remaining


def expect_json(call: Call, answer: Answer) -> None:
    """Raise UntrustedAnswer unless the content type is JSON."""
    if not is_json(answer):
        raise untrusted(call, f"content type {shortened(media_type(answer))}, expected JSON", answer.status)


def next_path(call: Call, answer: Answer) -> str | None:
    """Return the next page's path and query, None on the last page.

    Only the query is taken from the Link, which must be relative and name the path that was asked; an absolute one
    would decide where a token goes.
    """
    header = answer.headers.get("Link")
    if not header:
        return None
    found = _NEXT_LINK.fullmatch(header)
    query = _own_query(found[1], call.path) if found else None
    if query is None:
        raise untrusted(call, f"Link {shortened(header)}, expected a relative next link with the same path")
    return f"{call.path.partition('?')[0]}?{query}"


def _own_query(link: str, path: str) -> str | None:
    if not _QUERY.fullmatch(link) or len(link) > LONGEST_QUERY or "\\" in link:
        return None
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    same = unquote(parts.path) == unquote(path.partition("?")[0])
    return parts.query if same and not (parts.scheme or parts.netloc or parts.fragment) else None


def _first_error(body: bytes) -> _WireError:
    try:
        return next(iter(_decode_errors(body).errors), _WireError())
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _WireError(message=body[:200].decode("utf-8", "replace"))


def _correlation(answer: Answer) -> str:
    text = answer.headers.get("X-Ms-Correlation-Request-Id", "")
    return f" (correlation {text})" if _CORRELATION.fullmatch(text) else ""
