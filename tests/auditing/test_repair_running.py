"""What only a deployment protects: its loosened manifests are planned and locked again, and no tag is touched."""

from collections.abc import AsyncIterator
from copy import replace
from datetime import timedelta

import pytest

from localcloud.registry.flags import OPEN
from localcloud.tls import Authority
from taglock.domain.audit_report import ActionState, AuditVerdict
from taglock.domain.ledger import ProvenManifest, manifest_key, restored
from taglock.domain.reference import Digest, Repository
from taglock.domain.rule import Mode
from tests.auditing.audit_world import Audits, audits, kinds
from tests.pushing.images import index, plain
from tests.pushing.world import RULES, UNDELETABLE

NAME = "prod/api"
DEPLOYED = RULES + '[[rule]]\nname = "running"\non = ["deployment"]\nenvironments = ["production*"]\n'


@pytest.fixture
async def runs(authority: Authority) -> AsyncIterator[Audits]:
    async with audits(authority, rules=DEPLOYED) as made:
        yield made


def pushed(made: Audits, tag: str | None, *children: str) -> tuple[str, list[str]]:
    """Push an image, or an index of the children, without telling the app; return its digest and theirs."""
    images = [plain(child) for child in children]
    for image in images:
        made.local.push(None, image)
    root = index(*images, name=str(tag)) if images else plain(str(tag))
    made.local.push(tag, root)
    return root.digest, [image.digest for image in images]


def flags(made: Audits, digest: str) -> object:
    return made.local.emulator.store.manifest(NAME, digest).flags


async def proof(made: Audits, digest: str) -> ProvenManifest:
    key = manifest_key(made.local.login_server, Repository(NAME), Digest(digest))
    (row,) = await made.local.app.rows.read([key])
    assert row is not None
    return restored(ProvenManifest, row.body)


async def test_a_loosened_digest_that_runs_is_locked_again_and_its_tag_left_alone(runs: Audits) -> None:
    digest, _ = pushed(runs, "build-1")
    await runs.deployed(digest)
    runs.unlock_manifest(digest)
    runs.local.clear()
    report = await runs.audit(repair=True)
    (action,) = report.repair.actions
    assert action.image == f"{runs.local.login_server}/{NAME}@{digest}"
    assert (action.rule, action.reason, action.targets, action.state) == (
        "running",
        "LOOSENED",
        1,
        ActionState.APPLIED,
    )
    assert kinds(report) == ["LOOSENED"]
    assert (flags(runs, digest), runs.local.tag_flags("build-1")) == (UNDELETABLE, OPEN)
    assert runs.updates() == {(NAME, digest): 1}
    held = await proof(runs, digest)
    assert (held.rule, held.proven_at) == ("running", runs.local.clock.now())
    assert (await runs.audit(repair=True)).verdict is AuditVerdict.CLEAN


async def test_without_repair_it_is_listed_and_nothing_changes(runs: Audits) -> None:
    digest, _ = pushed(runs, None)
    await runs.deployed(digest)
    runs.unlock_manifest(digest)
    runs.local.app = replace(runs.local.app, mode=Mode.REPORT)
    report = await runs.audit(repair=True)
    (action,) = report.repair.actions
    assert (action.state, action.severity, report.repair.images) == (ActionState.PLANNED, "warning", 1)
    assert flags(runs, digest) == OPEN


async def test_a_loosened_child_of_an_index_that_runs_is_one_action_of_its_index(runs: Audits) -> None:
    root, children = pushed(runs, "build-2", "amd64", "arm64")
    await runs.deployed(root)
    for digest in (root, children[0]):
        runs.unlock_manifest(digest)
    report = await runs.audit(repair=True)
    (action,) = report.repair.actions
    assert (action.image.partition("@")[2], action.targets, action.state) == (root, 2, ActionState.APPLIED)
    assert {flags(runs, digest) for digest in (root, *children)} == {UNDELETABLE}
    runs.unlock_manifest(children[1])
    report = await runs.audit(repair=True)
    assert [(each.targets, each.state) for each in report.repair.actions] == [(1, ActionState.APPLIED)]
    assert (await runs.audit(repair=True)).verdict is AuditVerdict.CLEAN


async def test_a_loosened_child_of_two_indexes_that_run_is_locked_again_once(runs: Audits) -> None:
    child = plain("shared")
    roots = [index(child, name=name) for name in ("one", "two")]
    for manifest in (child, *roots):
        runs.local.push(None, manifest)
    await runs.deployed(*(root.digest for root in roots))
    runs.unlock_manifest(child.digest)
    report = await runs.audit(repair=True)
    assert (len(report.repair.actions), report.repair.planned, report.repair.applied) == (1, 1, 1)
    assert flags(runs, child.digest) == UNDELETABLE


async def test_an_index_whose_moved_tag_left_it_without_any_name_is_locked_again(runs: Audits) -> None:
    root, children = pushed(runs, "latest", "amd64")
    await runs.deployed(root)
    runs.local.push("latest", plain("newer"))
    runs.unlock_manifest(children[0])
    await runs.audit(repair=True)
    assert flags(runs, children[0]) == UNDELETABLE


async def test_a_release_that_runs_is_repaired_once_and_by_its_tag(runs: Audits) -> None:
    await runs.released("1.0.0")
    digest = runs.digest_of("1.0.0")
    await runs.deployed(digest)
    runs.unlock_manifest(digest)
    report = await runs.audit(repair=True)
    assert [each.image.partition(":1.0.0@")[2] for each in report.repair.actions] == [digest]
    assert report.repair.planned == 1


async def test_what_runs_no_longer_is_told_and_not_repaired(runs: Audits) -> None:
    first, _ = pushed(runs, "build-1")
    second, _ = pushed(runs, "build-2")
    await runs.deployed(first)
    runs.local.clock.advance(timedelta(minutes=1))
    await runs.deployed(second)
    runs.unlock_manifest(first)
    report = await runs.audit(repair=True)
    assert (kinds(report), report.repair.actions) == (["LOOSENED"], ())
    assert flags(runs, first) == OPEN


async def test_what_no_deployment_rule_wants_any_more_is_told_and_not_repaired(runs: Audits) -> None:
    digest, _ = pushed(runs, "build-1")
    await runs.deployed(digest)
    runs.unlock_manifest(digest)
    runs.local.with_rules(RULES)
    report = await runs.audit(repair=True)
    assert (kinds(report), report.repair.actions) == (["LOOSENED"], ())


async def test_what_ended_since_it_was_planned_is_left_alone(runs: Audits) -> None:
    first, _ = pushed(runs, "build-1")
    second, _ = pushed(runs, "build-2")
    await runs.deployed(first)
    runs.unlock_manifest(first)
    rows = runs.local.app.rows

    class Ending:
        """The ledger; when the plan is read somebody deploys something else."""

        def __init__(self) -> None:
            self.ended = False

        def __getattr__(self, name: str) -> object:
            return getattr(rows, name)

        async def scan(self, partition: str, **options: object) -> object:
            if partition.startswith("repair/") and not self.ended:
                self.ended = True
                runs.local.app = replace(runs.local.app, rows=rows)
                await runs.deployed(second)
            return await rows.scan(partition, **options)  # type: ignore[arg-type]

    runs.local.app = replace(runs.local.app, rows=Ending())  # type: ignore[arg-type]
    report = await runs.audit(repair=True)
    (action,) = report.repair.actions
    assert (action.state, action.message.partition(":")[0]) == (ActionState.FAILED, "not known to run any more")
    assert flags(runs, first) == OPEN


async def test_what_runs_is_asked_of_the_registry_only_where_something_was_loosened(runs: Audits) -> None:
    digest, _ = pushed(runs, "build-1")
    await runs.deployed(digest)
    await runs.audit()
    runs.local.clear()
    await runs.audit()
    undisturbed = sum(runs.local.requests().values())
    runs.unlock_manifest(digest)
    runs.local.clear()
    await runs.audit()
    assert sum(runs.local.requests().values()) == undisturbed + 1


async def test_what_was_locked_again_is_in_the_journal(runs: Audits) -> None:
    digest, _ = pushed(runs, "build-1")
    await runs.deployed(digest)
    runs.unlock_manifest(digest)
    report = await runs.audit(repair=True)
    (entry,) = (each for each in await runs.local.journal() if each.trigger == "audit_registry")
    assert (entry.outcome, entry.rule, entry.applied) == ("locked", "running", 1)
    assert entry.event_id == f"audit/{report.audit_id}/{NAME}@{digest}"
