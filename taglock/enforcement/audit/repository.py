"""Audit one repository: list its tags and manifests, look up what they do not show, judge all of it."""

from collections.abc import Sequence

from taglock.domain.audit.acts_here import ActsHere
from taglock.domain.audit.denominators import gap, out_of, unseen
from taglock.domain.audit.digest_table import DigestTable
from taglock.domain.audit.judging import RepositoryJudge
from taglock.domain.audit.own_attributes import OwnAttributes, judge_repository
from taglock.domain.audit.running import running_plan
from taglock.domain.audit.scene import Scene, TagMark
from taglock.domain.audit_report import Count, Coverage, Unread
from taglock.domain.closure import is_index
from taglock.domain.deployment import Deployment
from taglock.domain.ledger import Release, image_partition
from taglock.domain.listing import SETS, ListedManifest, ListedRepository, ListedTag, Page
from taglock.domain.reference import Digest, Tag
from taglock.enforcement.audit.alongside import open_sides
from taglock.enforcement.audit.asking import Asker, for_each
from taglock.enforcement.audit.audited import AuditedResult, unread_repository
from taglock.enforcement.audit.closures import GONE, INDEX_BIT, Closures, number_of
from taglock.enforcement.audit.context import Auditing
from taglock.enforcement.audit.looking_up import LookUps, Missing, Unknown, listed
from taglock.enforcement.audit.meeting_acts import meet_acts
from taglock.enforcement.audit.paging import each_page
from taglock.enforcement.audit.running_images import RunningImages
from taglock.errors import NotFound, RegistryError


async def audit_repository(auditing: Auditing, scene: Scene, asker: Asker, running: RunningImages) -> AuditedResult:
    """Audit one repository; what leaves it unread is part of the result, LedgerError is raised."""
    audit = _RepositoryAudit(auditing, scene, asker, running)
    try:
        if problem := await audit.open():
            return unread_repository(scene, f"what people want of it cannot be told: {problem}")
        await audit.run()
    except RegistryError as error:
        return unread_repository(scene, str(error))
    return audit.result()


class _RepositoryAudit:
    def __init__(self, auditing: Auditing, scene: Scene, asker: Asker, running: RunningImages) -> None:
        self._listing = auditing.listings(scene.registry)
        self._app = auditing.app
        self._scene = scene
        self._name = scene.repository
        self._full_name = f"{scene.registry}/{scene.repository}"
        self._asker = asker
        self._running = running
        self._look_ups = LookUps(auditing.background(scene.registry), scene.registry, scene.repository, asker)
        self._judge = RepositoryJudge(scene.concerned())
        self._marks: dict[Tag, TagMark] = {}
        """Listed tags that no manifest has named yet."""
        self._found: dict[Tag, ListedTag] = {}
        """Tags that were looked up."""
        self._table = DigestTable()
        self._tags = Count()
        self._manifests = Count()
        self._attributes: ListedRepository | None = None
        self._remarks: list[str] = []

    async def open(self) -> str:
        """Begin to read the ledger's side; return why the repository cannot be audited, '' when it can be."""
        partition = image_partition(self._scene.registry, self._name)
        self._sides = await open_sides(self._app.rows, partition, self._look_ups.unread)
        self._closures = Closures(self._app, self._scene, self._look_ups, self._sides.indexes)
        marks = await self._sides.marks()
        if isinstance(marks, str):
            return marks
        self._acts = self._judge.acts = ActsHere(self._scene.registry, self._name, marks)
        return ""

    async def run(self) -> None:
        """Read everything; RegistryError when the listings cannot be read."""
        try:
            self._attributes = await self._asker.ask(lambda: self._listing.repository(self._name))
            await self._list_tags()
            await self._list_manifests()
        except NotFound:
            await self._gone()
            return
        await self._look_up_releases()
        await self._look_up_unnamed()
        await self._look_up_manifests()
        await self._closures.learn(self._judge.closures)
        await self._closures.judge(self._judge, self._table)
        await self._judge_running()
        self._manifests += Count(looked_up=self._closures.looked_up)
        await self._count()
        await self._judge_attributes()
        await meet_acts(self._app, self._scene, self._judge.result, self._look_ups)

    def result(self) -> AuditedResult:
        """Return what was found and how much was looked at."""
        judged, unread = self._judge.finish(), tuple(self._look_ups.unread)
        coverage = Coverage(
            repositories=Count(listed=1, expected=1),
            tags=self._tags,
            manifests=self._manifests,
            indexes_read=self._closures.read,
            indexes_remembered=self._closures.recalled,
            protected=judged.protected,
            releases=judged.releases,
            pending=judged.pending,
            remarks=tuple(self._remarks),
            unread=unread,
            unread_total=len(unread),
        )
        return AuditedResult(judged=judged, coverage=coverage)

    # -- listings ---------------------------------------------------------------------------------------------------

    async def _list_tags(self) -> None:
        async def take(page: Page[ListedTag]) -> int:
            await self._sides.releases.advance(page.items[-1].name)
            new = 0
            for tag in page.items:
                if tag.name not in self._marks:
                    self._marks[tag.name] = self._judge.tag(tag, self._sides.release(tag.name))
                    new += 1
            if any(after.name <= before.name for before, after in zip(page.items, page.items[1:], strict=False)):
                self._remark("tags are not listed in order")
            return new

        await each_page(
            self._asker, (self._full_name, "tags"), lambda after: self._listing.tags(self._name, after), take
        )
        self._tags = Count(listed=len(self._marks))

    async def _list_manifests(self) -> None:
        async def take(page: Page[ListedManifest]) -> int:
            await self._sides.proofs.advance(page.items[-1].digest)
            unlisted: list[tuple[Tag, ListedManifest]] = []
            new = sum(self._take_manifest(manifest, unlisted) for manifest in page.items)
            await for_each(unlisted, self._look_up_named)
            return new

        await each_page(
            self._asker, (self._full_name, "manifests"), lambda after: self._listing.manifests(self._name, after), take
        )
        self._manifests = Count(listed=len(self._table))

    def _take_manifest(self, manifest: ListedManifest, unlisted: list[tuple[Tag, ListedManifest]]) -> bool:
        if not self._table.is_behind(manifest.digest):
            self._remark("manifests are not listed in order, or come twice")
            if self._table.get(manifest.digest) is not None:
                return False
        self._table.append(manifest.digest, number_of(manifest))
        self._judge.manifest(manifest, self._sides.proof(manifest.digest))
        for name in manifest.tags:
            mark = self._marks.pop(name, None)
            if mark is None:
                unlisted.append((name, manifest))
            else:
                self._judge.image(manifest, name, mark)
        return True

    # -- what no listing showed -------------------------------------------------------------------------------------

    async def _look_up_named(self, named: tuple[Tag, ListedManifest]) -> None:
        """Look up a tag that a manifest names and the list of tags does not."""
        name, manifest = named
        await self._sides.releases.advance(name)
        tag = self._found.get(name) or await self._look_ups.tag(name)
        if isinstance(tag, Missing | Unknown):
            return  # removed between the two listings, or noted as unread
        mark = self._looked_up(tag)
        if tag.digest == manifest.digest:
            self._marks.pop(name, None)
            self._judge.image(manifest, name, mark)

    async def _look_up_releases(self) -> None:
        for name in tuple(await self._sides.releases.rest()):
            release = self._sides.release(Tag(name))
            if release is None:
                continue
            tag = await self._look_ups.tag(Tag(name))
            if isinstance(tag, Missing):
                self._judge.missing_release(release)
            elif isinstance(tag, ListedTag):
                self._looked_up(tag, release)
        for name in self._acts.unseen_tags:
            tag = await self._look_ups.tag(name)
            if isinstance(tag, ListedTag):
                self._looked_up(tag)

    def _looked_up(self, tag: ListedTag, release: Release | None = None) -> TagMark:
        mark = self._judge.tag(tag, release or self._sides.release(tag.name))
        self._found[tag.name] = tag
        self._marks[tag.name] = mark
        self._tags += Count(looked_up=1)
        return mark

    async def _look_up_unnamed(self) -> None:
        """Look up the manifests of tags that no listed manifest names."""

        async def look_up(name: Tag) -> None:
            tag = self._found.get(name) or await self._look_ups.tag(name)
            if isinstance(tag, ListedTag):
                await self._judge_unnamed(tag, self._marks[name])

        await for_each(tuple(self._marks), look_up)

    async def _judge_unnamed(self, tag: ListedTag, mark: TagMark) -> None:
        state = await self._look_ups.state(tag.digest)
        if isinstance(state, Unknown):
            return
        if isinstance(state, Missing):
            self._judge.dangling(tag.digest, tag.name, mark)
            return
        manifest = listed(state)
        await self._take_unlisted(manifest)
        self._judge.image(manifest, tag.name, mark)

    async def _look_up_manifests(self) -> None:
        """Look up proved manifests, and what moved tags were locked with, where no listing showed them."""

        async def look_up(digest: Digest) -> None:
            number = self._table.get(digest)
            if number is not None:
                off, names_children = SETS[number & ~INDEX_BIT], bool(number & INDEX_BIT)
                self._judge.recorded_root(digest, off, names_children=names_children)
                return
            state = await self._look_ups.state(digest)
            if isinstance(state, Missing):
                self._table.add(digest, GONE)
                self._judge.missing_manifest(digest, self._sides.proof(digest))
            elif not isinstance(state, Unknown):
                await self._take_unlisted(listed(state))

        proved = {Digest(name) for name in await self._sides.proofs.rest()}
        await for_each(tuple(proved | self._judge.recorded.keys() | set(self._acts.unseen_manifests)), look_up)

    async def _take_unlisted(self, manifest: ListedManifest) -> None:
        if self._table.get(manifest.digest) is not None:
            return
        await self._sides.proofs.advance(manifest.digest)
        self._table.add(manifest.digest, number_of(manifest))
        self._manifests += Count(looked_up=1)
        self._judge.manifest(manifest, self._sides.proof(manifest.digest))
        for name in manifest.tags:
            if name not in self._found and name not in self._marks:  # in no listing either
                await self._look_up_named((name, manifest))

    async def _judge_running(self) -> None:
        """Judge what runs, when something was loosened that no tag protects."""

        async def judge(running: tuple[Digest, Sequence[Deployment]]) -> None:
            state = await self._look_ups.state(running[0])
            if isinstance(state, Missing | Unknown):
                return  # its proof tells that it is gone, or it was noted as unread
            manifest = listed(state)
            plan = running_plan(self._scene.rules, self._scene.mode, manifest, running[1])
            if plan is not None:
                lacking: Sequence[str] = ()
                if is_index(manifest.media_type):
                    lacking, _ = await self._closures.lacking(manifest.digest, plan.manifest_off, self._table)
                self._judge.running(manifest, plan, lacking)

        if self._judge.has_loosened:
            await for_each((await self._running.of(self._name)).items(), judge)

    async def _gone(self) -> None:
        """Judge a repository that is no longer there; NotFound from anything else raises."""
        try:
            await self._asker.ask(lambda: self._listing.repository(self._name))
        except NotFound:
            for name in tuple(await self._sides.releases.rest()):
                if (release := self._sides.release(Tag(name))) is not None:
                    self._judge.missing_release(release)
            for digest in tuple(await self._sides.proofs.rest()):
                self._judge.missing_manifest(Digest(digest), self._sides.proof(Digest(digest)))
            return
        reason = "its listing said that it is not there, its attributes that it is"
        self._look_ups.unread.append(Unread(subject=self._full_name, reason=reason))

    # -- coverage and attributes ------------------------------------------------------------------------------------

    async def _count(self) -> None:
        """Compare what was seen with the registry's own counts; once more when something seems to be hidden."""
        counted = self._attributes
        if counted is not None and (gap(self._tags, counted.tags) or gap(self._manifests, counted.manifests)):
            counted = await self._asker.ask(lambda: self._listing.repository(self._name))
        tags, manifests = (counted.tags, counted.manifests) if counted is not None else (None, None)
        self._look_ups.unread += [
            *unseen(self._full_name, "tags", self._tags, tags),
            *unseen(self._full_name, "manifests", self._manifests, manifests),
        ]
        self._tags, self._manifests = out_of(self._tags, tags), out_of(self._manifests, manifests)

    async def _judge_attributes(self) -> None:
        if self._attributes is not None:
            own = OwnAttributes(off=self._attributes.off, proof=await self._sides.repository())
            judge_repository(self._scene, self._judge.result, own, self._acts)

    def _remark(self, text: str) -> None:
        if text not in self._remarks:
            self._remarks.append(text)
