"""Time to audit, or somebody asks for it: begin an audit of each registry, or join the one under way."""

from collections.abc import Sequence

import msgspec

from taglock.domain.audit.rows import AuditMessage
from taglock.domain.handled import Handled
from taglock.domain.reference import LoginServer
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.going_on import Begun, begin_audit
from taglock.errors import InvalidRequest, LedgerError
from taglock.telemetry import invocation


class Beginning(msgspec.Struct, frozen=True):
    """One registry's audit, begun or joined."""

    registry: LoginServer
    begun: Begun


async def drift_audit(auditing: Auditing, *, trigger: str = "drift_audit") -> Sequence[Beginning]:
    """Begin an audit of every registry; one whose ledger does not answer is told of and never hinders the others."""
    registries = sorted(set(auditing.app.known_registries.values()))
    return await begin_audits(auditing, registries, trigger=trigger)


async def begin_audits(auditing: Auditing, registries: Sequence[LoginServer], *, trigger: str) -> Sequence[Beginning]:
    """Begin an audit of these registries; raise LedgerError when not a single one could be begun."""
    beginnings: list[Beginning] = []
    errors: list[LedgerError] = []
    with invocation(auditing.app.signals, trigger) as line:
        for registry in registries:
            try:
                begun = await begin_audit(auditing, registry)
            except LedgerError as error:
                errors.append(error)
                line.tells(Handled(trigger=trigger, outcome="failed", image=registry, problems=(str(error),)))
                continue
            beginnings.append(Beginning(registry, begun))
            outcome = "joined" if begun.joined else "begun"
            line.tells(Handled(trigger=trigger, outcome=outcome, event_id=begun.audit_id, image=registry))
        if errors and not beginnings:
            raise errors[0]
    return beginnings


def messages(beginnings: Sequence[Beginning]) -> list[str]:
    """Return what has to be put on the queue: nothing for an audit that is under way."""
    return [message_text(each.begun.message) for each in beginnings if each.begun.message is not None]


def message_text(message: AuditMessage) -> str:
    """Return a message as the queue carries it."""
    return msgspec.json.encode(message).decode()


def parse_message(text: str) -> AuditMessage:
    """Parse a queue message or raise InvalidRequest."""
    try:
        return msgspec.json.decode(text, type=AuditMessage)
    except msgspec.MsgspecError as error:
        raise InvalidRequest.at("$", text, f"a message of an audit ({error})") from None
