"""`acr purge` as far as locks are concerned, after https://github.com/Azure/acr-cli (cmd/acr/purge.go).

It looks at the tag's own flags only; it skips locked manifests before it looks at what they reference; with
`--include-locked` it unlocks whatever it wants to delete, and goes on.
"""

from contextlib import suppress

from localcloud.registry.flags import OPEN
from localcloud.registry.records import RepositoryRecord
from localcloud.registry.refusals import Refusal
from localcloud.registry.store import Store
from tests.pushing.world import ORIGIN


def purge_tags(store: Store, name: str, *, include_locked: bool) -> None:
    """Remove every tag that may be removed (`acr purge --filter NAME:.* --ago 0d`)."""
    repository = store.repositories.get(name)
    if repository is None:
        return
    for tag in list(repository.tags.records()):
        if include_locked:
            tag.flags = OPEN
        if tag.flags.delete and tag.flags.write:
            with suppress(Refusal):  # printed and skipped
                store.untag(name, tag.name)


def purge_untagged(store: Store, name: str, *, include_locked: bool) -> None:
    """Remove every untagged manifest that nothing it looked at references (`acr purge --untagged`)."""
    repository = store.repositories.get(name)
    if repository is None:
        return
    for digest in _candidates(repository, include_locked=include_locked):
        manifest = repository.manifests.get(digest)
        if manifest is not None:
            if include_locked:
                manifest.flags = OPEN
            with suppress(Refusal):
                store.delete_manifest(name, digest, ORIGIN)


def _candidates(repository: RepositoryRecord, *, include_locked: bool) -> list[str]:
    candidates: list[str] = []
    referenced: set[str] = set()
    for manifest in repository.manifests.records():
        if manifest.flags.locked and not include_locked:
            continue  # what it references is not looked at
        if manifest.tags():
            referenced.update(each.digest for each in manifest.references or ())
        else:
            candidates.append(manifest.digest)
    return [digest for digest in candidates if digest not in referenced]
