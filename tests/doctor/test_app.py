"""The app's own parts: rules, ledger, topic, schedule, HTTP authorisation, and the examination as a whole."""

import asyncio
from collections.abc import Sequence
from copy import replace
from datetime import timedelta

import pytest
from aiohttp import web

from localcloud.faults import Fault, Silence
from localcloud.tls import Authority
from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.doctor import GRAVITY, CheckState, DoctorReport, Question, report_json
from taglock.domain.doctor_app import HttpAuthorisation
from taglock.domain.ledger import OUTBOX, outbox_key, stored
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import Change, RowKey, Upsert
from taglock.enforcement.doctor.context import DoctorLimits
from taglock.enforcement.doctor.examining import LISTING
from taglock.errors import InvalidConfiguration, LedgerError
from tests.deploying.world import served
from tests.doctor.world import Examined
from tests.infra.bicep import ROOT
from tests.pushing.images import plain
from tests.pushing.world import RULES as WITHOUT_EXAMPLE

OK, UNKNOWN, WARN, FAIL = CheckState.OK, CheckState.UNKNOWN, CheckState.WARN, CheckState.FAIL


async def test_everything_is_well_in_a_world_that_is(doctor: Examined) -> None:
    doctor.place()
    await doctor.local.deliver(doctor.local.event())
    report = await doctor.report()
    assert {check.name for check in report.checks if check.state is not OK} == {"last-audit", "repository-locks"}


async def test_rules_without_an_example_are_a_warning_and_a_broken_file_fails(doctor: Examined) -> None:
    doctor.local.pushing.with_rules(WITHOUT_EXAMPLE)
    assert (await doctor.states())["rules"] is WARN

    def broken() -> None:
        raise InvalidConfiguration.at("$.rule[0].name", 1, "a text")

    doctor.local.pushing.app = replace(doctor.local.pushing.app, rules=broken)  # type: ignore[arg-type]
    check = (await doctor.checks())["rules"]
    assert check.state is FAIL
    assert "$.rule[0].name" in check.found


async def test_the_age_of_the_rule_file_is_told(doctor: Examined) -> None:
    changed = doctor.now - timedelta(days=3)
    assert "3 days old" in (await doctor.checks(rules_changed_at=lambda: changed))["rules"].found


class Down:
    """A ledger that does not answer."""

    async def read(self, keys: Sequence[RowKey]) -> None:
        raise LedgerError("the table does not answer")

    scan = read

    async def write(self, changes: Sequence[Change]) -> None:
        raise AssertionError("the doctor wrote")


async def test_a_ledger_that_does_not_answer_fails_and_what_is_read_from_it_is_unknown(doctor: Examined) -> None:
    doctor.local.pushing.app = replace(doctor.local.pushing.app, rows=Down())  # type: ignore[arg-type]
    states = await doctor.states(ledger="https://x.table.core.windows.net")
    assert states["ledger"] is FAIL
    assert {states[name] for name in ("outbox", "last-audit", "due-work", "findings", "repository-locks")} == {UNKNOWN}


async def test_a_ledger_of_a_newer_version_fails(doctor: Examined) -> None:
    await doctor.local.pushing.app.rows.write([Upsert(RowKey(OUTBOX, "x"), b'{"format": 99, "row": {}}')])
    check = (await doctor.checks())["ledger"]
    assert check.state is FAIL
    assert "newer version" in check.found


async def test_a_topic_is_reached_without_a_byte_of_http(doctor: Examined, authority: Authority) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with served(app, authority) as endpoint:
        assert (await doctor.states(topic=f"{endpoint}/api/events"))["topic"] is OK
    check = (await doctor.checks(topic=f"{endpoint}/api/events"))["topic"]
    assert (check.state, asked) == (FAIL, [])


async def test_no_topic_is_fine(doctor: Examined) -> None:
    assert (await doctor.checks())["topic"].state is OK


@pytest.mark.parametrize(
    ("schedule", "state"),
    [("0 0 */6 * * *", OK), ("06:00:00", OK), ("", FAIL), ("@daily", FAIL), ("0 0 0 30 2 *", FAIL)],
)
async def test_a_schedule_that_the_host_would_refuse_or_that_never_fires_fails(
    doctor: Examined, schedule: str, state: CheckState
) -> None:
    states = await doctor.states(audit_schedule=schedule)
    assert states["schedule"] is state
    assert (states["last-audit"] is UNKNOWN) == (state is FAIL)


@pytest.mark.parametrize(
    ("wanted", "platform", "state"),
    [("entra", True, OK), ("entra", False, FAIL), ("key", False, WARN), ("key", True, WARN), ("", False, UNKNOWN)],
)
async def test_entra_needs_the_platform_in_front_of_the_app(
    doctor: Examined, wanted: str, platform: bool, state: CheckState
) -> None:
    http = HttpAuthorisation(wanted=wanted, platform=platform)
    assert (await doctor.states(http=http))["http-authorisation"] is state


@pytest.mark.parametrize(
    ("age", "state"), [(timedelta(minutes=1), OK), (timedelta(minutes=20), WARN), (timedelta(hours=25), FAIL)]
)
async def test_events_that_wait_too_long_are_told(doctor: Examined, age: timedelta, state: CheckState) -> None:
    event = OutboundEvent(id="1", type="t", source="/s", subject="x", time=doctor.now - age, body={})
    await doctor.local.pushing.app.rows.write([Upsert(outbox_key(event), stored(event))])
    assert (await doctor.states(topic="https://127.0.0.1:1/api/events"))["outbox"] is state
    assert (await doctor.states())["outbox"] is WARN  # no topic, and something waits for one


async def test_a_check_that_takes_too_long_is_unknown_and_holds_up_no_other(doctor: Examined) -> None:
    doctor.place()
    doctor.local.arm.faults.add(Fault(action=Silence(), match="/tasks", times=None))
    states = await doctor.states(limits=DoctorLimits(check_seconds=1.0, total_seconds=5.0))
    assert states["purge-tasks"] is UNKNOWN
    assert states["resource-locks"] is OK


async def test_what_is_not_made_within_the_time_for_all_is_unknown(doctor: Examined) -> None:
    doctor.place()
    states = await doctor.states(limits=DoctorLimits(total_seconds=-1.0))
    asked = ("ledger", "outbox", "due-work", "findings", "permission-write", "tier", "purge-tasks")
    assert {states[name] for name in asked} == {UNKNOWN}


async def test_a_defect_in_a_check_is_unknown(doctor: Examined) -> None:
    def defect() -> None:
        raise ZeroDivisionError("oops")

    check = (await doctor.checks(rules_changed_at=defect))["rules"]
    assert check.state is UNKNOWN
    assert "ZeroDivisionError" in check.found


async def test_nothing_is_written_anywhere(doctor: Examined) -> None:
    doctor.place()
    doctor.local.push("1.0.0", plain("a"))
    rows = open_sqlite(":memory:")
    written: list[Change] = []

    class Watched:
        read, scan = rows.read, rows.scan

        async def write(self, changes: Sequence[Change]) -> None:
            written.extend(changes)

    doctor.local.pushing.app = replace(doctor.local.pushing.app, rows=Watched())
    await doctor.report()
    await rows.aclose()
    assert written == []
    assert doctor.local.pushing.topic.events == []
    assert {request.method for request in doctor.emulator.traffic.remembered if "/oauth2/" not in request.path} <= {
        "GET"
    }


def test_the_worst_check_is_the_state_and_unknown_is_worse_than_ok() -> None:
    question = Question(name="x", source="y")
    checks = [question.ok("a"), question.unknown("b"), question.warn("c", "d"), question.fail("e", "f")]
    for count, state in enumerate(GRAVITY, start=1):
        assert DoctorReport(checks=tuple(checks[:count])).state is state
    assert report_json(DoctorReport(checks=(checks[3],))) == {
        "state": "fail",
        "checks": [{"name": "x", "state": "fail", "found": "e", "advice": "f", "source": "y", "subject": ""}],
    }


async def test_the_shared_listing_is_ended_with_the_examination(doctor: Examined) -> None:
    doctor.local.arm.faults.add(Fault(action=Silence(), times=None))
    await doctor.report(limits=DoctorLimits(total_seconds=0.2))
    assert LISTING not in {task.get_name() for task in asyncio.all_tasks()}


async def test_every_check_is_in_the_document(doctor: Examined) -> None:
    text = (ROOT / "docs/doctor.md").read_text(encoding="utf-8")
    names = {check.name for check in (await doctor.report(topic="https://127.0.0.1:1/")).checks}
    assert {name for name in names if f"`{name}`" not in text} == set()
