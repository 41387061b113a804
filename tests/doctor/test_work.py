"""Whether the app does its work in time, by what its own ledger tells after real pushes and audits."""

from copy import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from localcloud.registry.flags import OPEN, Flags
from taglock.adapters.acr_registry import AcrRegistry
from taglock.domain.audit.rows import AuditRun, Phase, run_key
from taglock.domain.audit_report import AuditVerdict
from taglock.domain.doctor import CheckState
from taglock.domain.ledger import due_key, stored
from taglock.domain.row import Upsert
from taglock.domain.rule import Mode
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.going_on import begin_audit, go_on
from tests.doctor.world import Examined
from tests.pushing.images import index, plain

OK, UNKNOWN, WARN, FAIL = CheckState.OK, CheckState.UNKNOWN, CheckState.WARN, CheckState.FAIL
HOUR = timedelta(hours=1)


async def audit(doctor: Examined) -> None:
    """Audit the registry an hour later, as the timer would."""
    doctor.local.later(hours=1)
    app = doctor.local.pushing.app
    registry = app.registries(doctor.local.pushing.login_server)
    assert isinstance(registry, AcrRegistry)
    auditing = Auditing(
        app=app, listings=lambda _name: registry.listing(), background=lambda _name: registry.background()
    )
    message = (await begin_audit(auditing, doctor.local.pushing.login_server)).message
    while message is not None:
        message = (await go_on(auditing, message)).message


async def keep(doctor: Examined, **fields: Any) -> None:
    """Store a run of an audit as if it had come so far."""
    run = AuditRun(
        audit_id="a",
        sequence=1,
        phase=Phase.LISTING,
        mode=Mode.ENFORCE,
        repair=False,
        updated_at=doctor.now,
        **({"started_at": doctor.now} | fields),
    )
    await doctor.local.pushing.app.rows.write([Upsert(run_key(doctor.local.pushing.login_server), stored(run))])


async def test_an_audit_that_is_finished_in_time_is_well_and_an_old_one_fails(doctor: Examined) -> None:
    assert (await doctor.states())["last-audit"] is WARN
    await audit(doctor)
    assert (await doctor.checks())["last-audit"].found.endswith("CLEAN")
    doctor.local.later(hours=11)
    assert (await doctor.states())["last-audit"] is OK
    doctor.local.later(hours=13)
    assert (await doctor.states())["last-audit"] is FAIL


async def test_an_audit_under_way_is_well_for_two_periods(doctor: Examined) -> None:
    await keep(doctor)
    assert (await doctor.states())["last-audit"] is OK
    await keep(doctor, started_at=doctor.now - 13 * HOUR)
    assert (await doctor.states())["last-audit"] is FAIL


async def test_an_audit_under_way_after_one_in_time_is_well(doctor: Examined) -> None:
    await audit(doctor)
    doctor.local.later(hours=1)
    await keep(doctor, started_at=doctor.now - 30 * HOUR)
    assert "the one before finished" in (await doctor.checks())["last-audit"].found


async def test_an_audit_that_could_not_read_something_is_a_warning(doctor: Examined) -> None:
    await keep(doctor, finished_at=doctor.now, verdict=AuditVerdict.INCOMPLETE)
    assert (await doctor.states())["last-audit"] is WARN


async def late(doctor: Examined, **fields: Any) -> None:
    """Push an index whose child never comes, and change the row of its due work."""
    missing = plain("missing")
    await doctor.local.pushing.deliver(doctor.local.pushing.push("1.0.0", index(missing, name="late")))
    (due,) = await doctor.local.pushing.due()
    await doctor.local.pushing.app.rows.write([Upsert(due_key(due.subject), stored(replace(due, **fields)))])


@pytest.mark.parametrize(
    ("created", "due", "state"),
    [(0, 0, OK), (2, -1, WARN), (0, 0.2, FAIL), (20, -1, WARN)],
)
async def test_unfinished_work_is_judged_by_its_age_and_by_whether_it_is_overdue(
    doctor: Examined, created: float, due: float, state: CheckState
) -> None:
    def ago(hours: float) -> datetime:
        return doctor.now - timedelta(hours=hours)

    await late(doctor, created_at=ago(created), due_at=ago(due))
    assert (await doctor.states())["due-work"] is state


async def test_a_lock_that_was_taken_off_is_a_critical_finding_and_fails(doctor: Examined) -> None:
    await doctor.local.pushing.deliver(doctor.local.pushing.push("1.0.0", plain("a")))
    await audit(doctor)
    assert (await doctor.states())["findings"] is OK
    doctor.emulator.store.tag("prod/api", "1.0.0").flags = OPEN
    await audit(doctor)
    check = (await doctor.checks())["findings"]
    assert check.state is FAIL
    assert "LOOSENED" in check.found and "prod/api:1.0.0" in check.found


async def test_a_repository_locked_by_accident_is_told_and_a_tag_that_no_rule_wants_is_not(doctor: Examined) -> None:
    await doctor.local.pushing.deliver(doctor.local.pushing.push("1.0.0", plain("a")))
    doctor.local.push("dev", plain("b"), repository="dev/tool")
    assert (await doctor.states())["repository-locks"] is UNKNOWN
    await audit(doctor)
    assert (await doctor.states())["repository-locks"] is OK
    doctor.emulator.store.repository("dev/tool").flags = Flags(write=False)
    await audit(doctor)
    check = (await doctor.checks())["repository-locks"]
    assert check.state is WARN
    assert check.found.endswith(": dev/tool")
