"""Audits that are killed, sent twice, joined or lost: they go on, and say what an undisturbed one says."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from localcloud.registry.seeding import Bulk, seed_bulk
from localcloud.tls import Authority
from taglock.domain.audit.rows import AuditMessage
from taglock.domain.audit_report import AuditReport, AuditVerdict
from taglock.enforcement.audit.going_on import begin_audit, go_on
from taglock.enforcement.audit.kept import read_run
from taglock.errors import Throttled
from tests.auditing.audit_world import HOUR, Audits, audits
from tests.pushing.images import index, plain
from tests.pushing.world import OPEN, RULES

EVERY_KIND = f"""{RULES}
[[rule]]
name = "running"
on = ["deployment"]
[[rule]]
name = "frozen"
scope = "repository"
repositories = ["prod/old", "prod/r*"]
profile = "immutable"
"""


REPAIRED = ("api", "old", "r0", "r1", "r2")


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


async def registry_with_everything_to_repair(made: Audits) -> None:
    """Drift of every kind that a repair mends: tags, closures, a moved tag, what only runs, and repositories."""
    await registry_with_drift(made)
    root, child = index(plain("runs"), name="runs"), plain("runs")
    for manifest in (child, root):
        made.local.push(None, manifest, repository="apps/shop")
    await made.deployed(root.digest, repository="apps/shop")
    for digest in (root.digest, child.digest):
        made.unlock_manifest(digest, repository="apps/shop")
    was = made.digest_of("1.0.0")
    made.local.push("next", plain("other"))
    made.local.emulator.store.import_image("prod/api", "1.0.0", source="prod/api:next", force=True)
    made.unlock_manifest(was)


def said(report: AuditReport) -> object:
    """What a report says, apart from how it came about."""
    findings = [(each.kind, each.subject, each.expected, each.observed, each.new) for each in report.findings]
    plan = [(each.image, each.reason, each.targets, each.state) for each in report.repair.actions]
    coverage = replace(report.coverage, indexes_read=0, indexes_remembered=0)
    return (report.verdict, findings, coverage, plan, report.repair.planned, report.repair.images)


def locks(made: Audits) -> object:
    """What is off in the whole registry."""
    found = []
    for repository in made.local.emulator.store.repositories.records():
        tags = [each.flags for each in repository.tags.records()]
        found.append((repository.name, repository.flags, tags, [each.flags for each in repository.manifests.records()]))
    return found


async def disturbed(
    authority: Authority, ends_at: int | None, *, what: str
) -> tuple[object, int, Counter[tuple[str, str]]]:
    """Audit with repair, killed once and sent again; return what it says, its calls, and how often it updated what."""
    async with audits(authority, rules=EVERY_KIND) as made:
        await registry_with_everything_to_repair(made)
        made.local.clock.advance(HOUR)
        made.local.clear()
        life = Life(ends_at, counted=("write",) if what == "rows" else ())
        begun = await begin_audit(replace(made.auditing, app=made.local.app, repair=True), made.local.login_server)
        assert begun.message is not None
        report = await killed_once(made, life, begun.message, what)
        server = str(made.local.login_server)
        return without_port((said(report), locks(made)), server), life.calls, made.updates()


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


@pytest.mark.long
@pytest.mark.parametrize("what", ["registry", "rows"])
async def test_killed_at_any_request_or_write_it_says_the_same_and_updates_no_target_again(
    authority: Authority, what: str
) -> None:
    undisturbed, calls, updates = await disturbed(authority, None, what=what)
    assert calls > 10
    assert set(updates.values()) == {1}
    assert {repository for repository, _ in updates} == {*(f"prod/{each}" for each in REPAIRED), "apps/shop"}
    for ends_at in range(calls):
        resumed, _, repeated = await disturbed(authority, ends_at, what=what)
        assert resumed == undisturbed, ends_at
        assert repeated <= updates, ends_at  # what a killed invocation has locked is read and not updated again


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


class Ending:
    """The background registry; an invocation may read two indexes, and then it comes to its end."""

    def __init__(self, made: Audits, end: Callable[[], Awaitable[None]]) -> None:
        self._inner = made.auditing.background(made.local.login_server)
        self._end = end
        self._reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def manifest(self, *arguments: Any) -> Any:
        self._reads += 1
        if self._reads > 2:
            await self._end()
        return await self._inner.manifest(*arguments)


async def many_indexes(made: Audits, monkeypatch: pytest.MonkeyPatch) -> AuditMessage:
    """Return the message of an audit of a repository with more indexes than four invocations can read."""
    monkeypatch.setattr("taglock.enforcement.audit.closures.LEARNED_AT_ONCE", 1)
    monkeypatch.setattr("taglock.enforcement.audit.listing.PATIENCE_SECONDS", 0.0)
    seed_bulk(made.local.emulator.store, "prod/multi", Bulk(images=12, tag="1.0.{}", children=1))
    made.local.clock.advance(HOUR)
    begun = await begin_audit(made.auditing, made.local.login_server)
    assert begun.message is not None
    return begun.message


async def test_a_repository_of_which_each_invocation_keeps_something_is_not_left_out(
    made: Audits, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await many_indexes(made, monkeypatch)

    async def throttled() -> None:
        raise Throttled("later", operation="read", target="prod/multi", retry_after=100_000.0)

    invocations, report = 0, None
    while report is None:
        ending = Ending(made, throttled)
        went = await made.one_invocation(message, background=lambda _login_server, each=ending: each)
        message, report = went.message or message, went.report
        invocations += 1
    assert invocations == 6
    assert (report.coverage.unread, report.coverage.indexes_remembered + report.coverage.indexes_read) == ((), 12)


async def test_what_a_killed_invocation_has_kept_counts_too(made: Audits, monkeypatch: pytest.MonkeyPatch) -> None:
    message = await many_indexes(made, monkeypatch)

    async def killed() -> None:
        for _ in range(200):
            kept = await read_run(made.local.app, made.local.login_server)
            if kept is not None and kept.run.attempts == 0:
                break
            await asyncio.sleep(0.01)
        raise Killed

    for _ in range(5):
        ending = Ending(made, killed)
        with pytest.raises(Killed):
            await made.one_invocation(message, background=lambda _login_server, each=ending: each)
    went = await made.one_invocation(message)
    assert went.report is not None
    assert (went.report.coverage.unread, went.report.coverage.indexes_remembered) == ((), 10)
