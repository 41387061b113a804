"""Repair: the whole plan first, then image by image through the same locking as a push."""

import json
from copy import replace
from datetime import timedelta

from localcloud import faults
from localcloud.faults import Fault
from localcloud.registry.flags import OPEN
from localcloud.registry.seeding import Bulk, seed_bulk
from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.audit_report import ActionState, AuditVerdict
from taglock.domain.ledger import release_key
from taglock.domain.reference import Repository, Tag
from taglock.domain.row import Upsert
from taglock.domain.rule import Mode
from tests.auditing.audit_world import Audits, kinds
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, UNDELETABLE

NAME = "prod/api"


def patches(made: Audits) -> int:
    return sum(count for kind, count in made.local.requests().items() if kind.startswith("PATCH"))


async def test_a_loosened_release_is_locked_again_and_the_next_audit_is_clean(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    made.unlock_manifest(made.digest_of("1.0.0"))
    report = await made.audit(repair=True)
    assert (report.repair.enabled, report.repair.planned, report.repair.applied) == (True, 2, 1)
    assert made.local.tag_flags("1.0.0") == LOCKED_TAG
    assert (await made.audit(repair=True)).verdict is AuditVerdict.CLEAN


async def test_without_repair_the_same_actions_are_listed_and_nothing_changes(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    made.local.clear()
    report = await made.audit()
    (action,) = report.repair.actions
    assert (action.reason, action.targets, action.state) == ("LOOSENED", 1, ActionState.PLANNED)
    assert not report.repair.enabled
    assert patches(made) == 0


async def test_report_mode_lists_the_actions_of_enforce_mode(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    made.local.app = replace(made.local.app, mode=Mode.REPORT)
    listed = (await made.audit(repair=True)).repair
    made.local.app = replace(made.local.app, mode=Mode.ENFORCE)
    applied = (await made.audit(repair=True)).repair
    assert [(each.image, each.targets) for each in listed.actions] == [
        (each.image, each.targets) for each in applied.actions
    ]
    assert (listed.applied, applied.applied) == (0, 1)


async def test_first_adoption_locks_what_was_there_before(made: Audits) -> None:
    seed_bulk(made.local.emulator.store, NAME, Bulk(images=20, tag="1.0.{}"))
    seed_bulk(made.local.emulator.store, "prod/multi", Bulk(images=5, tag="1.0.{}", children=3, first=500))
    seed_bulk(made.local.emulator.store, "sandbox", Bulk(images=5, tag="1.0.{}", first=900))
    report = await made.audit(repair=True)
    assert (report.repair.images, report.repair.planned, report.repair.applied) == (25, 20 * 2 + 5 * 5, 25)
    second = await made.audit(repair=True)
    assert (second.verdict, second.coverage.releases, second.repair.images) == (AuditVerdict.CLEAN, 25, 0)
    assert made.local.emulator.store.tag("sandbox", "1.0.900").flags == OPEN


async def test_more_updates_than_allowed_are_refused_before_the_first(made: Audits) -> None:
    seed_bulk(made.local.emulator.store, NAME, Bulk(images=20, tag="1.0.{}"))
    made.local.clear()
    report = await made.audit(repair=True, max_actions=39)
    assert patches(made) == 0
    assert report.repair.refused.startswith("40 updates planned for 20 images, expected at most 39")
    assert "REPAIR_REFUSED" in kinds(report)
    assert (await made.audit(repair=True, max_actions=40)).repair.applied == 20


async def test_a_moved_tag_has_its_recorded_closure_tightened_and_never_the_new_one(made: Audits) -> None:
    children = [plain("amd64"), plain("arm64")]
    for child in children:
        made.local.push(None, child)
    root = index(*children)
    await made.local.deliver(made.local.push("1.0.0", root))
    made.local.clock.advance(timedelta(minutes=1))
    other = plain("other")
    made.local.push("next", other)
    made.local.emulator.store.import_image(NAME, "1.0.0", source=f"{NAME}:next", force=True)
    made.unlock_manifest(children[0].digest)
    made.unlock_manifest(root.digest)
    report = await made.audit(repair=True)
    assert [action.reason for action in report.repair.actions] == ["TAG_MOVED"]
    assert {made.local.flags(each) for each in (*children, root)} == {UNDELETABLE}
    assert made.local.flags(other) == OPEN
    assert (await made.local.releases())["1.0.0"].digest == root.digest
    assert kinds(await made.audit(repair=True)) == ["TAG_MOVED"]


async def test_a_missed_release_is_locked_and_recorded(made: Audits) -> None:
    await made.audit()
    made.local.clock.advance(timedelta(minutes=1))
    made.local.push("1.0.1", plain("lost event"))
    await made.audit(repair=True)
    assert made.local.tag_flags("1.0.1") == LOCKED_TAG
    assert "1.0.1" in await made.local.releases()
    assert (await made.audit()).verdict is AuditVerdict.CLEAN


async def test_a_lost_ledger_is_filled_again_from_what_is_locked(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1")
    made.local.app = replace(made.local.app, rows=open_sqlite(":memory:"))
    report = await made.audit(repair=True)
    assert report.verdict is AuditVerdict.BASELINE_MISSING
    assert set(await made.local.releases()) == {"1.0.0", "1.0.1"}
    assert (await made.audit()).verdict is AuditVerdict.CLEAN


async def test_what_moved_since_it_was_planned_is_left_alone(made: Audits) -> None:
    await made.audit()
    made.local.clock.advance(timedelta(minutes=1))
    made.local.push("1.0.1", plain("one"))
    second = plain("two")
    made.local.push("other", second)
    body = made.local.emulator.store

    class Moving:
        """The background registry, before whose first look at a tag somebody moves it."""

        def __init__(self) -> None:
            self.inner = made.auditing.background(made.local.login_server)

        def __getattr__(self, name: str) -> object:
            if name == "tag":
                body.import_image(NAME, "1.0.1", source=f"{NAME}:other", force=True)
            return getattr(self.inner, name)

    moving = Moving()
    report = await made.audit(repair=True, background=lambda _login_server: moving)
    (action,) = report.repair.actions
    assert (action.state, action.message.partition(" ")[0]) == (ActionState.FAILED, "moved")
    assert made.local.tag_flags("1.0.1") == OPEN


async def test_a_repair_that_the_registry_refuses_is_reported_and_goes_on_as_due_work(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    made.local.emulator.faults.add(Fault(action=faults.Answer(status=405), method="PATCH", times=None))
    report = await made.audit(repair=True)
    assert (report.repair.applied, report.repair.failed) == (0, 1)
    made.local.emulator.faults.clear()
    await made.local.settle()
    assert made.local.tag_flags("1.0.0") == LOCKED_TAG


async def test_the_most_severe_is_mended_first(made: Audits) -> None:
    made.local.with_rules(
        'version = 1\n[[rule]]\nname = "trial"\nmode = "report"\ntags = { glob = ["a*"] }\n'
        '[[rule]]\nname = "real"\ntags = { glob = ["z*"] }\n'
    )
    made.local.push("a1", plain("a"))
    made.local.push("z1", plain("z"))
    actions = (await made.audit(repair=True)).repair.actions
    assert [(each.severity, each.state) for each in actions] == [
        ("critical", ActionState.APPLIED),
        ("warning", ActionState.PLANNED),
    ]
    assert (made.local.tag_flags("a1"), made.local.tag_flags("z1")) == (OPEN, LOCKED_TAG)


async def test_after_repair_no_release_loses_a_child_to_a_purge(made: Audits) -> None:
    children = [plain("amd64"), plain("arm64")]
    for child in children:
        made.local.push(None, child)
    await made.local.deliver(made.local.push("1.0.0", index(*children)))
    made.unlock_manifest(children[0].digest)
    await made.audit(repair=True)
    store = made.local.emulator.store
    for child in children:
        assert store.manifest(NAME, child.digest).flags.locked


async def test_a_release_row_that_cannot_be_read_fails_its_own_repair_and_no_other(made: Audits) -> None:
    for tag in ("1.0.0", "2.0.0"):
        made.local.push(tag, plain(tag))
    key = release_key(made.local.login_server, Repository(NAME), Tag("1.0.0"))
    await made.local.app.rows.write([Upsert(key, json.dumps({"format": 99, "row": {}}).encode())])
    report = await made.audit(repair=True)
    assert made.local.tag_flags("2.0.0") == LOCKED_TAG
    assert made.local.tag_flags("1.0.0") == OPEN
    assert report.verdict is AuditVerdict.INCOMPLETE
