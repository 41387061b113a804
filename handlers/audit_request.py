"""Somebody asks for an audit now, or how far one has come."""

import json
from collections.abc import Callable, Sequence
from http import HTTPStatus

from handlers.answering import Handler, body_of
from handlers.drift_audit import Beginning, begin_audits, messages
from taglock.domain.audit.rows import AuditRun, Phase
from taglock.domain.audit_report import Coverage, PastAudit
from taglock.domain.http.access import must_have
from taglock.domain.http.exchange import HttpAnswer, HttpRequest, json_answer
from taglock.domain.http.operations import AuditBody
from taglock.domain.http.principal import Caller, Role
from taglock.domain.http.problem import Failed
from taglock.domain.reference import LoginServer, login_server
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.progress import Progress, progress_of
from taglock.enforcement.context import Enforcement
from taglock.errors import InvalidReference, InvalidRequest, shortened
from taglock.reporting.policy import SERVING_HEADERS

TRIGGER = "audit_request"


class AuditRequests:
    """Answers requests about audits; the ports of audits are opened when a caller was let in."""

    def __init__(self, auditing: Callable[[], Auditing], put: Callable[[str], None] | None = None) -> None:
        self._auditing = auditing
        self._put = put

    async def begin(self, _app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
        """Begin an audit of the registry that the body names, of every one when it names none."""
        must_have(caller, Role.OPERATE)
        auditing = self._auditing()
        beginnings = await begin_audits(auditing, _registries(auditing, request), trigger=TRIGGER)
        if self._put is not None:
            self._put(json.dumps(messages(beginnings)))
        return json_answer({"audits": [_beginning_told(each) for each in beginnings]}, status=HTTPStatus.ACCEPTED)

    async def progress(self, app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
        """Tell how far an audit has come, or what came of an earlier one."""
        must_have(caller, Role.READ)
        audit_id = request.route["id"]
        for registry in sorted(set(app.known_registries.values())):
            found = await progress_of(app, registry, audit_id)
            if found is not None:
                return json_answer({"registry": registry, "auditId": audit_id, **_told(found)})
        raise Failed(HTTPStatus.NOT_FOUND, "unknown-audit", "no audit has this id")


def stored_report(page: bytes | None) -> Handler:
    """Return what serves the page of a registry's latest audit; None when there is none in the storage."""

    async def report(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
        must_have(caller, Role.READ)
        if page is None or request.route["registry"] not in app.known_registries.values():
            raise Failed(HTTPStatus.NOT_FOUND, "unknown-report", "no report of such a registry")
        return html_answer(page)

    return report


def html_answer(page: bytes) -> HttpAnswer:
    """Return a page with the headers that every page is served with."""
    return HttpAnswer(
        status=HTTPStatus.OK, body=page, content_type="text/html; charset=utf-8", more_headers=SERVING_HEADERS
    )


def _beginning_told(each: Beginning) -> dict[str, object]:
    return {"registry": each.registry, "auditId": each.begun.audit_id, "joined": each.begun.joined}


def _told(found: Progress) -> dict[str, object]:
    run = _run_told(found.run) if found.run is not None else {}
    past = _past_told(found.past) if found.past is not None else {}
    return {**run, **past}


def _run_told(run: AuditRun) -> dict[str, object]:
    return {
        "phase": run.phase,
        "mode": run.mode,
        "startedAt": run.started_at.isoformat(),
        "updatedAt": run.updated_at.isoformat(),
        "finishedAt": run.finished_at.isoformat() if run.finished_at is not None else None,
        **_coverage_told(run.coverage),
        "tags": run.coverage.tags.seen,
        "manifests": run.coverage.manifests.seen,
        "requests": run.requests,
        "repairPlanned": run.planned_targets,
        "repairRefused": run.refused,
        "verdict": run.verdict or None,
    }


def _past_told(past: PastAudit) -> dict[str, object]:
    return {
        "phase": Phase.FINISHED,
        "startedAt": past.started_at.isoformat(),
        "finishedAt": past.finished_at.isoformat(),
        "tags": past.tags,
        "manifests": past.manifests,
        "verdict": past.verdict,
        "findings": past.findings,
        "newFindings": past.new,
        "byKind": dict(past.by_kind),
        **(_coverage_told(past.coverage) if past.coverage is not None else {}),
    }


def _coverage_told(coverage: Coverage) -> dict[str, object]:
    return {"repositories": coverage.repositories.seen, "unread": coverage.unread_total}


def _registries(auditing: Auditing, request: HttpRequest) -> Sequence[LoginServer]:
    known = sorted(set(auditing.app.known_registries.values()))
    if not request.body.strip():
        return known
    wanted = body_of(AuditBody, request).registry
    if wanted is None:
        return known
    try:
        registry = login_server(wanted, "$.registry")
    except InvalidReference as error:
        raise InvalidRequest(*error.problems) from None
    if registry not in known:
        detail = f"$.registry: {shortened(registry)}, expected one of TAGLOCK_REGISTRIES"
        raise Failed(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown-registry", detail)
    return [registry]
