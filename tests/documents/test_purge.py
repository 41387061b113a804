"""The table of docs/purge.md is what a purge does to the local registry."""

import pytest

from localcloud.registry.flags import OPEN, Flags
from localcloud.registry.records import RepositoryRecord
from localcloud.tls import Authority
from tests.auditing.purge import purge_tags, purge_untagged
from tests.documents.pages import page, tables
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, REPOSITORY, UNDELETABLE, World, world

CHILDREN = [plain("amd64"), plain("arm64")]
ROOT = index(*CHILDREN)
LOCKS: dict[str, tuple[Flags, Flags, Flags]] = {
    "nothing": (OPEN, OPEN, OPEN),
    "the tag alone": (LOCKED_TAG, OPEN, OPEN),
    "tag and index, not the children": (LOCKED_TAG, UNDELETABLE, OPEN),
    "tag, index and every child (taglock)": (LOCKED_TAG, UNDELETABLE, UNDELETABLE),
    "the digest that runs, not its tag ([deployments](deployments.md))": (OPEN, UNDELETABLE, UNDELETABLE),
    "anything, with `--include-locked`": (LOCKED_TAG, UNDELETABLE, UNDELETABLE),
}
"""What each row locks: the tag, the index, its children."""

(ROWS,) = tables(page("docs/purge.md"))
pytestmark = pytest.mark.usefixtures("trusted")


def released(local: World, locked: str) -> RepositoryRecord:
    for child in CHILDREN:
        local.push(None, child)
    local.push("1.0.0", ROOT)
    store = local.emulator.store
    tag, root, child_flags = LOCKS[locked]
    store.tag(REPOSITORY, "1.0.0").flags = tag
    store.manifest(REPOSITORY, ROOT.digest).flags = root
    for child in CHILDREN:
        store.manifest(REPOSITORY, child.digest).flags = child_flags
    return store.repositories.get(REPOSITORY) or pytest.fail("no repository")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what is locked"])
async def test_a_purge_does_what_the_table_says(row: dict[str, str], authority: Authority) -> None:
    async with world(authority) as local:
        repository = released(local, row["what is locked"])
        forced = "--include-locked" in row["what is locked"]
        purge_untagged(local.emulator.store, REPOSITORY, include_locked=forced)
        left = {each.digest for each in repository.manifests.records()}
        children_gone = "children**" in row["`acr purge --untagged`"]
        assert left == ({ROOT.digest} if children_gone else {ROOT.digest, *(each.digest for each in CHILDREN)})

        purge_tags(local.emulator.store, REPOSITORY, include_locked=forced)
        kept = row["`acr purge --filter`"] == "keeps the tag"
        assert [each.name for each in repository.tags.records()] == (["1.0.0"] if kept else [])

        purge_untagged(local.emulator.store, REPOSITORY, include_locked=forced)
        if row["`acr purge --untagged`"] == "keeps everything":
            assert {each.digest for each in repository.manifests.records()} == left
        if forced:
            assert not list(repository.manifests.records())


def test_every_row_is_tried() -> None:
    assert [row["what is locked"] for row in ROWS] == list(LOCKS)
