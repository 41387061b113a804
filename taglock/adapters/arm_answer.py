"""Judge an answer of Azure Resource Manager: status, error body, content type, body, link to the next page."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from taglock.adapters.arm_call import ArmCall, arm_host
from taglock.adapters.http_answer import Answer, is_json, media_type, retry_after_seconds
from taglock.errors import ArmError, InvalidConfiguration, shortened

LONGEST_LINK = 8_192

NOT_GONE_CODES = frozenset(
    {
        *("", "SubscriptionNotFound", "InvalidSubscriptionId", "InvalidResourceNamespace", "InvalidResourceType"),
        *("NoRegisteredProviderFound", "MissingSubscriptionRegistration"),
    }
)
"""A 404 with one of these is about the question, not about the resource; '' is no answer of Azure Resource Manager.

Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors."""

_CODE = re.compile(r"[A-Za-z0-9_.]{1,64}", re.ASCII)
_LINK = re.compile(r"[\x21-\x7e]+", re.ASCII)


def body_of(call: ArmCall, answer: Answer) -> Mapping[str, Any]:
    """Return the JSON object of an answer; raise ArmError for every status but 200 and for anything else."""
    if answer.status >= 400:
        raise arm_error(call, answer)
    if answer.status != 200:
        raise call.untrusted(f"status {answer.status}, expected 200; redirects are never followed", answer.status)
    if not is_json(answer):
        raise call.untrusted(f"content type {shortened(media_type(answer))}, expected JSON", answer.status)
    body = _decoded(answer.body)
    if not isinstance(body, dict):
        raise call.untrusted(f"a body of {len(answer.body)} bytes, expected a JSON object", answer.status)
    return body


def arm_error(call: ArmCall, answer: Answer) -> ArmError:
    """Build the error for a status of 400 and more; a refusal names the role that is needed."""
    code, message = _code_and_message(answer.body)
    reason = shortened(message, 200)
    if answer.status == 403:
        reason = f"{reason}; expected the role 'Reader' on the subscription {call.subscription!r} or below it"
    if answer.status == 401:
        reason = f"{reason}; expected a token for this endpoint's audience, of an identity with the role 'Reader'"
    return call.error(reason, status=answer.status, code=code, after=retry_after_seconds(answer))


def is_gone(error: ArmError) -> bool:
    """Tell whether an error says that the resource itself is not there."""
    return error.status == 404 and error.code not in NOT_GONE_CODES


def has_no_such_type(error: ArmError) -> bool:
    """Tell whether a subscription cannot hold a type at all, because its provider was never registered there."""
    return error.status in (404, 409) and error.code == "MissingSubscriptionRegistration"


def items_of(call: ArmCall, page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the resources of a page of a list."""
    items = page.get("value")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise call.untrusted("$.value is none, expected a list of objects", 200)
    return items


def next_path(call: ArmCall, page: Mapping[str, Any], host: str) -> str | None:
    """Return the next page's path and query, None on the last page.

    `nextLink` is absolute. It must name our host over https and the path that was asked, and only its query is
    taken: anything else would decide where a token goes.
    """
    link = page.get("nextLink")
    if link in (None, ""):
        return None
    query = _own_query(link, host, call.path.partition("?")[0]) if isinstance(link, str) else None
    if query is None:
        raise call.untrusted(f"nextLink {shortened(link)}, expected the same path at https://{host}", 200)
    return f"{call.path.partition('?')[0]}?{query}"


def _own_query(link: str, host: str, path: str) -> str | None:
    if not _LINK.fullmatch(link) or len(link) > LONGEST_LINK or "\\" in link:
        return None
    try:
        parts = urlsplit(link)
        same_host = arm_host(f"{parts.scheme}://{parts.netloc}") == host
    except (ValueError, InvalidConfiguration):
        return None
    same_path = unquote(parts.path).lower() == unquote(path).lower()  # ids ignore case
    return parts.query if same_host and same_path and parts.query and not parts.fragment else None


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _code_and_message(body: bytes) -> tuple[str, str]:
    """Return the code and message of `{"error": {...}}`, or of the bare `{"Code": ...}` of Microsoft.Web."""
    decoded = _decoded(body)
    if not isinstance(decoded, dict):
        return "", body[:200].decode("utf-8", "replace")
    inner = decoded.get("error", decoded)
    found = {str(name).lower(): value for name, value in inner.items()} if isinstance(inner, dict) else {}
    code, message = found.get("code"), found.get("message")
    usable = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
    return usable, message if isinstance(message, str) else ""
