"""An audit is to go on: read, repair or finish as far as the invocation's time reaches."""

import msgspec

from handlers.drift_audit import message_text, parse_message
from taglock.domain.audit_report import AuditReport
from taglock.domain.handled import Handled
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.going_on import WentOn, go_on
from taglock.errors import InvalidRequest
from taglock.telemetry import invocation

TRIGGER = "audit_registry"


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it is stored."""

    page: str
    json: bytes


async def audit_registry(auditing: Auditing, text: str) -> WentOn:
    """Go on with the audit of a queue message. LedgerError makes the host deliver it again.

    A message that cannot be understood, or of a registry that is no longer on the allow-list, is told of and dropped.
    """
    with invocation(auditing.app.signals, TRIGGER) as line:
        try:
            message = parse_message(text)
        except InvalidRequest as error:
            line.tells(Handled(trigger=TRIGGER, outcome="rejected", problems=(str(error),)))
            return WentOn(outcome="dropped")
        if message.registry not in auditing.app.known_registries.values():
            reason = "not one of TAGLOCK_REGISTRIES any more"
            line.tells(Handled(trigger=TRIGGER, outcome="rejected", image=message.registry, problems=(reason,)))
            return WentOn(outcome="dropped")
        went = await go_on(auditing, message)
        line.tells(_handled(message.registry, message.audit_id, went))
        if went.report is not None:
            auditing.app.signals.audited(went.report)
        return went


def put_back(went: WentOn) -> str | None:
    """Return the message with which another invocation goes on, None when there is nothing left."""
    return message_text(went.message) if went.message is not None else None


def rendered(report: AuditReport) -> Rendered:
    """Return a report as a page for people and as JSON for programs."""
    from taglock.reporting.html import html
    from taglock.reporting.json_text import json_text

    return Rendered(page=html(report), json=json_text(report))


def _handled(registry: str, audit_id: str, went: WentOn) -> Handled:
    report = went.report
    if went.outcome == "repeated":  # its verdict and its findings were told before
        return Handled(trigger=TRIGGER, outcome=went.outcome, event_id=audit_id, image=registry)
    return Handled(
        trigger=TRIGGER,
        outcome=report.verdict.lower() if report is not None else went.outcome,
        event_id=audit_id,
        image=registry,
        mode=report.mode if report is not None else "",
        applied=report.repair.applied if report is not None else 0,
        failed=report.repair.failed if report is not None else 0,
        problems=_problems(report),
    )


def _problems(report: AuditReport | None) -> tuple[str, ...]:
    if report is None or not (report.findings_total or report.coverage.unread_total):
        return ()
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.by_kind.items()))
    return (f"{report.findings_total} findings ({report.new_total} new): {kinds}",)
