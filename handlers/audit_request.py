"""Somebody asks for an audit now, or how far one has come."""

from collections.abc import Sequence

import msgspec

from handlers.drift_audit import Beginning, begin_audits
from taglock.domain.audit.rows import AuditRun, Phase
from taglock.domain.audit_report import Coverage, PastAudit
from taglock.domain.reference import LoginServer, login_server
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.progress import Progress, progress_of
from taglock.errors import InvalidRequest
from taglock.reporting.policy import SERVING_HEADERS

LONGEST_BODY = 4096
TRIGGER = "audit_request"


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    registry: str | None = None


async def audit_now(auditing: Auditing, body: bytes) -> Sequence[Beginning]:
    """Begin an audit of the registry that the body names, of every one when it names none; raises InvalidRequest."""
    return await begin_audits(auditing, _registries(auditing, body), trigger=TRIGGER)


async def audit_progress(auditing: Auditing, audit_id: str) -> dict[str, object] | None:
    """Return how far an audit has come, or what came of an earlier one; None when there is no such audit."""
    app = auditing.app
    with app.signals.invocation("audit_progress"):
        for registry in sorted(set(app.known_registries.values())):
            found = await progress_of(app, registry, audit_id)
            if found is not None:
                return {"registry": registry, "auditId": audit_id, **_told(found)}
    return None


def is_audited(auditing: Auditing, registry: str) -> bool:
    """Tell whether a registry is on the allow-list, spelled as it is there."""
    return registry in auditing.app.known_registries.values()


def page_headers() -> dict[str, str]:
    """Return what is sent with the page of a report."""
    return dict(SERVING_HEADERS)


def beginnings_told(beginnings: Sequence[Beginning]) -> list[dict[str, object]]:
    """Return what was begun as it is answered."""
    return [
        {"registry": each.registry, "auditId": each.begun.audit_id, "joined": each.begun.joined} for each in beginnings
    ]


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


def _registries(auditing: Auditing, body: bytes) -> Sequence[LoginServer]:
    known = sorted(set(auditing.app.known_registries.values()))
    if not body.strip():
        return known
    try:
        wanted = msgspec.json.decode(body[:LONGEST_BODY], type=_Wanted)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidRequest.at("$", body[:120], f'{{"registry": "NAME.azurecr.io"}} or nothing ({error})') from None
    if wanted.registry is None:
        return known
    registry = login_server(wanted.registry, "$.registry")
    if registry not in known:
        raise InvalidRequest.at("$.registry", wanted.registry, "one of TAGLOCK_REGISTRIES")
    return [registry]
