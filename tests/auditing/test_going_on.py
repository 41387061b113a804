"""Audits that are killed, sent twice, joined or lost: they go on, and say what an undisturbed one says."""

from collections.abc import Sequence
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from localcloud.registry.seeding import Bulk, seed_bulk
from localcloud.tls import Authority
from taglock.domain.audit.rows import AuditMessage
from taglock.domain.audit_report import AuditReport, AuditVerdict
from taglock.enforcement.audit.going_on import begin_audit, go_on
from tests.auditing.audit_world import HOUR, Audits, audits
from tests.pushing.images import index, plain
from tests.pushing.world import OPEN

UNDER_WAY = 4 * 4
"""Updates that may be made twice: of the four images that were being locked and not yet recorded."""


class Killed(BaseException):
    """The host ended the process here."""


class Mortal:
    """Anything with async methods; the process is killed at one of their calls."""

    def __init__(self, inner: Any, life: "Life") -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self._life.live(name)
            return await method(*arguments, **named)

        return call


class Life:
    """Counts calls; ends at the chosen one."""

    def __init__(self, ends_at: int | None, *, counted: Sequence[str] = ()) -> None:
        self._ends_at = ends_at
        self._counted = counted
        self.calls = 0

    def live(self, name: str) -> None:
        if self._counted and name not in self._counted:
            return
        if self.calls == self._ends_at:
            raise Killed
        self.calls += 1


async def registry_with_drift(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1")
    for number in range(3):
        children = [plain(f"child {number} {each}") for each in range(2)]
        for child in children:
            made.local.push(None, child, repository=f"prod/r{number}")
        root = index(*children, name=str(number))
        await made.local.deliver(made.local.push("2.0.0", root, repository=f"prod/r{number}"))
        made.unlock_manifest(children[0].digest, repository=f"prod/r{number}")
    made.unlock("1.0.1")
    seed_bulk(made.local.emulator.store, "prod/old", Bulk(images=5, tag="1.0.{}"))


def said(report: AuditReport) -> object:
    """What a report says, apart from how it came about."""
    findings = [(each.kind, each.subject, each.expected, each.observed, each.new) for each in report.findings]
    plan = [(each.image, each.reason, each.targets, each.state) for each in report.repair.actions]
    coverage = replace(report.coverage, indexes_read=0, indexes_remembered=0)
    return (report.verdict, findings, coverage, plan, report.repair.planned, report.repair.images)


async def disturbed(authority: Authority, ends_at: int | None, *, what: str) -> tuple[object, int, dict[str, int]]:
    """Audit with repair, killed once and sent again; return what it says, its calls, and the updates it made."""
    async with audits(authority) as made:
        await registry_with_drift(made)
        made.local.clock.advance(HOUR)
        made.local.clear()
        life = Life(ends_at, counted=("write",) if what == "rows" else ())
        begun = await begin_audit(replace(made.auditing, app=made.local.app, repair=True), made.local.login_server)
        assert begun.message is not None
        report = await killed_once(made, life, begun.message, what)
        server = str(made.local.login_server)
        updates = {kind: count for kind, count in made.local.requests().items() if kind.startswith("PATCH")}
        return without_port(said(report), server), life.calls, updates


def without_port(value: object, server: str) -> str:
    """Return a value as text without the port, which differs between worlds."""
    return repr(value).replace(server, "REGISTRY")


async def killed_once(made: Audits, life: Life, message: AuditMessage, what: str) -> AuditReport:
    mortal: dict[str, Any] = {"repair": True}
    app = made.local.app
    if what == "rows":
        app = replace(app, rows=Mortal(app.rows, life))
    else:
        listing = made.auditing.listings(made.local.login_server)
        background = made.auditing.background(made.local.login_server)
        mortal |= {
            "listings": lambda _login_server: Mortal(listing, life),
            "background": lambda _login_server: Mortal(background, life),
        }
    auditing = replace(made.auditing, app=app, **mortal)
    try:
        went = await go_on(auditing, message)
    except Killed:
        whole = replace(made.auditing, app=made.local.app, repair=True)
        went = await go_on(whole, message)
    assert went.report is not None, went.outcome
    return went.report


@pytest.mark.parametrize("what", ["registry", "rows"])
async def test_killed_at_any_request_or_write_it_says_the_same_and_repeats_no_recorded_repair(
    authority: Authority, what: str
) -> None:
    undisturbed, calls, updates = await disturbed(authority, None, what=what)
    assert calls > 10
    for ends_at in range(calls):
        resumed, _, repeated = await disturbed(authority, ends_at, what=what)
        assert resumed == undisturbed, ends_at
        assert sum(repeated.values()) <= sum(updates.values()) + UNDER_WAY, ends_at


async def test_an_audit_that_runs_out_of_time_goes_on_with_the_next_message(made: Audits) -> None:
    await registry_with_drift(made)
    undisturbed = said(await made.audit())
    assert made.auditing.limits.parallel_repositories > 1
    hasty = replace(made.auditing.limits, invocation_seconds=0.0)
    made.local.clock.advance(HOUR)
    begun = await begin_audit(made.auditing, made.local.login_server)
    assert begun.message is not None
    went = await made.one_invocation(begun.message, limits=hasty)
    assert (went.outcome, went.report) == ("continued", None)
    assert went.message is not None
    assert went.message.sequence == begun.message.sequence + 1
    assert (await made.one_invocation(begun.message)).outcome == "dropped"
    finished = await made.one_invocation(went.message)
    assert finished.report is not None
    assert finished.report.findings_total == len(made.reports[0].findings)
    assert undisturbed is not None


async def test_a_message_of_another_audit_is_dropped(made: Audits) -> None:
    await made.audit()
    message = AuditMessage(registry=made.local.login_server, audit_id="another", sequence=0, started="")
    assert (await made.one_invocation(message)).outcome == "dropped"


async def test_a_running_audit_is_joined_and_not_doubled(made: Audits) -> None:
    first = await begin_audit(made.auditing, made.local.login_server)
    second = await begin_audit(made.auditing, made.local.login_server)
    assert (second.audit_id, second.joined, second.message) == (first.audit_id, True, None)
    assert not first.joined


async def test_an_audit_whose_message_was_lost_is_taken_up_again(made: Audits) -> None:
    first = await begin_audit(made.auditing, made.local.login_server)
    made.local.clock.advance(timedelta(minutes=16))
    again = await begin_audit(made.auditing, made.local.login_server)
    assert (again.joined, again.message) == (True, first.message)


async def test_two_invocations_with_one_message_end_in_one_report(made: Audits) -> None:
    await registry_with_drift(made)
    made.local.clock.advance(HOUR)
    begun = await begin_audit(made.auditing, made.local.login_server)
    assert begun.message is not None
    message = begun.message
    finished: list[AuditReport] = []

    class Doubled:
        """The listing; while it is read a second invocation begins with the same message and finishes first."""

        def __init__(self) -> None:
            self._inner = made.auditing.listings(made.local.login_server)
            self._done = False

        def __getattr__(self, name: str) -> Any:
            method = getattr(self._inner, name)

            async def call(*arguments: Any) -> Any:
                if not self._done:
                    self._done = True
                    went = await made.one_invocation(message)
                    assert went.report is not None
                    finished.append(went.report)
                return await method(*arguments)

            return call

    doubled = Doubled()
    went = await made.one_invocation(message, listings=lambda _login_server: doubled)
    assert (went.outcome, len(finished)) == ("dropped", 1)


async def test_a_repository_that_outlasts_three_invocations_is_left_out_and_told(made: Audits) -> None:
    await made.released("1.0.0", repository="prod/a")
    await made.released("1.0.0", repository="prod/b")
    made.local.clock.advance(HOUR)
    begun = await begin_audit(made.auditing, made.local.login_server)
    message = begun.message
    assert message is not None
    listing = made.auditing.listings(made.local.login_server)

    class Deadly:
        """The listing of a repository that is too large for any invocation."""

        def __getattr__(self, name: str) -> Any:
            method = getattr(listing, name)

            async def call(*arguments: Any) -> Any:
                if name == "repository" and arguments[0] == "prod/a":
                    raise Killed
                return await method(*arguments)

            return call

    deadly = Deadly()
    for _ in range(3):
        with pytest.raises(Killed):
            await made.one_invocation(message, listings=lambda _login_server: deadly)
    went = await made.one_invocation(message, listings=lambda _login_server: deadly)
    assert went.report is not None
    assert went.report.verdict is AuditVerdict.INCOMPLETE
    assert [each.subject.rpartition("/")[2] for each in went.report.coverage.unread] == ["a"]
    assert went.report.coverage.repositories.seen == 1
    assert made.local.tag_flags("1.0.0", repository="prod/b") != OPEN
