"""What the flags of a tag, its manifest and its repository refuse; each rule names its evidence in COVERAGE.md."""

from localcloud.registry.options import RegistryOptions
from localcloud.registry.records import ManifestRecord, RepositoryRecord, TagRecord
from localcloud.registry.refusals import Refusal, disallowed, manifest_to_pull_unknown


def check_push(repository: RepositoryRecord, digest: str, tag: str | None, options: RegistryOptions) -> None:
    """Refuse the push of a manifest by digest (tag None) or to a tag.

    A tag's own flag guards its name and a repository's flag everything in it; deleteEnabled=false refuses no push.
    """
    if not repository.flags.write:
        raise disallowed()
    held = repository.tags.get(tag) if tag is not None else None
    if held is not None:
        _check_tag_push(repository, held, digest, options)
    pushed = repository.manifests.get(digest)
    known = held is not None and held.digest == digest
    if pushed is not None and not pushed.flags.write and not known and options.push_of_locked_manifest == "refused":
        raise disallowed()


def _check_tag_push(repository: RepositoryRecord, held: TagRecord, digest: str, options: RegistryOptions) -> None:
    same = held.digest == digest
    if not held.flags.write and not (same and options.same_digest_to_locked_tag == "allowed"):
        raise disallowed()
    present = repository.manifests.get(held.digest)
    locked = present is not None and not present.flags.write
    if locked and not same and options.move_off_locked_manifest == "refused":
        raise disallowed()


def check_upload(repository: RepositoryRecord | None, options: RegistryOptions) -> None:
    """Refuse a blob upload into a locked repository."""
    locked = repository is not None and not repository.flags.write
    if locked and options.upload_to_locked_repository == "refused":
        raise disallowed()


def check_untag(repository: RepositoryRecord, tag: TagRecord) -> None:
    """Refuse the removal of a tag; the flags of its manifest do not matter."""
    if not repository.flags.write or tag.flags.locked:
        raise disallowed()


def check_delete_manifest(repository: RepositoryRecord, manifest: ManifestRecord, options: RegistryOptions) -> None:
    """Refuse the delete of a manifest; its tags would go with it."""
    if not repository.flags.write or manifest.flags.locked:
        raise disallowed()
    guarded = any(tag.flags.locked for tag in repository.tags_of(manifest))
    if guarded and options.delete_manifest_with_locked_tag == "refused":
        raise disallowed()


def check_delete_blob(repository: RepositoryRecord) -> None:
    """Refuse the delete of a blob from a locked repository."""
    if not repository.flags.write:
        raise disallowed()


def check_delete_repository(repository: RepositoryRecord) -> None:
    """Refuse the delete of a repository when it or anything in it is locked."""
    if (
        repository.flags.locked
        or any(manifest.flags.locked for manifest in repository.manifests.records())
        or any(tag.flags.locked for tag in repository.tags.records())
    ):
        raise disallowed()


def check_patch(repository: RepositoryRecord, options: RegistryOptions) -> None:
    """Refuse an attribute change of a tag or manifest in a locked repository; the objects' own flags refuse none."""
    if not repository.flags.write and options.patch_in_locked_repository == "refused":
        raise disallowed()


def check_pull(
    repository: RepositoryRecord, manifest: ManifestRecord, tag: TagRecord | None, options: RegistryOptions
) -> None:
    """Refuse the pull of a manifest by digest (tag None) or by tag."""
    unreadable_manifest = not manifest.flags.read
    if tag is not None and options.unreadable_manifest_by_tag == "allowed":
        unreadable_manifest = False
    if not repository.flags.read or unreadable_manifest or (tag is not None and not tag.flags.read):
        raise _unreadable(tag.name if tag is not None else manifest.digest, options)


def check_pull_blob(repository: RepositoryRecord, digest: str, options: RegistryOptions) -> None:
    """Refuse the pull of a blob from a repository that may not be read."""
    if not repository.flags.read and options.unreadable_repository_blob == "refused":
        raise _unreadable(digest, options)


def _unreadable(reference: str, options: RegistryOptions) -> Refusal:
    return disallowed() if options.unreadable_pull == "disallowed" else manifest_to_pull_unknown(reference)
