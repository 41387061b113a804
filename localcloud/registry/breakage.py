"""Faults applied to answers of the registry: what is answered instead, and how a true answer is bent."""

from collections.abc import Callable

import msgspec

from localcloud import faults
from localcloud.registry.access import Challenge, unauthorized
from localcloud.registry.refusals import Refusal, throttled
from localcloud.registry.routes import Need
from localcloud.registry.wire import JSON, Reply, json_reply, refusal_reply

_LISTS = ("repositories", "tags", "manifests")
_CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "MANIFEST_UNKNOWN", 405: "UNSUPPORTED", 429: "TOOMANYREQUESTS"}
_PADDING = b" " * 1024


def instead(action: faults.Action, login_server: str, need: Need | None) -> Reply | None:
    """Return the answer that a fault gives in place of handling the request, or None."""
    match action:
        case faults.Answer():
            return _answered(action)
        case faults.Throttled():
            return refusal_reply(throttled(action.retry_after_seconds))
        case faults.Challenged():
            return refusal_reply(unauthorized(_challenge(action, login_server, need), need))
        case faults.Redirected():
            reply = Reply(status=action.status, length=0)
            reply.headers["Location"] = action.location
            return reply
        case faults.HugeBody():
            return _huge(action.megabytes)
        case _:
            return None


def bent(action: faults.Action, reply: Reply) -> Reply:
    """Return a true answer as a fault bends it; other faults leave it alone."""
    match action:
        case faults.PartialListing():
            reply.headers.popall("Link", None)
            return _rewritten(reply, lambda document: _shortened(document, action.keep))
        case faults.ForeignLink():
            reply.headers["Link"] = f'<{action.target}>; rel="next"'
        case faults.OtherRepository():
            return _rewritten(reply, lambda document: _renamed(document, action.repository))
        case faults.OtherDigest():
            if "Docker-Content-Digest" in reply.headers:
                reply.headers["Docker-Content-Digest"] = action.digest
            return _rewritten(reply, lambda document: _redigested(document, action.digest))
        case faults.OtherContentType():
            reply.headers["Content-Type"] = action.content_type
        case _:
            pass
    return reply


def _answered(action: faults.Answer) -> Reply:
    if action.body:
        reply = Reply(status=action.status, body=action.body.encode())
        reply.headers["Content-Type"] = JSON
    else:
        code = _CODES.get(action.status, "INTERNAL_ERROR")
        reply = refusal_reply(Refusal(action.status, code, f"localcloud was told to answer {action.status}"))
    reply.headers.update(action.headers)
    return reply


def _challenge(action: faults.Challenged, login_server: str, need: Need | None) -> Challenge:
    scope = need.scope if need is not None else ""
    return Challenge(
        realm=action.realm if action.realm is not None else f"https://{login_server}/oauth2/token",
        service=action.service if action.service is not None else login_server,
        scope=action.scope if action.scope is not None else scope,
        error=action.error,
    )


def _huge(megabytes: int) -> Reply:
    reply = Reply(status=200, body=b'{"padding":"' + _PADDING * (1024 * megabytes) + b'"}\n')
    reply.headers["Content-Type"] = JSON
    return reply


def _rewritten(reply: Reply, change: Callable[[dict[str, object]], None]) -> Reply:
    # Only the registry's own JSON is rewritten: a pulled manifest keeps the bytes its digest speaks of.
    if reply.headers.get("Content-Type") != JSON:
        return reply
    document = msgspec.json.decode(reply.body)
    change(document)
    changed = json_reply(reply.status, document)
    reply.body, reply.chunked = changed.body, changed.chunked
    return reply


def _shortened(document: dict[str, object], keep: int) -> None:
    for key in _LISTS:
        listed = document.get(key)
        if isinstance(listed, list):
            document[key] = listed[:keep]


def _renamed(document: dict[str, object], repository: str) -> None:
    for key in ("imageName", "name"):
        if key in document:
            document[key] = repository


def _redigested(document: dict[str, object], digest: str) -> None:
    for key in ("tag", "manifest"):
        inner = document.get(key)
        if isinstance(inner, dict):
            inner["digest"] = digest
