"""Whatever people do to a registry: after each audit every difference is reported, and nothing else is.

The expectation is worked out from the registry's own store and the ledger's releases, not from anything that the
audit computed.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from localcloud import faults
from localcloud.faults import Fault
from localcloud.registry.content import Manifest
from localcloud.registry.flags import Flags
from localcloud.registry.records import ManifestRecord, RepositoryRecord
from localcloud.registry.refusals import Refusal
from localcloud.tls import Authority
from taglock.domain.audit_report import AuditReport, AuditVerdict
from taglock.domain.ledger import ProvenManifest, Release, restored
from tests.auditing.audit_world import Audits, audits
from tests.auditing.purge import purge_tags, purge_untagged
from tests.pushing.images import index, plain
from tests.pushing.world import ORIGIN

NAME = "prod/api"
HOUR = timedelta(hours=1)
WHICH = st.integers(0, 30)
Expected = set[tuple[str, str]]


class People(RuleBasedStateMachine):
    """Pushes, moves, unlocks, deletions, purges and audits of one repository, an hour apart."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.made: Audits = self.runner.run(self.stack.enter_async_context(audits(authority)))
        self.numbers: Iterator[int] = iter(range(1_000_000))
        self.moved: Expected = set()
        """Moves that an audit saw: they stay until a person accepts them."""
        self.reported: Expected = set()

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    # -- people -----------------------------------------------------------------------------------------------------

    @initialize()
    def begin_to_watch(self) -> None:
        self.runner.run(self.made.audit())

    @rule(delivered=st.booleans(), children=st.integers(0, 3))
    def push_a_release(self, delivered: bool, children: int) -> None:
        number, image = self._pushable(children)
        event = self.made.local.push(f"1.0.{number}", image)
        if delivered:
            handled = self.runner.run(self.made.local.deliver(event))
            assert handled.outcome == "locked"
        self._later()

    @rule(children=st.integers(0, 2))
    def push_something_unprotected(self, children: int) -> None:
        number, image = self._pushable(children)
        self.made.local.push(f"dev-{number}", image)
        self._later()

    @rule(which=WHICH, onto=WHICH)
    def import_over_a_tag(self, which: int, onto: int) -> None:
        tags = self._tags()
        if len(tags) > 1:
            source, target = tags[which % len(tags)], tags[onto % len(tags)]
            if self._held(source) != self._held(target):
                self.made.local.emulator.store.import_image(NAME, target, source=f"{NAME}:{source}", force=True)
        self._later()

    @rule(which=WHICH, hide=st.booleans())
    def unlock_a_tag(self, which: int, hide: bool) -> None:
        if tags := self._tags():
            self.made.unlock(tags[which % len(tags)], flags=Flags(list=not hide))
        self._later()

    @rule(which=WHICH, hide=st.booleans())
    def unlock_a_manifest(self, which: int, hide: bool) -> None:
        if manifests := self._manifests():
            manifests[which % len(manifests)].flags = Flags(list=not hide)
        self._later()

    @rule(which=WHICH)
    def hide_a_tag_as_it_is(self, which: int) -> None:
        if tags := self._tags():
            tag = self.made.local.emulator.store.tag(NAME, tags[which % len(tags)])
            tag.flags = Flags(delete=tag.flags.delete, write=tag.flags.write, list=False)
        self._later()

    @rule(which=WHICH)
    def delete_a_tag(self, which: int) -> None:
        if tags := self._tags():
            with suppress(Refusal):
                self.made.local.emulator.store.untag(NAME, tags[which % len(tags)])
        self._later()

    @rule(which=WHICH)
    def delete_a_manifest(self, which: int) -> None:
        if manifests := self._manifests():
            with suppress(Refusal):
                self.made.local.emulator.store.delete_manifest(NAME, manifests[which % len(manifests)].digest, ORIGIN)
        self._later()

    @rule(include_locked=st.sampled_from([False, False, False, True]))
    def purge(self, include_locked: bool) -> None:
        safe = [] if include_locked else self._locked_closures()
        purge_tags(self.made.local.emulator.store, NAME, include_locked=include_locked)
        purge_untagged(self.made.local.emulator.store, NAME, include_locked=include_locked)
        here = {manifest.digest for manifest in self._manifests()}
        assert all(digest in here for digest in safe), "a locked release lost a manifest to a purge"
        self._later()

    # -- audits -----------------------------------------------------------------------------------------------------

    @rule(repair=st.booleans(), partial=st.booleans())
    def audit(self, repair: bool, partial: bool) -> None:
        if partial:
            fault = Fault(action=faults.PartialListing(keep=1), kind="tags", times=None)
            self.made.local.emulator.faults.add(fault)
        repair = repair and not self._has_holes()  # what is gone cannot be locked; other tests look at that
        expected, hidden = self._expected(), self._is_hidden_from_all(partial=partial)
        report = self.runner.run(self.made.audit(after=timedelta(0), repair=repair, max_actions=100_000))
        self.made.local.emulator.faults.clear()
        self._compare(report, expected, hidden=hidden)
        if repair and not hidden:
            self._after_repair(report)
        self._later()

    @precondition(lambda self: self._manifests())
    @rule()
    def audit_while_manifests_cannot_be_listed(self) -> None:
        self.made.local.emulator.faults.add(Fault(action=faults.Answer(status=500), kind="manifests", times=None))
        report = self.runner.run(self.made.audit(after=timedelta(0)))
        self.made.local.emulator.faults.clear()
        assert report.verdict is AuditVerdict.INCOMPLETE
        assert self.reported <= found(report)
        self._later()

    def _compare(self, report: AuditReport, expected: Expected, *, hidden: bool) -> None:
        self.moved |= {each for each in expected if each[0] == "TAG_MOVED"}
        wanted = {(kind, f"{self.made.local.login_server}/{NAME}{name}") for kind, name in expected | self.moved}
        if hidden:
            assert report.verdict is AuditVerdict.INCOMPLETE
            assert found(report) - self.reported <= wanted
        else:
            assert found(report) == wanted
            assert report.verdict is (AuditVerdict.DRIFT if wanted else AuditVerdict.CLEAN)
        self.reported = found(report)

    def _after_repair(self, report: AuditReport) -> None:
        """What can be mended is mended: only what is gone or was moved is still reported."""
        assert not [action for action in report.repair.actions if action.state == "failed"]
        kinds = {kind for kind, _ in self._expected()}
        assert kinds <= {"RELEASE_MISSING", "TAG_MOVED", "CLOSURE_INCOMPLETE", "LOOSENED"}

    # -- the model --------------------------------------------------------------------------------------------------

    def _expected(self) -> Expected:
        releases, proofs = self.runner.run(self._ledger())
        expected = {each for release in releases.values() for each in self._of_release(release)}
        expected |= {each for proof in proofs for each in self._of_proof(proof)}
        for tag in self._tags():
            if tag.startswith("1.") and tag not in releases and self._manifest(self._held(tag)) is not None:
                expected.add(("EVENT_MISSED", f":{tag}"))
        return expected

    def _of_release(self, release: Release) -> Expected:
        repository = self._repository()
        tag = repository.tags.get(release.tag) if repository is not None else None
        if tag is None:
            return {("RELEASE_MISSING", f":{release.tag}")}
        expected: Expected = set()
        if tag.digest != release.digest:
            expected.add(("TAG_MOVED", f":{release.tag}"))
        if tag.flags.delete or tag.flags.write:
            expected.add(("LOOSENED", f":{release.tag}"))
        root = self._manifest(release.digest)
        children = [self._manifest(each.digest) for each in (root.references or ())] if root is not None else []
        if any(child is None or child.flags.delete for child in children):
            expected.add(("CLOSURE_INCOMPLETE", f"@{release.digest}"))
        return expected

    def _of_proof(self, proof: ProvenManifest) -> Expected:
        manifest = self._manifest(proof.digest)
        if manifest is None:
            return {("RELEASE_MISSING", f"@{proof.digest}")}
        return {("LOOSENED", f"@{proof.digest}")} if manifest.flags.delete else set()

    def _has_holes(self) -> bool:
        """Tell whether any index lacks a child."""
        return any(
            self._manifest(each.digest) is None for manifest in self._manifests() for each in manifest.references or ()
        )

    def _is_hidden_from_all(self, *, partial: bool) -> bool:
        """Tell whether something is in no listing and nobody can name it: neither a tag, an index nor the ledger."""
        releases, proofs = self.runner.run(self._ledger())
        named: set[str] = {proof.digest for proof in proofs} | {release.digest for release in releases.values()}
        tags = set(releases)
        shown = [tag for tag in self._tags() if self.made.local.emulator.store.tag(NAME, tag).flags.list]
        tags |= set(shown[:1] if partial else shown)
        named |= {self._held(tag) for tag in tags & set(self._tags())}
        known = [manifest for manifest in self._manifests() if manifest.flags.list or manifest.digest in named]
        tags |= {tag for manifest in known for tag in manifest.tags()}
        named |= {self._held(tag) for tag in tags & set(self._tags())}
        for tag in tags & set(self._tags()):
            root = self._manifest(self._held(tag)) if tag.startswith("1.") else None
            named |= {each.digest for each in (root.references or ())} if root is not None else set()
        for release in releases.values():
            root = self._manifest(release.digest)
            named |= {each.digest for each in (root.references or ())} if root is not None else set()
        hidden = [each for each in self._manifests() if not each.flags.list and each.digest not in named]
        return bool(hidden or set(self._tags()) - tags)

    def _locked_closures(self) -> list[str]:
        """Return every manifest of a release whose tag, root and children are locked."""
        releases, _ = self.runner.run(self._ledger())
        safe: list[str] = []
        for release in releases.values():
            if not self._of_release(release) and (root := self._manifest(release.digest)) is not None:
                closure = [root.digest, *(each.digest for each in root.references or ())]
                if all((found := self._manifest(each)) is not None and not found.flags.delete for each in closure):
                    safe += closure
        return safe

    async def _ledger(self) -> tuple[dict[str, Release], list[ProvenManifest]]:
        partition = f"image/{self.made.local.login_server}/{NAME}"
        rows = await self.made.local.app.rows.scan(partition, start="manifest/", end="manifest0")
        return await self.made.local.releases(), [restored(ProvenManifest, row.body) for row in rows]

    def _pushable(self, children: int) -> tuple[int, Manifest]:
        number = next(self.numbers)
        if not children:
            return number, plain(f"image {number}")
        images = [plain(f"child {each} of {number % 3}") for each in range(children)]
        for image in images:
            self.made.local.push(None, image)
        return number, index(*images, name=str(number))

    def _later(self) -> None:
        self.made.local.clock.advance(HOUR)

    def _repository(self) -> RepositoryRecord | None:
        return self.made.local.emulator.store.repositories.get(NAME)

    def _tags(self) -> list[str]:
        repository = self._repository()
        return sorted(repository.tags) if repository is not None else []

    def _manifests(self) -> list[ManifestRecord]:
        repository = self._repository()
        if repository is None:
            return []
        return sorted(repository.manifests.records(), key=lambda manifest: manifest.digest)

    def _manifest(self, digest: str) -> ManifestRecord | None:
        repository = self._repository()
        return repository.manifests.get(digest) if repository is not None else None

    def _held(self, tag: str) -> str:
        return self.made.local.emulator.store.tag(NAME, tag).digest


def found(report: AuditReport) -> Expected:
    return {(each.kind, each.subject) for each in report.findings if each.kind != "COVERAGE_GAP"}


def test_after_each_audit_every_difference_is_reported_and_nothing_else(authority: Authority) -> None:
    run_state_machine_as_test(
        lambda: People(authority),  # type: ignore[arg-type]  # anything that makes a machine will do
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
