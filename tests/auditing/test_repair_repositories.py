"""A repository's own attributes: loosened, planned behind all images, turned off, and proved."""

from collections.abc import AsyncIterator
from copy import replace
from datetime import timedelta
from typing import Literal

import pytest

from localcloud import faults
from localcloud.faults import Fault
from localcloud.registry.flags import LOCKED, OPEN, Flags
from localcloud.registry.seeding import Bulk, seed_bulk
from localcloud.tls import Authority
from taglock.domain.attributes import IMMUTABLE, Attribute
from taglock.domain.audit_report import ActionState, AuditReport, AuditVerdict, RepairAction
from taglock.domain.ledger import ProvenRepository, repository_key, restored
from taglock.domain.reference import Repository
from taglock.domain.rule import Mode
from tests.auditing.audit_world import Audits, audits, kinds, only
from tests.pushing.images import plain
from tests.pushing.world import LOCKED_TAG, RULES, UNDELETABLE

NAME = "prod/api"
OWN = '[[rule]]\nname = "{name}"\nscope = "repository"\nrepositories = ["prod/**"]\nprofile = "{profile}"\n{more}\n'
FROZEN = RULES + OWN.format(name="frozen", profile="immutable", more="")


@pytest.fixture
async def frozen(authority: Authority) -> AsyncIterator[Audits]:
    """A registry whose repositories a rule wants frozen: write and delete off."""
    async with audits(authority, rules=FROZEN) as made:
        yield made


def of_repository(report: AuditReport) -> RepairAction:
    (action,) = (each for each in report.repair.actions if each.image.endswith(f"/{NAME}"))
    return action


async def proof(made: Audits, repository: str = NAME) -> ProvenRepository | None:
    (row,) = await made.local.app.rows.read([repository_key(made.local.login_server, Repository(repository))])
    return restored(ProvenRepository, row.body) if row is not None else None


async def test_a_loosened_repository_is_told_with_since_when_it_was_locked(made: Audits) -> None:
    made.local.with_rules(RULES + OWN.format(name="keep", profile="undeletable", more=""))
    await made.released("1.0.0")
    assert made.own_flags() == UNDELETABLE
    made.unlock_repository()
    report = await made.audit()
    finding = only(report)
    assert (finding.kind, finding.severity, finding.rule) == ("LOOSENED", "critical", "keep")
    assert finding.subject == f"{made.local.login_server}/{NAME}"
    assert finding.expected == "repository delete off, locked since 2026-03-01T12:00:00Z"
    assert finding.observed.startswith("repository nothing off")
    assert of_repository(report).reason == "LOOSENED"


async def test_a_loosened_repository_is_locked_again_proved_anew_and_the_next_audit_is_clean(made: Audits) -> None:
    made.local.with_rules(RULES + OWN.format(name="keep", profile="undeletable", more=""))
    await made.released("1.0.0")
    made.unlock_repository()
    report = await made.audit(repair=True)
    assert (report.repair.planned, report.repair.applied, report.repair.images) == (1, 1, 0)
    assert made.own_flags() == UNDELETABLE
    held = await proof(made)
    assert held is not None
    assert held.proven_at == made.local.clock.now()
    assert (await made.audit(repair=True)).verdict is AuditVerdict.CLEAN


async def test_a_loosened_repository_that_no_rule_wants_any_more_is_told_and_not_repaired(made: Audits) -> None:
    made.local.with_rules(RULES + OWN.format(name="keep", profile="undeletable", more=""))
    await made.released("1.0.0")
    made.unlock_repository()
    made.local.with_rules(RULES)
    report = await made.audit(repair=True)
    assert (kinds(report), report.repair.planned) == (["LOOSENED"], 0)
    assert made.own_flags() == OPEN


async def test_a_repository_that_was_locked_within_the_grace_is_pending(made: Audits) -> None:
    made.local.with_rules(RULES + OWN.format(name="keep", profile="undeletable", more=""))
    await made.released("1.0.0")
    made.unlock_repository()
    report = await made.audit(after=timedelta(minutes=1))
    assert (report.findings, report.coverage.pending) == ((), 1)


async def test_a_proof_is_found_behind_more_rows_than_one_read_brings(
    made: Audits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taglock.enforcement.audit.alongside.PAGE", 3)
    made.local.with_rules(RULES + OWN.format(name="keep", profile="undeletable", more=""))
    await made.released(*(f"1.0.{number}" for number in range(5)))
    made.unlock_repository()
    assert kinds(await made.audit()) == ["LOOSENED"]


async def test_only_repair_turns_write_off_and_an_event_never(frozen: Audits) -> None:
    await frozen.released("1.0.0")
    assert frozen.own_flags() == UNDELETABLE
    listed = await frozen.audit()
    assert [(each.kind, each.observed) for each in listed.findings] == [("PARTLY_LOCKED", "repository delete off")]
    assert frozen.own_flags() == UNDELETABLE
    report = await frozen.audit(repair=True)
    assert (of_repository(report).state, of_repository(report).targets) == (ActionState.APPLIED, 1)
    assert frozen.own_flags() == LOCKED
    held = await proof(frozen)
    assert held is not None
    assert (held.off, held.rule, held.mode) == (IMMUTABLE.off, "frozen", Mode.ENFORCE)
    assert (await frozen.audit(repair=True)).verdict is AuditVerdict.CLEAN


async def test_write_that_is_on_again_is_loosened_even_when_nobody_pushes(frozen: Audits) -> None:
    await frozen.released("1.0.0")
    await frozen.audit(repair=True)
    frozen.unlock_repository(flags=UNDELETABLE)
    finding = only(await frozen.audit())
    assert finding.kind == "LOOSENED"
    assert finding.expected == "repository delete,write off, locked since 2026-03-01T13:00:00Z"


async def test_what_repair_did_to_a_repository_is_in_the_journal(frozen: Audits) -> None:
    await frozen.released("1.0.0")
    report = await frozen.audit(repair=True)
    image = f"{frozen.local.login_server}/{NAME}"
    (entry,) = (each for each in await frozen.local.journal() if each.image == image)
    assert (entry.trigger, entry.outcome, entry.rule, entry.applied) == ("audit_registry", "locked", "frozen", 1)
    assert entry.event_id == f"audit/{report.audit_id}/{NAME}"


async def test_images_are_locked_before_their_repository_refuses_it(frozen: Audits) -> None:
    seed_bulk(frozen.local.emulator.store, NAME, Bulk(images=10, tag="1.0.{}"))
    seed_bulk(frozen.local.emulator.store, "prod/aaa", Bulk(images=10, tag="1.0.{}", first=100))
    report = await frozen.audit(repair=True)
    assert {each.state for each in report.repair.actions} == {ActionState.APPLIED}
    assert (report.repair.images, report.repair.planned, report.repair.applied) == (20, 42, 22)
    assert (frozen.own_flags(), frozen.own_flags("prod/aaa")) == (LOCKED, LOCKED)
    assert frozen.local.tag_flags("1.0.9") == LOCKED_TAG
    assert (await frozen.audit(repair=True)).verdict is AuditVerdict.CLEAN


async def test_repair_updates_a_repository_once_however_many_images_it_has(frozen: Audits) -> None:
    seed_bulk(frozen.local.emulator.store, NAME, Bulk(images=10, tag="1.0.{}"))
    frozen.local.clear()
    report = await frozen.audit(repair=True)
    assert frozen.local.requests()["PATCH repository"] == 1
    assert frozen.updates().total() == report.repair.planned


async def test_write_stays_on_while_an_image_of_the_repository_could_not_be_locked(frozen: Audits) -> None:
    seed_bulk(frozen.local.emulator.store, NAME, Bulk(images=1, tag="1.0.{}"))
    refusal = Fault(action=faults.Answer(status=405), method="PATCH", kind="tag", times=None)
    frozen.local.emulator.faults.add(refusal)
    report = await frozen.audit(repair=True)
    action = of_repository(report)
    assert (action.state, action.message.partition(":")[0]) == (ActionState.FAILED, "write stays on")
    assert frozen.own_flags() == UNDELETABLE
    frozen.local.emulator.faults.clear()
    await frozen.local.settle()
    assert of_repository(await frozen.audit(repair=True)).state is ActionState.APPLIED
    assert frozen.own_flags() == LOCKED


async def test_write_stays_on_while_the_lock_of_what_runs_is_due_work(frozen: Audits) -> None:
    rules = FROZEN + '[[rule]]\nname = "running"\non = ["deployment"]\n'
    frozen.local.with_rules(rules)
    image = plain("runs")
    frozen.local.push(None, image)
    frozen.local.emulator.faults.add(Fault(action=faults.Answer(status=405), method="PATCH", times=None))
    await frozen.deployed(image.digest)
    frozen.local.emulator.faults.clear()
    report = await frozen.audit(repair=True)
    assert of_repository(report).message == "write stays on: the lock of an image is due work"
    await frozen.local.settle()
    await frozen.audit(repair=True)
    assert (frozen.own_flags(), frozen.local.flags(image)) == (LOCKED, UNDELETABLE)


async def test_write_stays_on_when_what_was_planned_moved_meanwhile(frozen: Audits) -> None:
    frozen.local.push("1.0.0", plain("one"))
    frozen.local.push("other", plain("two"))
    background = frozen.auditing.background(frozen.local.login_server)
    store = frozen.local.emulator.store

    class Moving:
        """The background registry, before whose first look at a tag somebody moves it."""

        def __getattr__(self, name: str) -> object:
            if name == "tag":
                store.import_image(NAME, "1.0.0", source=f"{NAME}:other", force=True)
            return getattr(background, name)

    moving = Moving()
    report = await frozen.audit(repair=True, background=lambda _login_server: moving)
    assert "could not be locked" in of_repository(report).message
    assert frozen.own_flags() == UNDELETABLE


async def test_write_stays_on_while_a_young_image_waits_for_its_event(frozen: Audits) -> None:
    frozen.local.clock.advance(timedelta(hours=1))
    frozen.local.push("1.0.0", plain("just pushed"))
    await frozen.audit(repair=True, after=timedelta(minutes=1))
    assert frozen.own_flags() == UNDELETABLE
    await frozen.audit(repair=True)
    assert frozen.own_flags() == LOCKED
    assert frozen.local.tag_flags("1.0.0") == LOCKED_TAG


@pytest.mark.parametrize(
    ("registry", "state", "after"),
    [("refused", ActionState.FAILED, OPEN), ("allowed", ActionState.APPLIED, LOCKED_TAG)],
)
async def test_a_lock_that_is_taken_off_in_a_repository_without_write_is_repaired_where_the_registry_lets_it(
    frozen: Audits, registry: Literal["refused", "allowed"], state: ActionState, after: Flags
) -> None:
    await frozen.released("1.0.0")
    await frozen.audit(repair=True)
    frozen.unlock("1.0.0")
    frozen.local.emulator.options.patch_in_locked_repository = registry
    report = await frozen.audit(repair=True)
    assert "LOOSENED" in kinds(report)
    assert [(each.state, "disallowed" in each.message.lower()) for each in report.repair.actions] == [
        (state, registry == "refused")
    ]
    assert (frozen.local.tag_flags("1.0.0"), frozen.own_flags()) == (after, LOCKED)


async def test_report_mode_lists_the_same_repositories_and_changes_nothing(frozen: Audits) -> None:
    frozen.local.push("dev", plain("dev"))
    frozen.local.app = replace(frozen.local.app, mode=Mode.REPORT)
    frozen.local.clear()
    listed = await frozen.audit(repair=True)
    assert frozen.updates().total() == 0
    assert frozen.own_flags() == OPEN
    frozen.local.app = replace(frozen.local.app, mode=Mode.ENFORCE)
    applied = await frozen.audit(repair=True)
    assert [(each.image, each.targets, each.state) for each in listed.repair.actions] == [
        (f"{frozen.local.login_server}/{NAME}", 1, ActionState.PLANNED)
    ]
    assert [(each.image, each.targets, each.state) for each in applied.repair.actions] == [
        (f"{frozen.local.login_server}/{NAME}", 1, ActionState.APPLIED)
    ]


async def test_a_repository_rule_in_report_mode_is_listed_and_not_carried_out(made: Audits) -> None:
    made.local.with_rules(RULES + OWN.format(name="trial", profile="immutable", more='mode = "report"'))
    made.local.push("dev", plain("dev"))
    report = await made.audit(repair=True)
    action = of_repository(report)
    assert (action.severity, action.state, action.message) == (
        "warning",
        ActionState.PLANNED,
        "its rule is in report mode",
    )
    assert made.own_flags() == OPEN


async def test_repositories_count_among_the_updates_that_are_allowed(frozen: Audits) -> None:
    seed_bulk(frozen.local.emulator.store, NAME, Bulk(images=2, tag="1.0.{}"))
    report = await frozen.audit(repair=True, max_actions=4)
    assert report.repair.refused.startswith("5 updates planned for 2 images and 1 repositories, expected at most 4")
    assert frozen.own_flags() == OPEN
    assert (await frozen.audit(repair=True, max_actions=5)).repair.applied == 3


async def test_a_status_without_the_attributes_is_no_proof(frozen: Audits) -> None:
    frozen.local.push("dev", plain("dev"))
    background = frozen.auditing.background(frozen.local.login_server)

    class Forgetful:
        """The background registry, behind whose back somebody turns write on again before it answers."""

        def __getattr__(self, name: str) -> object:
            return getattr(background, name)

        async def update_repository(self, update: object) -> object:
            state = await background.update_repository(update)  # type: ignore[arg-type]
            return replace(state, off=state.off - {Attribute.WRITE})

    forgetful = Forgetful()
    report = await frozen.audit(repair=True, background=lambda _login_server: forgetful)
    action = of_repository(report)
    assert action.state is ActionState.FAILED
    assert "shows off only delete" in action.message
    assert await proof(frozen) is None


async def test_a_push_to_a_repository_without_write_keeps_the_proof_of_write(frozen: Audits) -> None:
    await frozen.released("1.0.0")
    await frozen.audit(repair=True)
    hidden = '[profile.frozen-and-hidden]\noff = ["write", "delete", "list"]\n'
    own = OWN.format(name="frozen", profile="frozen-and-hidden", more="")
    frozen.local.with_rules(RULES.replace("version = 1", f"version = 1\n{hidden}") + own)
    frozen.local.emulator.options.patch_in_locked_repository = "allowed"
    await frozen.local.deliver(frozen.local.pushed[-1])
    held = await proof(frozen)
    assert held is not None
    assert held.off == {Attribute.WRITE, Attribute.DELETE, Attribute.LIST}
    assert frozen.own_flags() == Flags(delete=False, write=False, list=False)
