"""What an audit says about what it could not see: hidden things are looked up, the rest is told, never CLEAN."""

import json
from collections.abc import Sequence
from copy import replace
from datetime import timedelta

import pytest

from localcloud import faults
from localcloud.faults import Fault
from localcloud.registry.flags import Flags
from localcloud.registry.seeding import Bulk, seed_bulk
from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.audit.rows import run_key
from taglock.domain.audit_report import AuditReport, AuditVerdict
from taglock.domain.ledger import release_key
from taglock.domain.reference import Repository, Tag
from taglock.domain.row import Upsert
from taglock.domain.rule import RuleSet
from taglock.errors import InvalidConfiguration
from tests.auditing.audit_world import Audits, kinds, only
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG

NAME = "prod/api"
HIDDEN_TAG = Flags(delete=False, write=False, list=False)
HIDDEN_MANIFEST = Flags(delete=False, list=False)


def reasons(report: AuditReport) -> Sequence[str]:
    return [unread.reason for unread in report.coverage.unread]


async def test_a_hidden_release_is_looked_up_by_the_name_that_its_manifest_tells(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1")
    made.unlock("1.0.0", flags=HIDDEN_TAG)
    report = await made.audit()
    assert report.verdict is AuditVerdict.CLEAN
    assert (report.coverage.tags.listed, report.coverage.tags.looked_up, report.coverage.tags.expected) == (1, 1, 2)


async def test_a_hidden_release_is_looked_up_by_the_name_that_the_ledger_knows(made: Audits) -> None:
    made.local.emulator.options.unlisted_tags_of_manifest = "hidden"
    await made.released("1.0.0")
    made.unlock("1.0.0", flags=HIDDEN_TAG)
    report = await made.audit()
    assert (report.verdict, report.coverage.tags.looked_up) == (AuditVerdict.CLEAN, 1)
    made.unlock("1.0.0", flags=Flags(list=False))
    assert kinds(await made.audit()) == ["LOOSENED"]


async def test_a_hidden_manifest_of_a_release_is_looked_up(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock_manifest(made.digest_of("1.0.0"), flags=HIDDEN_MANIFEST)
    report = await made.audit()
    assert (report.verdict, report.coverage.manifests.looked_up) == (AuditVerdict.CLEAN, 1)
    made.unlock_manifest(made.digest_of("1.0.0"), flags=Flags(list=False))
    assert kinds(await made.audit()) == ["LOOSENED"]


async def test_a_hidden_child_is_looked_up(made: Audits) -> None:
    child = plain("child")
    made.local.push(None, child)
    await made.local.deliver(made.local.push("2.0.0", index(child)))
    made.unlock_manifest(child.digest, flags=HIDDEN_MANIFEST)
    report = await made.audit()
    assert (report.verdict, report.coverage.manifests.seen) == (AuditVerdict.CLEAN, 2)


async def test_a_hidden_tag_that_nobody_knows_makes_the_audit_incomplete(made: Audits) -> None:
    made.local.emulator.options.unlisted_tags_of_manifest = "hidden"
    await made.released("1.0.0")
    made.local.push("secret", plain("secret"))
    made.unlock("secret", flags=Flags(list=False))
    report = await made.audit()
    assert report.verdict is AuditVerdict.INCOMPLETE
    assert reasons(report) == ["1 tags that no listing shows and nobody knows by name"]
    assert kinds(report) == ["COVERAGE_GAP"]
    assert (report.coverage.tags.seen, report.coverage.tags.expected) == (1, 2)


async def test_a_partial_listing_of_tags_is_noticed_and_filled_up(made: Audits) -> None:
    await made.released(*(f"1.0.{number}" for number in range(6)))
    made.local.emulator.faults.add(Fault(action=faults.PartialListing(keep=2), kind="tags", times=None))
    report = await made.audit()
    assert report.verdict is AuditVerdict.CLEAN
    assert (report.coverage.tags.listed, report.coverage.tags.looked_up) == (2, 4)


async def test_a_partial_listing_of_unknown_manifests_makes_the_audit_incomplete(made: Audits) -> None:
    for number in range(4):
        made.local.push(None, plain(f"untagged {number}"))
    made.local.emulator.faults.add(Fault(action=faults.PartialListing(keep=1), kind="manifests", times=None))
    report = await made.audit()
    assert report.verdict is AuditVerdict.INCOMPLETE
    assert reasons(report) == ["3 manifests that no listing shows and nobody knows by name"]


async def test_a_repository_that_the_catalog_leaves_out_is_asked_for_by_name(made: Audits) -> None:
    await made.released("1.0.0", repository="prod/a")
    await made.released("1.0.0", repository="prod/b")
    made.unlock("1.0.0", repository="prod/b")
    made.local.emulator.faults.add(Fault(action=faults.PartialListing(keep=1), kind="catalog", times=None))
    report = await made.audit()
    assert kinds(report) == ["LOOSENED"]
    assert (report.coverage.repositories.listed, report.coverage.repositories.looked_up) == (1, 1)


async def test_an_unreadable_repository_is_a_gap_and_the_others_are_judged(made: Audits) -> None:
    await made.released("1.0.0", repository="prod/a")
    await made.released("1.0.0", repository="prod/b")
    made.unlock("1.0.0", repository="prod/b")
    made.local.emulator.faults.add(Fault(action=faults.Answer(status=500), match="prod/a/_manifests", times=None))
    report = await made.audit()
    assert report.verdict is AuditVerdict.INCOMPLETE
    assert kinds(report) == ["COVERAGE_GAP", "LOOSENED"]
    assert report.coverage.unread[0].subject == f"{made.local.login_server}/prod/a"
    assert (report.coverage.repositories.seen, report.coverage.repositories.expected) == (1, 2)


async def test_findings_of_what_is_unread_stay_open(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    await made.audit()
    fault = Fault(action=faults.Answer(status=500), kind="tags", times=None)
    made.local.emulator.faults.add(fault)
    report = await made.audit()
    assert kinds(report) == ["COVERAGE_GAP", "LOOSENED"]
    made.local.emulator.faults.clear()
    assert kinds(await made.audit()) == ["LOOSENED"]


async def test_an_unreadable_catalog_leaves_everything_open(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    await made.audit()
    made.local.emulator.faults.add(Fault(action=faults.Answer(status=500), kind="catalog", times=None))
    report = await made.audit()
    assert report.verdict is AuditVerdict.INCOMPLETE
    assert kinds(report) == ["COVERAGE_GAP", "LOOSENED"]


async def test_without_the_permission_to_list_the_catalog_the_role_is_named(made: Audits) -> None:
    made.local.push("latest", plain("x"))
    made.local.emulator.faults.add(Fault(action=faults.Challenged(error="insufficient_scope"), kind="catalog", times=9))
    report = await made.audit()
    assert report.verdict is AuditVerdict.INCOMPLETE
    assert "Catalog Lister" in reasons(report)[0]


async def test_an_empty_ledger_over_locked_releases_is_no_clean_registry(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1")
    await made.audit()
    made.local.app = replace(made.local.app, rows=open_sqlite(":memory:"))
    report = await made.audit()
    assert report.verdict is AuditVerdict.BASELINE_MISSING
    assert only(report).observed == "2 locked releases and none in the ledger"


async def test_an_empty_registry_and_an_empty_ledger_are_clean(made: Audits) -> None:
    report = await made.audit()
    assert (report.verdict, report.coverage.repositories.expected) == (AuditVerdict.CLEAN, 0)


async def test_a_release_row_of_a_newer_version_leaves_the_audit_incomplete(made: Audits) -> None:
    await made.released("1.0.0")
    key = release_key(made.local.login_server, Repository(NAME), Tag("1.0.0"))
    await made.local.app.rows.write([Upsert(key, json.dumps({"format": 99, "row": {}}).encode())])
    report = await made.audit()
    assert report.verdict is AuditVerdict.INCOMPLETE
    assert "newer version" in reasons(report)[0]


async def test_a_run_that_cannot_be_read_is_begun_anew(made: Audits) -> None:
    await made.released("1.0.0")
    await made.local.app.rows.write([Upsert(run_key(made.local.login_server), b"damaged")])
    assert (await made.audit()).verdict is AuditVerdict.CLEAN


async def test_a_catalog_that_repeats_names_is_read_once_and_told(made: Audits) -> None:
    await made.released("1.0.0", repository="prod/a")
    await made.released("1.0.0", repository="prod/b")
    body = json.dumps({"repositories": ["prod/b", "prod/a", "prod/b", "prod/b"]})
    made.local.emulator.faults.add(Fault(action=faults.Answer(status=200, body=body), kind="catalog", times=None))
    report = await made.audit()
    assert report.verdict is AuditVerdict.CLEAN
    assert report.coverage.repositories.seen == 2
    assert any("not in order" in remark for remark in report.coverage.remarks)


@pytest.mark.parametrize("noun", ["catalog", "tags", "manifests"])
async def test_a_listing_that_goes_round_in_circles_ends_and_is_told(made: Audits, noun: str) -> None:
    await made.released("1.0.0", "1.0.1")
    where = "_catalog" if noun == "catalog" else f"prod%2Fapi/_{noun}"
    link = faults.ForeignLink(target=f"/acr/v1/{where}?last=0&n=1000&orderby=")
    made.local.emulator.faults.add(Fault(action=link, kind=noun, times=None))
    report = await made.audit()
    assert report.verdict in (AuditVerdict.INCOMPLETE, AuditVerdict.CLEAN)
    if report.verdict is AuditVerdict.INCOMPLETE:
        assert "circles" in reasons(report)[0]


async def test_tags_in_another_order_are_judged_all_the_same_and_told(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1", "1.0.2")
    made.unlock("1.0.1")
    store = made.local.emulator.store.repository(NAME)
    flags = {name: store.tags.get(name).flags.as_json() for name in ("1.0.2", "1.0.1", "1.0.0")}  # type: ignore[union-attr]
    tags = [
        {
            "name": name,
            "digest": made.digest_of(name),
            "lastUpdateTime": "2026-03-01T12:00:00Z",
            "changeableAttributes": each,
            "unheardOf": {"a": 1},
        }
        for name, each in flags.items()
    ]
    body = json.dumps({"registry": made.local.login_server, "imageName": NAME, "tags": tags})
    made.local.emulator.faults.add(Fault(action=faults.Answer(status=200, body=body), kind="tags", times=None))
    report = await made.audit()
    assert kinds(report) == ["LOOSENED"]
    assert "prod/api: tags are not listed in order" in report.coverage.remarks


async def test_a_repository_that_vanishes_while_it_is_read_leaves_its_releases_missing(made: Audits) -> None:
    await made.released("1.0.0")
    await made.audit()
    gone = Fault(action=faults.Answer(status=404), match=NAME, skip=1, times=None)
    made.local.emulator.faults.add(gone)
    report = await made.audit()
    assert kinds(report) == ["RELEASE_MISSING", "RELEASE_MISSING"]


async def test_a_registry_that_vanishes_leaves_the_audit_incomplete(made: Audits) -> None:
    await made.released("1.0.0")
    made.local.emulator.faults.add(Fault(action=faults.Reset(), skip=1, times=None))
    assert (await made.audit()).verdict is AuditVerdict.INCOMPLETE


async def test_rules_that_cannot_be_used_leave_the_audit_incomplete(made: Audits) -> None:
    def broken() -> RuleSet:
        raise InvalidConfiguration.at("$.rule", "x", "a rule")

    made.local.app = replace(made.local.app, rules=broken)
    report = await made.audit()
    assert report.verdict is AuditVerdict.INCOMPLETE
    assert "rules cannot be used" in reasons(report)[0]


async def test_index_children_are_read_once_for_ever(made: Audits) -> None:
    seed_bulk(made.local.emulator.store, NAME, Bulk(images=50, children=3, tag="1.0.{}", flags=LOCKED_TAG))
    made.local.clear()
    first = await made.audit()
    counts = made.local.requests()
    assert counts == {
        "POST exchange": 1,
        "POST token": 2,
        "GET catalog": 1,
        "GET repository": 1,
        "GET tags": 1,
        "GET manifests": 1,
        "GET manifest attributes": 50,
    }
    assert (first.coverage.indexes_read, first.coverage.indexes_remembered, first.requests) == (50, 0, 54)
    made.local.clear()
    second = await made.audit()
    assert (second.coverage.indexes_read, second.coverage.indexes_remembered, second.requests) == (0, 50, 4)
    assert sum(made.local.requests().values()) == 4


async def test_an_index_that_was_locked_by_its_push_is_never_read_again(made: Audits) -> None:
    child = plain("child")
    made.local.push(None, child)
    assert (await made.local.deliver(made.local.push("1.0.0", index(child)))).outcome == "locked"
    report = await made.audit()
    assert report.verdict is AuditVerdict.CLEAN
    assert (report.coverage.indexes_read, report.coverage.indexes_remembered) == (0, 1)


async def test_requests_are_the_pages_and_one_for_each_repository(made: Audits) -> None:
    for number in range(12):
        seed_bulk(made.local.emulator.store, f"prod/r{number}", Bulk(images=2100, first=number * 10_000))
    report = await made.audit(after=timedelta(hours=2))
    assert report.requests == 1 + 12 * (1 + 3 + 3)
    assert report.coverage.tags.listed == 12 * 2100
