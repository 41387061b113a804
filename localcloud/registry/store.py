"""The state of a registry and every change of it; locks are asked first, events are raised last."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from localcloud.registry import importing, locks, seed_document, synthetic
from localcloud.registry.blobs import Blobs
from localcloud.registry.content import DOCKER_MANIFEST, Manifest
from localcloud.registry.describe import described, missing_content
from localcloud.registry.events import Origin, RegistryEvent
from localcloud.registry.flags import OPEN, Change, Flags
from localcloud.registry.options import RegistryOptions
from localcloud.registry.ordered import Ordered
from localcloud.registry.records import ManifestRecord, RepositoryRecord, TagRecord
from localcloud.registry.refusals import (
    content_missing,
    manifest_to_delete_unknown,
    manifest_to_pull_unknown,
    manifest_unknown,
    repository_to_delete_unknown,
    repository_unknown,
    tag_unknown,
)
from localcloud.registry.times import from_datetime, to_datetime


class Store:
    """Repositories with their manifests, tags and blobs."""

    def __init__(
        self, *, options: RegistryOptions, now: Callable[[], datetime], emit: Callable[[RegistryEvent], None]
    ) -> None:
        self.options = options
        self.repositories: Ordered[RepositoryRecord] = Ordered()
        self.blobs = Blobs()
        self.deferred_imports: list[importing.DeferredImport] = []
        self._now = now
        self._emit = emit

    def clear(self) -> None:
        """Forget everything that was pushed, imported or seeded."""
        self.repositories = Ordered()
        self.blobs = Blobs()
        self.deferred_imports = []

    # -- reading ----------------------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the present in ticks."""
        return from_datetime(self._now())

    def repository(self, name: str) -> RepositoryRecord:
        """Return a repository or raise the refusal NAME_UNKNOWN."""
        found = self.repositories.get(name)
        if found is None:
            raise repository_unknown(name)
        return found

    def tag(self, name: str, tag: str) -> TagRecord:
        """Return a tag or raise the refusal TAG_UNKNOWN, also for a missing repository."""
        repository = self.repositories.get(name)
        found = repository.tags.get(tag) if repository is not None else None
        if found is None:
            raise tag_unknown()
        return found

    def manifest(self, name: str, digest: str) -> ManifestRecord:
        """Return a manifest or raise the refusal MANIFEST_UNKNOWN, also for a missing repository."""
        repository = self.repositories.get(name)
        found = repository.manifests.get(digest) if repository is not None else None
        if found is None:
            raise manifest_unknown()
        return found

    def content(self, manifest: ManifestRecord) -> bytes | None:
        """Return a manifest's bytes; None when it was seeded without them."""
        if isinstance(manifest.content, int):
            return synthetic.content(manifest)
        return manifest.content

    def pull(self, name: str, reference: str) -> ManifestRecord:
        """Return the manifest to pull by tag or digest, or raise the refusal of a lock or of absence."""
        repository = self.repositories.get(name)
        if repository is None:
            raise manifest_to_pull_unknown(reference)
        tag = repository.tags.get(reference) if ":" not in reference else None
        manifest = repository.manifests.get(tag.digest if tag is not None else reference)
        if manifest is None:
            raise manifest_to_pull_unknown(reference)
        locks.check_pull(repository, manifest, tag, self.options)
        return manifest

    # -- changing attributes ------------------------------------------------------------------------------------

    def change_tag(self, name: str, tag: str, change: Change) -> TagRecord:
        """Change a tag's flags; its times stay."""
        found = self.tag(name, tag)
        locks.check_patch(self.repository(name), self.options)
        found.flags = change.applied_to(found.flags)
        return found

    def change_manifest(self, name: str, digest: str, change: Change) -> ManifestRecord:
        """Change a manifest's flags or quarantine state; its times, its tags and its children stay."""
        found = self.manifest(name, digest)
        locks.check_patch(self.repository(name), self.options)
        found.flags = change.applied_to(found.flags)
        if change.quarantine:
            found.quarantine = {**(found.quarantine or {}), **change.quarantine}
        return found

    def change_repository(self, name: str, change: Change) -> RepositoryRecord:
        """Change a repository's flags; its times stay."""
        found = self.repository(name)
        found.flags = change.applied_to(found.flags)
        return found

    # -- pushing -----------------------------------------------------------------------------------------------

    def push(self, name: str, tag: str | None, manifest: Manifest, origin: Origin) -> ManifestRecord:
        """Store a manifest by digest (tag None) or under a tag, or raise the refusal of a lock or of absence."""
        repository = self.repositories.get(name)
        if repository is not None:
            locks.check_push(repository, manifest.digest, tag, self.options)
        missing = missing_content(manifest, repository, name, self.blobs)
        if missing and self.options.missing_content == "refused":
            raise content_missing(missing)
        changed = repository is None or not _held(repository, tag, manifest.digest)
        record = self.place(name, tag, manifest)
        if tag is not None and changed and self.options.repush_tag_flags == "reset":
            self.tag(name, tag).flags = OPEN
        if (tag is not None or self.options.event_for_digest_push) and (
            changed or self.options.event_for_known_content
        ):
            self.emit_push(name, tag, record, origin)
        return record

    def place(self, name: str, tag: str | None, manifest: Manifest) -> ManifestRecord:
        """Store a manifest and move its tag without asking any lock and without an event."""
        now = self.now()
        repository = self.repository_or_new(name)
        record = repository.manifests.get(manifest.digest)
        if record is None:
            record = described(manifest, repository, self.blobs, now)
            repository.manifests.put(manifest.digest, record)
            if manifest.subject is not None:
                repository.referrers.setdefault(manifest.subject, []).append(manifest.digest)
        if tag is not None:
            self.set_tag(repository, tag, record, now)
        self._touch(repository, now)
        return record

    def repository_or_new(self, name: str) -> RepositoryRecord:
        """Return a repository; make it when it is absent."""
        found = self.repositories.get(name)
        if found is None:
            now = self.now()
            found = RepositoryRecord(name=name, created=now, updated=now)
            self.repositories.put(name, found)
        return found

    def set_tag(self, repository: RepositoryRecord, tag: str, record: ManifestRecord, now: int) -> None:
        """Make a tag hold a manifest; a tag that exists keeps its creation time and its flags."""
        held = repository.tags.get(tag)
        if held is None:
            flags = repository.removed_tag_flags.pop(tag, OPEN)
            repository.tags.put(tag, _new_tag(tag, record.digest, now, flags))
        else:
            previous = repository.manifests.get(held.digest)
            if held.digest != record.digest and previous is not None:
                previous.drop_tag(tag)
            held.digest, held.updated = record.digest, now
            repository.tags.touch()
        record.add_tag(tag)

    # -- deleting ----------------------------------------------------------------------------------------------

    def untag(self, name: str, tag: str) -> str:
        """Remove a tag and return the digest it held; no event."""
        found = self.tag(name, tag)
        repository = self.repository(name)
        locks.check_untag(repository, found)
        self._drop_tag(repository, found)
        self._touch(repository, self.now())
        return found.digest

    def delete_manifest(self, name: str, digest: str, origin: Origin) -> None:
        """Delete a manifest with all its tags; an index leaves its children."""
        repository = self.repositories.get(name)
        manifest = repository.manifests.get(digest) if repository is not None else None
        if repository is None or manifest is None:
            raise manifest_to_delete_unknown(digest)
        locks.check_delete_manifest(repository, manifest, self.options)
        for tag in list(repository.tags_of(manifest)):
            self._drop_tag(repository, tag)
        repository.manifests.remove(digest)
        if manifest.subject is not None:
            repository.referrers[manifest.subject].remove(digest)
        self._touch(repository, self.now())
        if not len(repository.manifests) and self.options.emptied_repository == "removed":
            self.repositories.remove(name)
        self._emit_delete(name, manifest, origin)

    def delete_repository(self, name: str, origin: Origin) -> tuple[list[str], list[str]]:
        """Delete a repository and return the digests and the tags that went with it."""
        repository = self.repositories.get(name)
        if repository is None or not len(repository.manifests):
            raise repository_to_delete_unknown(name)
        locks.check_delete_repository(repository)
        self.repositories.remove(name)
        self.blobs.forget(name)
        self._repository_deleted(repository, origin)
        return list(repository.manifests), list(repository.tags)

    # -- importing and seeding -----------------------------------------------------------------------------------

    def import_image(self, repository: str, tag: str, *, source: str, force: bool = False) -> ManifestRecord:
        """Copy an image (`repository:tag` or `repository@digest` of this store) as an import does; see importing."""
        mode = importing.OVERWRITE if force else importing.KEEP
        return importing.import_image(self, importing.Import(repository, tag, source, mode))

    def settle_imports(self) -> int:
        """Bring the children of deferred imports and return how many manifests came."""
        return importing.settle(self)

    def seed(self, document: object) -> dict[str, int]:
        """Fill the store from a JSON document without pushing; see `seed_document.seed`."""
        return seed_document.seed(self, document)

    def emit_push(self, name: str, tag: str | None, manifest: ManifestRecord, origin: Origin) -> None:
        """Raise the event of a push."""
        content = self.content(manifest)
        event = RegistryEvent(
            action="push",
            repository=name,
            tag=tag,
            digest=manifest.digest,
            media_type=manifest.media_type,
            size=len(content) if content is not None else None,
            at=to_datetime(self.now()),
            **asdict(origin),
        )
        self._emit(event)

    # -- inside --------------------------------------------------------------------------------------------------

    def _drop_tag(self, repository: RepositoryRecord, tag: TagRecord) -> None:
        repository.tags.remove(tag.name)
        if self.options.retag_flags == "remembered":
            repository.removed_tag_flags[tag.name] = tag.flags
        manifest = repository.manifests.get(tag.digest)
        if manifest is not None:
            manifest.drop_tag(tag.name)

    def _touch(self, repository: RepositoryRecord, now: int) -> None:
        repository.updated = now
        self.repositories.touch()

    def _repository_deleted(self, repository: RepositoryRecord, origin: Origin) -> None:
        if self.options.repository_delete_events == "per_manifest":
            for digest in repository.manifests:
                manifest = repository.manifests.get(digest)
                self._emit_delete(repository.name, manifest, origin)
        elif self.options.repository_delete_events == "per_repository":
            self._emit_delete(repository.name, None, origin)

    def _emit_delete(self, name: str, manifest: ManifestRecord | None, origin: Origin) -> None:
        event = RegistryEvent(
            action="delete",
            repository=name,
            tag=None,
            digest=manifest.digest if manifest is not None else None,
            media_type=manifest.media_type if manifest is not None else DOCKER_MANIFEST,
            size=None,
            at=to_datetime(self.now()),
            **asdict(origin),
        )
        self._emit(event)


def _new_tag(name: str, digest: str, now: int, flags: Flags) -> TagRecord:
    return TagRecord(name=name, digest=digest, created=now, updated=now, flags=flags)


def _held(repository: RepositoryRecord, tag: str | None, digest: str) -> bool:
    if tag is None:
        return digest in repository.manifests
    held = repository.tags.get(tag)
    return held is not None and held.digest == digest
