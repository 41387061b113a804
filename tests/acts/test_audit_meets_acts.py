"""An audit leaves alone what people unlocked or gave up, and notices when somebody undoes what they want."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from localcloud import faults
from localcloud.faults import Fault
from localcloud.registry.flags import OPEN, Flags
from localcloud.tls import Authority
from taglock.adapters.acr_registry import AcrRegistry
from taglock.domain.acts.marks import Grant, Marks, mark_key
from taglock.domain.attributes import IMMUTABLE
from taglock.domain.audit_report import ActionState, AuditReport, AuditVerdict
from taglock.domain.ledger import ActDue, Purpose, image_partition, stored
from taglock.domain.reference import Repository, Tag, manifest_target, tag_target
from taglock.domain.row import Row, Upsert
from taglock.domain.rule import Mode, RuleSet
from taglock.enforcement.audit.context import Auditing, AuditLimits
from taglock.enforcement.audit.overlay import Overlay
from taglock.errors import InvalidConfiguration
from tests.acts.loosened import ended, repository_flags, retired, set_repository, unlocked
from tests.acts.world import CLOSED, ActWorld, acting
from tests.auditing.audit_world import HOUR, Audits, kinds, only
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, ORIGIN, UNDELETABLE

NAME = "prod/api"
API = plain("api")
CHILDREN = [plain("amd64"), plain("arm64"), plain("attestation")]
ROOT = index(*CHILDREN)
TWO_HOURS = timedelta(hours=2)
REPOSITORY_RULE = """
version = 1
[[rule]]
name = "keep"
scope = "repository"
repositories = ["prod/**"]
profile = "immutable"
[[rule]]
name = "releases"
repositories = ["prod/**"]
tags = { semver = ">=1.0.0" }
"""


@dataclass
class Meeting:
    """People who act, and audits of the same registry."""

    acts: ActWorld
    audits: Audits

    async def audit(self, **options: Any) -> AuditReport:
        return await self.audits.audit(**options)

    async def released(self, *tags: str) -> None:
        for tag in tags:
            assert (await self.acts.pushing.deliver(self.acts.push(tag, API))).outcome == "locked"

    async def released_index(self, tag: str = "2.0.0") -> None:
        self.acts.push_index(None, ROOT, *CHILDREN)
        await self.acts.pushing.deliver(self.acts.push(tag, ROOT))

    async def due_acts(self) -> list[tuple[str, Purpose]]:
        subjects = [each.subject for each in await self.acts.due()]
        return [(each.act, each.purpose) for each in subjects if isinstance(each, ActDue)]


@pytest.fixture
async def made(authority: Authority) -> AsyncIterator[Meeting]:
    async with acting(authority) as acts:
        yield meeting(acts)


def meeting(acts: ActWorld) -> Meeting:
    registry = acts.pushing.app.registries(acts.pushing.login_server)
    assert isinstance(registry, AcrRegistry)
    auditing = Auditing(
        app=acts.pushing.app,
        listings=lambda _login_server: registry.listing(),
        background=lambda _login_server: registry.background(),
        limits=AuditLimits(checkpoint_seconds=0.0),
    )
    return Meeting(acts, Audits(acts.pushing, auditing))


# -- quarantines ------------------------------------------------------------------------------------------------------


async def test_what_a_quarantine_turned_off_is_no_drift(made: Meeting) -> None:
    await made.released("1.0.0")
    made.acts.push("dev", API)
    await made.acts.quarantine(digest=API.digest)
    report = await made.audit(repair=True)
    assert (report.verdict, report.findings, report.repair.actions) == (AuditVerdict.CLEAN, (), ())
    assert not await made.acts.pulls("1.0.0")


async def test_a_quarantined_repository_is_no_orphan(made: Meeting) -> None:
    await made.released("1.0.0")
    answer = await made.acts.quarantine()
    assert answer.complete
    assert (await made.audit(repair=True)).verdict is AuditVerdict.CLEAN


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_broken_quarantine_is_critical_and_made_good_in_both_modes_without_repair(
    made: Meeting, mode: Mode
) -> None:
    await made.released_index()
    answer = await made.acts.quarantine("2.0.0")
    made.acts.pushing.app = replace(made.acts.pushing.app, mode=mode)
    made.acts.set_tag("2.0.0", read=True)
    made.acts.set_manifest(CHILDREN[1], read=True)
    report = await made.audit()
    assert kinds(report) == ["QUARANTINE_BROKEN", "QUARANTINE_BROKEN"]
    assert {each.severity for each in report.findings} == {"critical"}
    assert {each.rule for each in report.findings} == {f"quarantine {answer.act.id}"}
    assert {each.subject for each in report.findings} == {
        f"{made.acts.pushing.login_server}/{NAME}{name} (quarantine {answer.act.id})"
        for name in (":2.0.0", f"@{CHILDREN[1].digest}")
    }
    assert await made.due_acts() == [(answer.act.id, Purpose.GO_ON)]
    await made.acts.settle()
    assert [await made.acts.pulls(each) for each in ("2.0.0", CHILDREN[1].digest)] == [False, False]
    assert (await made.audit()).verdict is AuditVerdict.CLEAN


async def test_a_broken_quarantine_is_made_good_while_the_rules_cannot_be_used(made: Meeting) -> None:
    await made.released_index()
    other = plain("other")
    made.acts.push("dev", other)
    await made.acts.quarantine("2.0.0")
    await made.acts.quarantine("dev")
    lifted = await made.acts.quarantine(digest=CHILDREN[0].digest)
    await made.acts.lift(lifted.act.id)

    def broken() -> RuleSet:
        raise InvalidConfiguration.at("$.rule[0].name", 1, "a text")

    made.acts.pushing.app = replace(made.acts.pushing.app, rules=broken)
    made.acts.set_tag("2.0.0", read=True)
    made.acts.set_manifest(CHILDREN[1], read=True)
    made.acts.set_manifest(other, read=True)
    report = await made.audit()
    assert report.verdict is AuditVerdict.INCOMPLETE
    await made.acts.settle()
    pulled = ("2.0.0", CHILDREN[1].digest, other.digest)
    assert [await made.acts.pulls(each) for each in pulled] == [False, False, False]


async def test_a_hidden_target_of_a_quarantine_is_looked_up(made: Meeting) -> None:
    made.acts.push("dev", API)
    answer = await made.acts.quarantine("dev")
    made.acts.set_tag("dev", list=False, read=True)
    made.acts.set_manifest(API, list=False, read=True)
    assert kinds(await made.audit()) == ["QUARANTINE_BROKEN", "QUARANTINE_BROKEN"]
    await made.acts.settle()
    assert not await made.acts.pulls("dev")
    await made.acts.lift(answer.act.id, force=True)
    assert await made.acts.pulls("dev")


async def test_a_broken_quarantine_of_a_repository_is_made_good(made: Meeting) -> None:
    await made.released("1.0.0")
    await made.acts.quarantine()
    set_repository(made.acts, read=True)
    assert kinds(await made.audit()) == ["QUARANTINE_BROKEN"]
    await made.acts.settle()
    assert not repository_flags(made.acts).read


async def test_a_tag_that_came_to_a_quarantined_digest_unheard_is_taken_in(made: Meeting) -> None:
    made.acts.push("dev", API)
    answer = await made.acts.quarantine("dev")
    made.acts.push("other", API)
    assert made.acts.tag_flags("other") == OPEN
    assert kinds(await made.audit()) == ["QUARANTINE_BROKEN"]
    await made.acts.settle()
    assert made.acts.tag_flags("other") == CLOSED
    assert (await made.audit()).verdict is AuditVerdict.CLEAN
    await made.acts.lift(answer.act.id)
    assert made.acts.tag_flags("other") == OPEN


async def test_a_tag_whose_event_may_still_come_is_pending(made: Meeting) -> None:
    made.acts.push("dev", API)
    await made.acts.quarantine("dev")
    made.acts.push("other", API)
    report = await made.audit(after=timedelta(minutes=1))
    assert (report.findings, report.coverage.pending) == ((), 1)


async def test_a_tag_that_left_a_quarantined_digest_unheard_is_let_go(made: Meeting) -> None:
    made.acts.push("dev", API)
    answer = await made.acts.quarantine("dev")
    made.acts.pushing.emulator.store.push(NAME, "dev", plain("fixed"), ORIGIN)
    finding = only(await made.audit())
    assert (finding.kind, finding.severity) == ("EVENT_MISSED", "warning")
    await made.acts.settle()
    assert made.acts.tag_flags("dev") == OPEN
    assert await made.acts.pulls("dev")
    assert not await made.acts.pulls(API.digest)
    assert (await made.audit()).verdict is AuditVerdict.CLEAN
    assert (await made.acts.lift(answer.act.id)).complete


async def test_what_a_quarantine_has_not_reached_yet_is_pending_and_its_own_due_work(made: Meeting) -> None:
    made.acts.push("dev", API)
    made.acts.pushing.emulator.faults.add(Fault(action=faults.Answer(status=503), method="PATCH", times=None))
    answer = await made.acts.quarantine("dev")
    assert not answer.complete
    before = await made.acts.due()
    report = await made.audit()
    assert (report.findings, report.coverage.pending) == ((), 2)
    assert await made.acts.due() == before


async def test_what_a_quarantine_says_of_itself_stays_until_it_is_complete(made: Meeting) -> None:
    made.acts.push("dev", API)
    made.acts.pushing.emulator.faults.add(Fault(action=faults.Answer(status=503), method="PATCH", times=None))
    await made.acts.quarantine("dev")
    await made.acts.pushing.tick(after=timedelta(minutes=1))
    assert kinds(await made.audit()) == ["QUARANTINE_BROKEN"]
    made.acts.pushing.emulator.faults.clear()
    await made.acts.settle()
    assert (await made.audit()).verdict is AuditVerdict.CLEAN


async def test_an_overdue_quarantine_stays_told_after_an_audit(made: Meeting) -> None:
    made.acts.push("dev", API)
    await made.acts.quarantine("dev", review_by=made.acts.pushing.clock.now() + HOUR)
    await made.acts.pushing.tick(after=TWO_HOURS)
    assert kinds(await made.audit()) == ["QUARANTINE_OVERDUE"]
    assert kinds(await made.audit()) == ["QUARANTINE_OVERDUE"]


async def test_the_review_of_a_quarantine_that_was_made_good_is_still_due(made: Meeting) -> None:
    made.acts.push("dev", API)
    answer = await made.acts.quarantine("dev", review_by=made.acts.pushing.clock.now() + timedelta(days=2))
    assert await made.due_acts() == [(answer.act.id, Purpose.LOOK)]
    made.acts.set_tag("dev", read=True)
    await made.audit()
    assert await made.due_acts() == [(answer.act.id, Purpose.GO_ON)]
    await made.acts.pushing.tick()
    assert await made.due_acts() == [(answer.act.id, Purpose.LOOK)]


async def test_a_quarantine_that_is_lifted_while_an_audit_reads_is_not_broken(made: Meeting) -> None:
    made.acts.push("dev", API)
    answer = await made.acts.quarantine("dev")

    async def lifted() -> None:
        await made.acts.lift(answer.act.id)

    report = await made.audit(listings=lambda _server: _acting_first(made, lifted))
    assert report.verdict is AuditVerdict.CLEAN
    assert await made.due_acts() == []


async def test_a_tag_that_leaves_a_quarantine_while_an_audit_reads_is_not_told(made: Meeting) -> None:
    made.acts.push("dev", API)
    await made.acts.quarantine("dev")

    async def moved() -> None:
        await made.acts.pushing.deliver(made.acts.push("dev", plain("fixed")))

    report = await made.audit(listings=lambda _server: _acting_first(made, moved))
    assert made.acts.tag_flags("dev") == OPEN
    assert report.verdict is AuditVerdict.CLEAN


async def test_what_goes_on_anyway_is_not_begun_again(made: Meeting) -> None:
    made.acts.push("dev", API)
    made.acts.pushing.emulator.faults.add(
        Fault(action=faults.Answer(status=503), method="PATCH", match="_tags/dev", times=None)
    )
    await made.acts.quarantine("dev")
    before = await made.acts.due()
    made.acts.set_manifest(API, read=True)
    assert kinds(await made.audit()) == ["QUARANTINE_BROKEN"]
    assert await made.acts.due() == before


async def test_an_audit_that_only_asks_leaves_no_due_work(made: Meeting) -> None:
    made.acts.push("dev", API)
    await made.acts.quarantine("dev")
    made.acts.set_tag("dev", read=True)
    rows = made.acts.pushing.app.rows
    made.acts.pushing.app = replace(made.acts.pushing.app, rows=Overlay(rows))
    assert kinds(await made.audit()) == ["QUARANTINE_BROKEN"]
    made.acts.pushing.app = replace(made.acts.pushing.app, rows=rows)
    assert await made.acts.due() == []


async def test_an_image_that_only_a_quarantine_makes_undeletable_is_unlocked(made: Meeting) -> None:
    made.acts.push("1.0.0", API)
    await made.acts.quarantine("1.0.0")
    assert [each.kind for each in (await made.audit()).findings] == ["UNLOCKED"]


# -- holds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_loosened_hold_is_told_and_made_good_when_audits_may_lock(made: Meeting, mode: Mode) -> None:
    made.acts.push("dev", API)
    answer = await made.acts.hold("dev")
    made.acts.pushing.app = replace(made.acts.pushing.app, mode=mode)
    made.acts.set_tag("dev", write=True)
    finding = only(await made.audit())
    assert (finding.kind, finding.severity, finding.rule) == ("LOOSENED", "critical", f"hold {answer.act.id}")
    assert await made.acts.due() == []
    await made.audit(repair=True)
    await made.acts.settle()
    assert made.acts.tag_flags("dev") == LOCKED_TAG
    assert (await made.audit()).verdict is AuditVerdict.CLEAN


async def test_a_held_release_of_an_empty_ledger_is_no_lost_ledger(made: Meeting) -> None:
    made.acts.push("1.0.0", API)
    await made.acts.hold("1.0.0")
    report = await made.audit()
    assert report.verdict is not AuditVerdict.BASELINE_MISSING


async def test_a_held_repository_is_no_orphan_and_is_told_when_loosened(made: Meeting) -> None:
    await made.released("1.0.0")
    await made.acts.hold(profile=IMMUTABLE)
    assert (await made.audit()).verdict is AuditVerdict.CLEAN
    set_repository(made.acts, delete=True)
    assert kinds(await made.audit()) == ["LOOSENED"]


# -- grants -----------------------------------------------------------------------------------------------------------


async def test_what_is_unlocked_for_a_time_is_neither_told_nor_locked(made: Meeting) -> None:
    await made.released_index()
    await unlocked(made.acts, "2.0.0", expires_in=TWO_HOURS)
    report = await made.audit(repair=True)
    assert (report.verdict, report.repair.actions) == (AuditVerdict.CLEAN, ())
    assert made.acts.tag_flags("2.0.0") == OPEN
    assert {made.acts.flags(each) for each in (ROOT, *CHILDREN)} == {OPEN}


async def test_what_moved_or_is_gone_while_it_is_unlocked_is_not_told(made: Meeting) -> None:
    await made.released("1.0.0")
    await made.released_index()
    await unlocked(made.acts, "1.0.0", expires_in=TWO_HOURS)
    await unlocked(made.acts, "2.0.0", expires_in=TWO_HOURS)
    made.acts.pushing.emulator.store.push(NAME, "1.0.0", plain("rebuilt"), ORIGIN)
    made.acts.pushing.emulator.store.untag(NAME, "2.0.0")
    made.acts.pushing.emulator.store.delete_manifest(NAME, ROOT.digest, ORIGIN)
    report = await made.audit(repair=True)
    assert (report.verdict, report.findings) == (AuditVerdict.CLEAN, ())
    assert made.acts.tag_flags("1.0.0") == OPEN


async def test_a_grant_that_outlives_its_time_stays_told_after_an_audit(made: Meeting) -> None:
    await made.released("1.0.0")
    await unlocked(made.acts, "1.0.0")
    made.acts.pushing.emulator.faults.add(Fault(action=faults.Answer(status=503), method="PATCH", times=None))
    await made.acts.pushing.tick(after=HOUR)
    assert kinds(await made.audit()) == ["GRANT_OVERDUE"]
    made.acts.pushing.emulator.faults.clear()
    await made.acts.settle()
    assert (await made.audit()).verdict is AuditVerdict.CLEAN


async def test_after_a_grant_the_audit_watches_again(made: Meeting) -> None:
    await made.released("1.0.0")
    answer = await unlocked(made.acts, "1.0.0")
    await ended(made.acts, answer.act.id)
    made.acts.set_tag("1.0.0", write=True)
    assert kinds(await made.audit()) == ["LOOSENED"]


async def test_what_is_unlocked_while_an_audit_reads_is_not_told(made: Meeting) -> None:
    await made.released("1.0.0")

    async def unlock() -> None:
        await unlocked(made.acts, "1.0.0", expires_in=TWO_HOURS)

    report = await made.audit(repair=True, listings=lambda _server: _acting_first(made, unlock))
    assert (report.verdict, report.repair.actions) == (AuditVerdict.CLEAN, ())
    assert made.acts.tag_flags("1.0.0") == OPEN


async def test_what_is_unlocked_between_plan_and_repair_is_skipped(made: Meeting) -> None:
    await made.released("1.0.0")
    made.acts.set_tag("1.0.0", write=True)

    async def unlock() -> None:
        await unlocked(made.acts, "1.0.0", expires_in=TWO_HOURS)

    made.acts.rows.inner = _ActingBeforeRepair(made, unlock)
    report = await made.audit(repair=True)
    (action,) = report.repair.actions
    assert action.state is ActionState.SKIPPED
    assert action.message.startswith("unlocked until 2026-03-01T15:00:00Z by unlock ")
    assert (report.repair.applied, report.repair.failed) == (0, 0)
    assert made.acts.tag_flags("1.0.0") == OPEN


async def test_a_child_that_is_unlocked_for_a_time_is_not_missed_in_the_closure(made: Meeting) -> None:
    await made.released_index()
    assert made.acts.flags(CHILDREN[0]) == UNDELETABLE
    await _granted(made, CHILDREN[0].digest)
    made.acts.set_manifest(CHILDREN[0], delete=True)
    report = await made.audit(repair=True)
    assert (report.verdict, report.repair.actions) == (AuditVerdict.CLEAN, ())
    assert made.acts.flags(CHILDREN[0]) == OPEN


async def test_what_a_moved_tag_was_locked_with_is_tightened_around_an_unlocked_child(made: Meeting) -> None:
    await made.released_index()
    made.acts.pushing.clock.advance(timedelta(minutes=1))
    made.acts.push("next", API)
    made.acts.pushing.emulator.store.import_image(NAME, "2.0.0", source=f"{NAME}:next", force=True)
    await _granted(made, CHILDREN[0].digest)
    for child in CHILDREN[:2]:
        made.acts.set_manifest(child, delete=True)
    (action,) = (await made.audit(repair=True)).repair.actions
    assert (action.reason, action.targets, action.state) == ("TAG_MOVED", 1, ActionState.FAILED)
    assert action.message.endswith(f"{CHILDREN[0].digest}: unlocked for a time")
    assert [made.acts.flags(each) for each in CHILDREN] == [OPEN, UNDELETABLE, UNDELETABLE]


async def test_write_stays_on_in_a_repository_with_something_unlocked(made: Meeting) -> None:
    await made.released("1.0.0")
    made.acts.pushing.with_rules(REPOSITORY_RULE)
    answer = await unlocked(made.acts, "1.0.0", expires_in=TWO_HOURS)
    (action,) = (await made.audit(repair=True)).repair.actions
    assert action.state is ActionState.APPLIED
    assert repository_flags(made.acts) == Flags(delete=False)
    await ended(made.acts, answer.act.id)
    await made.audit(repair=True)
    assert repository_flags(made.acts) == Flags(delete=False, write=False)


async def test_write_stays_on_when_something_is_unlocked_between_plan_and_repair(made: Meeting) -> None:
    await made.released("1.0.0")
    made.acts.pushing.with_rules(REPOSITORY_RULE)

    async def unlock() -> None:
        await unlocked(made.acts, "1.0.0", expires_in=TWO_HOURS)

    made.acts.rows.inner = _ActingBeforeRepair(made, unlock)
    (action,) = (await made.audit(repair=True)).repair.actions
    assert (action.state, action.message) == (
        ActionState.FAILED,
        "write stays on: an image is unlocked for a time",
    )
    assert repository_flags(made.acts) == Flags(delete=False)


async def test_a_repository_that_is_unlocked_between_plan_and_repair_is_skipped(made: Meeting) -> None:
    await made.released("1.0.0")
    set_repository(made.acts, delete=False)
    made.acts.pushing.with_rules(REPOSITORY_RULE)

    async def unlock() -> None:
        await unlocked(made.acts, expires_in=TWO_HOURS)

    made.acts.rows.inner = _ActingBeforeRepair(made, unlock)
    (action,) = (await made.audit(repair=True)).repair.actions
    assert action.state is ActionState.SKIPPED
    assert repository_flags(made.acts) == OPEN


async def test_an_unlocked_repository_is_left_alone(made: Meeting) -> None:
    made.acts.pushing.with_rules(REPOSITORY_RULE)
    await made.released("1.0.0")
    await made.audit(repair=True)
    await unlocked(made.acts, expires_in=timedelta(hours=4))
    report = await made.audit(repair=True)
    assert (report.verdict, report.repair.actions) == (AuditVerdict.CLEAN, ())
    assert repository_flags(made.acts).write


# -- retired ----------------------------------------------------------------------------------------------------------


async def test_what_was_given_up_is_neither_told_nor_locked_until_it_is_another_image(made: Meeting) -> None:
    await made.released("1.0.0")
    await retired(made.acts, "1.0.0")
    report = await made.audit(repair=True)
    assert (report.verdict, report.findings, report.repair.actions) == (AuditVerdict.CLEAN, (), ())
    assert (made.acts.tag_flags("1.0.0"), made.acts.flags(API)) == (OPEN, OPEN)
    made.acts.pushing.emulator.store.push(NAME, "1.0.0", plain("again"), ORIGIN)
    assert kinds(await made.audit(repair=True)) == ["EVENT_MISSED"]
    assert made.acts.tag_flags("1.0.0") == LOCKED_TAG


async def test_what_is_being_given_up_is_left_to_that(made: Meeting) -> None:
    await made.released_index()
    made.acts.pushing.emulator.faults.add(
        Fault(action=faults.Answer(status=503), method="PATCH", match=CHILDREN[0].digest, times=None)
    )
    assert not (await retired(made.acts, "2.0.0")).complete
    assert (made.acts.tag_flags("2.0.0"), made.acts.flags(ROOT)) == (OPEN, OPEN)
    report = await made.audit(repair=True)
    assert (report.verdict, report.repair.actions) == (AuditVerdict.CLEAN, ())
    made.acts.pushing.emulator.store.delete_manifest(NAME, ROOT.digest, ORIGIN)
    report = await made.audit(repair=True)
    assert (report.verdict, report.findings, report.repair.actions) == (AuditVerdict.CLEAN, (), ())


async def test_what_is_given_up_between_plan_and_repair_is_skipped(made: Meeting) -> None:
    await made.released("1.0.0")
    made.acts.set_tag("1.0.0", write=True)

    async def give_up() -> None:
        await retired(made.acts, "1.0.0")

    made.acts.rows.inner = _ActingBeforeRepair(made, give_up)
    (action,) = (await made.audit(repair=True)).repair.actions
    assert action.state is ActionState.SKIPPED
    assert made.acts.tag_flags("1.0.0") == OPEN


# -- the ledger -------------------------------------------------------------------------------------------------------


async def test_a_mark_that_cannot_be_read_leaves_its_repository_unread(made: Meeting) -> None:
    await made.released("1.0.0")
    made.acts.set_tag("1.0.0", write=True)
    target = tag_target(made.acts.pushing.login_server, Repository(NAME), Tag("1.0.0"))
    await made.acts.pushing.app.rows.write([Upsert(mark_key(target), b"{")])
    report = await made.audit(repair=True)
    assert (report.verdict, report.repair.actions) == (AuditVerdict.INCOMPLETE, ())
    assert kinds(report) == ["COVERAGE_GAP"]
    assert made.acts.tag_flags("1.0.0").write


async def test_marks_cost_no_read_of_their_own(made: Meeting) -> None:
    await made.released("1.0.0")
    made.acts.push("dev", plain("other"))
    await made.acts.quarantine("dev")
    counting = _Counting(made)
    made.acts.rows.inner = counting
    await made.audit()
    assert counting.scans == 1


# -- who acts in between ----------------------------------------------------------------------------------------------


async def _granted(made: Meeting, digest: str) -> None:
    """Mark a manifest as unlocked for a time, as an unlock of another image does that shares it."""
    place = made.acts.place(digest=digest)
    assert place.digest is not None
    target = manifest_target(place.registry, place.repository, place.digest)
    grant = Grant(act="elsewhere", expires_at=made.acts.pushing.clock.now() + TWO_HOURS)
    await made.acts.pushing.app.rows.write([Upsert(mark_key(target), stored(Marks(target=target, grant=grant)))])


Act = Callable[[], Awaitable[None]]


class _Passing:
    """Hands everything on."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _acting_first(made: Meeting, act: Act) -> Any:
    """Return listings, before whose first page of tags somebody acts: the marks were read already."""

    class Acting(_Passing):
        acted = False

        async def tags(self, *arguments: Any) -> Any:
            if not self.acted:
                self.acted = True
                await act()
            return await self.inner.tags(*arguments)

    return Acting(made.audits.auditing.listings(made.acts.pushing.login_server))


class _ActingBeforeRepair(_Passing):
    """Rows, before whose first scan of a plan somebody acts: the plan is complete then."""

    def __init__(self, made: Meeting, act: Act) -> None:
        super().__init__(made.acts.rows.inner)
        self._act = act
        self._acted = False

    async def scan(self, partition: str, **options: Any) -> Sequence[Row]:
        if partition.startswith("repair/") and not self._acted:
            self._acted = True
            await self._act()
        found: Sequence[Row] = await self.inner.scan(partition, **options)
        return found


class _Counting(_Passing):
    """Counts the scans of the repository's partition."""

    def __init__(self, made: Meeting) -> None:
        super().__init__(made.acts.rows.inner)
        self._partition = image_partition(made.acts.pushing.login_server, Repository(NAME))
        self.scans = 0

    async def scan(self, partition: str, **options: Any) -> Sequence[Row]:
        self.scans += partition == self._partition
        found: Sequence[Row] = await self.inner.scan(partition, **options)
        return found
