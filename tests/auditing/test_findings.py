"""What an audit finds, one difference at a time, against the emulated registry over real sockets."""

from copy import replace
from datetime import timedelta

from localcloud.registry.flags import OPEN, Flags
from taglock.domain.audit_report import AuditReport, AuditVerdict
from taglock.domain.rule import Mode
from tests.auditing.audit_world import Audits, kinds, only
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, ORIGIN, UNDELETABLE, World

NAME = "prod/api"


def pushed_index(local: World, tag: str, *, name: str = "") -> tuple[str, list[str]]:
    """Push an index of three images; return its event and its children."""
    children = [plain(f"{name}{each}") for each in ("amd64", "arm64", "attestation")]
    for child in children:
        local.push(None, child)
    event = local.push(tag, index(*children, name=name))
    return event, [child.digest for child in children]


async def watched(made: Audits) -> AuditReport:
    """Begin to watch: what is pushed from now on is announced by an event, or missed."""
    return await made.audit()


async def test_a_registry_whose_releases_are_locked_is_clean(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1")
    event, _ = pushed_index(made.local, "2.0.0")
    await made.local.deliver(event)
    report = await made.audit()
    assert report.verdict is AuditVerdict.CLEAN
    assert report.findings == ()
    assert (report.coverage.tags.listed, report.coverage.manifests.listed) == (3, 6)
    assert (report.coverage.releases, report.coverage.protected) == (3, 3)
    assert (report.coverage.tags.expected, report.coverage.manifests.expected) == (3, 6)


async def test_tags_that_no_rule_protects_are_no_findings(made: Audits) -> None:
    await made.released("1.0.0")
    made.local.push("latest", plain("latest"))
    made.local.push("3.0.0", plain("sandbox"), repository="sandbox/api")
    assert (await made.audit()).verdict is AuditVerdict.CLEAN


async def test_an_unlocked_tag_is_loosened_with_when_it_was_locked_and_seen(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    report = await made.audit()
    finding = only(report)
    assert (finding.kind, finding.severity, finding.rule) == ("LOOSENED", "critical", "releases")
    assert finding.subject == f"{made.local.login_server}/{NAME}:1.0.0"
    assert finding.expected == "delete,write off, locked since 2026-03-01T12:00:00Z"
    assert finding.observed == "nothing off, seen unlocked 2026-03-01T13:00:00Z"
    assert report.verdict is AuditVerdict.DRIFT


async def test_first_seen_is_kept_across_audits_and_only_the_first_is_new(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    first = only(await made.audit())
    second = only(await made.audit())
    assert (first.new, second.new) == (True, False)
    assert second.first_seen == first.first_seen < second.last_seen
    assert second.observed == first.observed
    assert made.local.topic.types.count("Taglock.DriftDetected") == 1
    assert made.local.topic.types.count("Taglock.AuditCompleted") == 2


async def test_a_finding_is_closed_when_it_no_longer_holds(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    await made.audit()
    made.unlock("1.0.0", flags=LOCKED_TAG)
    report = await made.audit()
    assert (report.findings, report.closed_total, report.verdict) == ((), 1, AuditVerdict.CLEAN)
    made.unlock("1.0.0")
    again = only(await made.audit())
    assert again.new


async def test_an_unlocked_manifest_of_a_release_is_loosened(made: Audits) -> None:
    await made.released("1.0.0")
    digest = made.digest_of("1.0.0")
    made.unlock_manifest(digest)
    finding = only(await made.audit())
    assert (finding.kind, finding.subject) == ("LOOSENED", f"{made.local.login_server}/{NAME}@{digest}")


async def test_unprotected_children_of_a_locked_index_are_named(made: Audits) -> None:
    event, children = pushed_index(made.local, "2.0.0")
    await made.local.deliver(event)
    made.unlock_manifest(children[1])
    report = await made.audit()
    assert kinds(report) == ["CLOSURE_INCOMPLETE", "LOOSENED"]
    (incomplete,) = (each for each in report.findings if each.kind == "CLOSURE_INCOMPLETE")
    assert incomplete.observed == f"1 not: {children[1]}"
    assert incomplete.subject.endswith(f"@{made.digest_of('2.0.0')}")


async def test_a_child_that_is_gone_is_missing_and_its_index_incomplete(made: Audits) -> None:
    event, children = pushed_index(made.local, "2.0.0")
    await made.local.deliver(event)
    made.unlock_manifest(children[0])
    made.local.emulator.store.delete_manifest(NAME, children[0], ORIGIN)
    report = await made.audit()
    assert kinds(report) == ["CLOSURE_INCOMPLETE", "RELEASE_MISSING"]
    assert any(f"{children[0]} (gone)" in finding.observed for finding in report.findings)


async def test_an_index_locked_by_hand_over_loose_children_is_incomplete(made: Audits) -> None:
    _, children = pushed_index(made.local, "2.0.0")
    made.unlock("2.0.0", flags=LOCKED_TAG)
    made.unlock_manifest(made.digest_of("2.0.0"), flags=UNDELETABLE)
    report = await made.audit()
    assert kinds(report) == ["CLOSURE_INCOMPLETE"]
    assert only(report).observed.startswith("3 not: ")
    assert all(child in only(report).observed for child in children)


async def test_a_nested_index_is_judged_down_to_its_leaves(made: Audits) -> None:
    leaf = plain("leaf")
    inner = index(leaf, name="inner")
    for each in (leaf, inner):
        made.local.push(None, each)
    await made.local.deliver(made.local.push("3.0.0", index(inner, name="outer")))
    assert (await made.audit()).verdict is AuditVerdict.CLEAN
    made.unlock_manifest(leaf.digest)
    assert kinds(await made.audit()) == ["CLOSURE_INCOMPLETE", "LOOSENED"]


async def test_an_index_whose_children_nobody_names_is_unknown(made: Audits) -> None:
    event, _ = pushed_index(made.local, "2.0.0")
    await made.local.deliver(event)
    await made.forget_children()
    made.local.emulator.options.index_references = "absent"
    made.local.emulator.options.accept_rules = "strict"
    digest = made.digest_of("2.0.0")
    made.local.emulator.store.manifest(NAME, digest).flags = Flags(delete=False, read=False)
    report = await made.audit()
    assert kinds(report) == ["CLOSURE_UNKNOWN"]
    assert report.verdict is AuditVerdict.DRIFT


async def test_children_are_read_from_the_content_when_the_attributes_name_none(made: Audits) -> None:
    event, children = pushed_index(made.local, "2.0.0")
    await made.local.deliver(event)
    await made.forget_children()
    made.local.emulator.options.index_references = "absent"
    assert (await made.audit()).verdict is AuditVerdict.CLEAN
    made.unlock_manifest(children[2])
    assert "CLOSURE_INCOMPLETE" in kinds(await made.audit())


async def test_a_locked_tag_that_was_moved_shows_both_digests(made: Audits) -> None:
    await made.released("1.0.0")
    was = made.digest_of("1.0.0")
    made.local.clock.advance(timedelta(minutes=1))
    made.local.push("next", plain("other"))
    made.local.emulator.store.import_image(NAME, "1.0.0", source=f"{NAME}:next", force=True)
    report = await made.audit()
    finding = only(report)
    assert (finding.kind, finding.severity) == ("TAG_MOVED", "critical")
    assert finding.expected == f"{was}, locked since 2026-03-01T12:00:00Z"
    assert finding.observed.startswith(made.digest_of("1.0.0"))
    await made.audit()
    assert (await made.local.releases())["1.0.0"].digest == was


async def test_a_moved_tag_stays_a_finding_until_a_person_accepts_it(made: Audits) -> None:
    await made.released("1.0.0")
    was = made.digest_of("1.0.0")
    store = made.local.emulator.store
    made.local.push("next", plain("other"))
    store.import_image(NAME, "1.0.0", source=f"{NAME}:next", force=True)
    await made.audit()
    store.import_image(NAME, "1.0.0", source=f"{NAME}@{was}", force=True)
    assert kinds(await made.audit()) == ["TAG_MOVED"]


async def test_a_deleted_release_is_missing(made: Audits) -> None:
    await made.released("1.0.0")
    made.unlock("1.0.0")
    made.local.emulator.store.untag(NAME, "1.0.0")
    finding = only(await made.audit())
    assert (finding.kind, finding.observed) == ("RELEASE_MISSING", "no such tag")
    assert finding.subject.endswith(":1.0.0")


async def test_a_deleted_repository_leaves_every_release_missing(made: Audits) -> None:
    await made.released("1.0.0", "1.0.1")
    await made.released("1.0.0", repository="prod/other")
    await made.audit()
    made.local.emulator.store.repositories.remove(NAME)
    report = await made.audit()
    assert kinds(report) == ["RELEASE_MISSING"] * 4
    assert report.verdict is AuditVerdict.DRIFT
    assert report.coverage.repositories.seen == 2


async def test_a_release_that_no_rule_wants_any_more_is_information_and_stays_watched(made: Audits) -> None:
    await made.released("1.0.0")
    made.local.with_rules('version = 1\n[[rule]]\nname = "other"\ntags = { glob = ["v*"] }\n')
    report = await made.audit()
    finding = only(report)
    assert (finding.kind, finding.severity, finding.rule) == ("ORPHAN_LOCK", "information", "releases")
    assert "'releases'" in finding.expected
    assert report.verdict is AuditVerdict.CLEAN
    made.unlock("1.0.0")
    assert kinds(await made.audit()) == ["LOOSENED", "ORPHAN_LOCK"]


async def test_a_release_that_no_event_announced_is_missed(made: Audits) -> None:
    await made.released("1.0.0")
    await watched(made)
    made.local.clock.advance(timedelta(minutes=1))
    made.local.push("1.0.1", plain("lost event"))
    finding = only(await made.audit())
    assert (finding.kind, finding.severity) == ("EVENT_MISSED", "critical")
    assert finding.observed == "tag nothing off; manifest nothing off"


async def test_a_missed_release_that_somebody_else_locked_is_a_warning(made: Audits) -> None:
    await made.released("1.0.0")
    await watched(made)
    made.local.clock.advance(timedelta(minutes=1))
    made.local.push("1.0.1", plain("lost event"))
    made.unlock("1.0.1", flags=LOCKED_TAG)
    made.unlock_manifest(made.digest_of("1.0.1"), flags=UNDELETABLE)
    finding = only(await made.audit())
    assert (finding.kind, finding.severity) == ("EVENT_MISSED", "warning")


async def test_an_image_whose_lock_is_due_work_was_not_missed(made: Audits) -> None:
    await watched(made)
    made.local.clock.advance(timedelta(minutes=1))
    event = made.local.push("1.0.1", plain("late"))
    made.local.emulator.store.repository(NAME).flags = Flags(write=False)  # refuses updates of its tags
    assert (await made.local.deliver(event)).outcome == "unfinished"
    made.local.emulator.store.repository(NAME).flags = OPEN
    assert kinds(await made.audit()) == ["UNLOCKED"]


async def test_before_adoption_unlocked_is_one_finding_for_each_rule_and_repository(made: Audits) -> None:
    for number in range(30):
        made.local.push(f"1.0.{number}", plain(f"old {number}"))
    made.local.push("1.0.0", plain("other"), repository="prod/other")
    report = await made.audit()
    assert kinds(report) == ["UNLOCKED", "UNLOCKED"]
    finding = next(each for each in report.findings if "30 unlocked" in each.observed)
    assert finding.subject == f"{made.local.login_server}/{NAME} (rule releases)"
    assert finding.observed.endswith("and 10 more")
    assert report.by_repository == {NAME: 1, "prod/other": 1}
    assert report.by_rule == {"releases": 2}


async def test_a_tag_that_has_some_of_its_attributes_off_is_partly_locked(made: Audits) -> None:
    made.local.push("1.0.0", plain("old"))
    made.unlock("1.0.0", flags=Flags(write=False))
    finding = only(await made.audit())
    assert (finding.kind, finding.observed) == ("PARTLY_LOCKED", "tag write off; manifest nothing off")
    assert finding.expected == "tag delete,write off; manifests delete off"


async def test_a_stricter_rule_makes_its_releases_partly_locked(made: Audits) -> None:
    await made.released("1.0.0")
    made.local.with_rules(
        'version = 1\n[[rule]]\nname = "releases"\ntags = { semver = ">=1.0.0" }\nmanifest_profile = "immutable"\n'
    )
    assert kinds(await made.audit()) == ["PARTLY_LOCKED"]


async def test_what_is_younger_than_the_grace_is_pending(made: Audits) -> None:
    await watched(made)
    made.local.clock.advance(timedelta(minutes=1))
    made.local.push("1.0.1", plain("just pushed"))
    young = await made.audit(after=timedelta(minutes=14))
    assert (young.findings, young.coverage.pending, young.verdict) == ((), 1, AuditVerdict.CLEAN)
    assert kinds(await made.audit(after=timedelta(minutes=2))) == ["EVENT_MISSED"]


async def test_in_report_mode_differences_are_warnings_and_nothing_changes(made: Audits) -> None:
    made.local.app = replace(made.local.app, mode=Mode.REPORT)
    event = made.local.push("1.0.0", plain("api"))
    await made.local.deliver(event)
    report = await made.audit(repair=True)
    finding = only(report)
    assert (finding.kind, finding.severity, report.mode) == ("UNLOCKED", "warning", Mode.REPORT)
    assert [action.image.split("@")[0] for action in report.repair.actions] == [
        f"{made.local.login_server}/{NAME}:1.0.0"
    ]
    assert made.local.tag_flags("1.0.0") == OPEN


async def test_rules_that_depend_on_the_media_type_are_judged_by_the_manifest(made: Audits) -> None:
    made.local.with_rules(
        'version = 1\n[[rule]]\nname = "indexes"\ntags = { glob = ["*"] }\n'
        'media_types = ["application/vnd.oci.image.index.v1+json"]\n'
    )
    pushed_index(made.local, "all")
    made.local.push("one", plain("one"))
    report = await made.audit()
    assert report.coverage.protected == 1
    assert "1 unlocked: all" in only(report).observed


async def test_a_repository_lock_that_nobody_wants_is_told(made: Audits) -> None:
    await made.released("1.0.0")
    made.local.emulator.store.repository(NAME).flags = Flags(delete=False, list=False)
    report = await made.audit()
    finding = only(report)
    assert (finding.kind, finding.subject) == ("ORPHAN_LOCK", f"{made.local.login_server}/{NAME}")
    assert finding.observed == "repository delete,list off"


async def test_a_repository_that_its_rule_wants_locked_is_unlocked(made: Audits) -> None:
    made.local.with_rules(
        'version = 1\n[[rule]]\nname = "keep"\nscope = "repository"\nprofile = "undeletable"\n'
        'repositories = ["prod/**"]\n'
    )
    made.local.push("dev", plain("dev"))
    finding = only(await made.audit())
    assert (finding.kind, finding.rule, finding.expected) == ("UNLOCKED", "keep", "repository delete off")
    made.local.emulator.store.repository(NAME).flags = UNDELETABLE
    assert (await made.audit()).verdict is AuditVerdict.CLEAN


async def test_a_rule_in_report_mode_makes_a_warning(made: Audits) -> None:
    made.local.with_rules('version = 1\n[[rule]]\nname = "trial"\nmode = "report"\ntags = { glob = ["t*"] }\n')
    made.local.push("t1", plain("t1"))
    assert only(await made.audit()).severity == "warning"


async def test_new_findings_are_told_at_most_a_hundred_times_and_then_in_sum(made: Audits) -> None:
    await watched(made)
    made.local.clock.advance(timedelta(minutes=1))
    for number in range(120):
        made.local.push(f"1.0.{number}", plain(f"missed {number}"))
    report = await made.audit()
    assert report.new_total == 120
    drift = [event for event in made.local.topic.events if event.type == "Taglock.DriftDetected"]
    assert len(drift) == 101
    assert drift[-1].body["more"] == 20
    assert len({event.id for event in drift}) == 101
    await made.audit()
    assert made.local.topic.types.count("Taglock.DriftDetected") == 101
