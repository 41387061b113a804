"""Faults applied to answers of Resource Manager: what is answered instead, and how a true answer is bent."""

from localcloud import faults
from localcloud.arm.access import TENANT_URL, challenge
from localcloud.arm.refusals import ArmRefusal, throttled
from localcloud.arm.wire import Reply, refusal_reply

_PADDING = b" " * 1024
_UNFITTING = (faults.OtherRepository, faults.OtherDigest)


def check_fitting(fault: faults.Fault) -> None:
    """Raise InvalidFault for a fault that only a registry can commit."""
    if isinstance(fault.action, _UNFITTING):
        raise faults.InvalidFault(f"fault.action is {fault.action!r}, expected one that is not a registry's own")


def instead(action: faults.Action) -> Reply | None:
    """Return the answer that a fault gives in place of handling the request, or None."""
    match action:
        case faults.Answer():
            return _answered(action)
        case faults.Throttled():
            return refusal_reply(throttled("localcloud", "localcloud", action.retry_after_seconds))
        case faults.Challenged():
            return refusal_reply(challenge(TENANT_URL if action.realm is None else action.realm))
        case faults.Redirected():
            return Reply(status=action.status, headers={"Location": action.location})
        case faults.HugeBody():
            return Reply(status=200, body=b'{"padding":"' + _PADDING * (1024 * action.megabytes) + b'"}')
        case _:
            return None


def bent(action: faults.Action, reply: Reply) -> Reply:
    """Return a true answer as a fault bends it; other faults leave it alone."""
    match action:
        case faults.PartialListing() if _is_list(reply):
            reply.document = {"value": reply.document["value"][: action.keep]}
        case faults.ForeignLink() if _is_list(reply):
            reply.document = {**reply.document, "nextLink": action.target}
        case faults.OtherContentType():
            reply.headers["Content-Type"] = action.content_type
        case _:
            pass
    return reply


def _is_list(reply: Reply) -> bool:
    return isinstance(reply.document, dict) and "value" in reply.document


def _answered(action: faults.Answer) -> Reply:
    if action.body:
        reply = Reply(status=action.status, body=action.body.encode())
    else:
        message = f"localcloud was told to answer {action.status}"
        reply = refusal_reply(ArmRefusal(status=action.status, code="InternalServerError", message=message))
    reply.headers.update(action.headers)
    return reply
