"""What the ledger knows of every registry, without asking any."""

from copy import replace

from taglock.domain.audit.overview import KnownRegistry
from taglock.domain.audit.rows import Phase, run_key
from taglock.domain.audit_report import AuditVerdict
from taglock.domain.ledger import Finding, FindingKind, Severity, finding_key, stored
from taglock.domain.reference import LoginServer
from taglock.domain.row import Upsert
from taglock.enforcement.audit.going_on import begin_audit
from taglock.enforcement.audit.overview import read_overview
from tests.auditing.audit_world import HOUR, Audits

OTHER = LoginServer("other.azurecr.io")


async def known(made: Audits) -> KnownRegistry:
    (only,) = (await read_overview(made.local.app)).registries
    return only


async def test_without_an_audit_nothing_is_known(made: Audits) -> None:
    found = await known(made)
    assert (found.registry, found.last, found.under_way, found.open_findings) == (
        made.local.login_server,
        None,
        None,
        {},
    )


async def test_the_last_audit_is_told_with_its_coverage_and_no_registry_is_asked(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1")
    made.unlock("1.0.0")
    report = await made.audit()
    made.local.clear()
    found = await known(made)
    assert found.last is not None
    assert (found.last.audit_id, found.last.verdict) == (report.audit_id, AuditVerdict.DRIFT)
    assert found.last.coverage == replace(report.coverage, remarks=(), unread=())
    assert found.open_findings == {"critical": 1}
    assert made.local.requests() == {}


async def test_while_an_audit_is_under_way_the_one_before_it_is_the_last(made: Audits) -> None:
    await made.released("1.0.0")
    await made.audit()
    second = await made.audit()
    made.local.clock.advance(HOUR)
    begun = await begin_audit(made.auditing, made.local.login_server)
    found = await known(made)
    assert found.last is not None
    assert found.last.audit_id == second.audit_id
    assert found.under_way is not None
    assert (found.under_way.audit_id, found.under_way.phase) == (begun.audit_id, Phase.LISTING)


async def test_findings_count_as_of_now_and_closed_ones_do_not(made: Audits) -> None:
    await made.audit()
    registry, now = made.local.login_server, made.local.clock.now()
    for number, (severity, closed) in enumerate(
        [(Severity.CRITICAL, None), (Severity.WARNING, None), (Severity.WARNING, None), (Severity.CRITICAL, now)]
    ):
        finding = Finding(
            kind=FindingKind.TAG_MOVED,
            severity=severity,
            registry=registry,
            subject=f"{registry}/prod/api:{number}",
            expected="",
            observed="",
            first_seen=now,
            last_seen=now,
            closed_at=closed,
        )
        row = Upsert(finding_key(finding.kind, registry, finding.subject), stored(finding))
        await made.local.app.rows.write([row])
    assert (await known(made)).open_findings == {"critical": 1, "warning": 2}


async def test_a_row_that_cannot_be_read_is_told_at_its_registry_and_hinders_no_other(made: Audits) -> None:
    await made.local.app.rows.write([Upsert(run_key(OTHER), b'{"format": 99, "row": {}}')])
    app = replace(made.local.app, known_registries={**made.local.app.known_registries, "other": OTHER})
    own, other = (await read_overview(app)).registries
    assert (own.registry, own.problem) == (made.local.login_server, "")
    assert (other.registry, other.last) == (OTHER, None)
    assert "format 99" in other.problem
