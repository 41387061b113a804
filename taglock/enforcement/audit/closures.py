"""Judge the closures of one repository: the children of each index against the manifests that were seen."""

from collections.abc import Sequence
from itertools import batched

from taglock.domain.attributes import Off
from taglock.domain.audit.digest_table import DigestTable
from taglock.domain.audit.judging import RepositoryJudge
from taglock.domain.audit.rows import IndexChildren
from taglock.domain.audit.scene import Draft, Scene
from taglock.domain.closure import is_index
from taglock.domain.ledger import restored
from taglock.domain.listing import NUMBERS, SETS, ListedManifest
from taglock.domain.record import children_row
from taglock.domain.reference import Digest
from taglock.domain.row import Change, Row
from taglock.domain.state import ManifestState
from taglock.enforcement.audit.alongside import Alongside
from taglock.enforcement.audit.asking import for_each
from taglock.enforcement.audit.looking_up import LookUps, Missing, Unknown
from taglock.enforcement.context import Enforcement
from taglock.enforcement.recording import write
from taglock.errors import LedgerError, NotFound, RegistryError

INDEX_BIT = 16
"""Set in a table's number when the manifest is an index; the lower bits are its attributes."""
LEARNED_AT_ONCE = 96
"""Indexes whose children are read before they are stored: what a killed invocation repeats of them at most."""
GONE = 255
"""In a table: no such manifest."""


def number_of(manifest: ListedManifest) -> int:
    """Return what a table remembers of a manifest: its attributes, and whether it is an index."""
    return NUMBERS[manifest.off] | (INDEX_BIT if is_index(manifest.media_type) else 0)


class Closures:
    """The children of indexes: remembered for ever, read from the registry once."""

    def __init__(self, app: Enforcement, scene: Scene, look_ups: LookUps, remembered: Alongside) -> None:
        self._app = app
        self._scene = scene
        self._look_ups = look_ups
        self._remembered = remembered
        self._children: dict[Digest, tuple[Digest, ...] | str] = {}
        """By index; a text says why they are not known."""
        self._new: list[Change] = []
        self.read = 0
        self.looked_up = 0
        """Children that no listing showed."""
        self.recalled = 0

    async def learn(self, drafts: Sequence[Draft]) -> None:
        """Make the children of these roots known."""
        wanted = [digest for digest in {draft.digest for draft in drafts} if digest not in self._children]
        if wanted:
            await self._remembered.advance(max(wanted))
            for part in batched(wanted, LEARNED_AT_ONCE, strict=False):
                await for_each(part, self._learn_one)
                await self._remember()

    async def judge(self, judge: RepositoryJudge, table: DigestTable) -> None:
        """Judge every image whose root is an index."""
        for draft in judge.closures:
            lacking, unknown = await self.lacking(draft.digest, draft.manifest_off, table)
            if unknown:
                judge.closure_unknown(draft, unknown)
            else:
                judge.closure(draft, lacking)
        await self._remember()

    async def lacking(self, root: Digest, off: Off, table: DigestTable) -> tuple[list[str], str]:
        """Return the children of an index that lack an attribute, or why nobody can tell."""
        lacking: list[str] = []
        seen = {root}
        left = [root]
        while left:
            children = await self._children_of(left.pop())
            if isinstance(children, str):
                return lacking, children
            for child in children:
                if child in seen:
                    continue
                seen.add(child)
                if len(seen) > self._app.limits.closure:
                    return lacking, "more manifests than TAGLOCK_MAX_CLOSURE allows"
                number = await self._number(child, table)
                if number is None:
                    lacking.append(f"{child} (gone)")
                elif number >= 0:
                    if not off <= SETS[number & ~INDEX_BIT]:
                        lacking.append(child)
                    if number & INDEX_BIT:
                        left.append(child)
        return lacking, ""

    async def _number(self, digest: Digest, table: DigestTable) -> int | None:
        """Return what is known of a manifest, None when it is gone, -1 when it could not be read."""
        number = table.get(digest)
        if number is not None:
            return number if number != GONE else None
        state = await self._look_ups.state(digest)
        if isinstance(state, Unknown):
            return -1
        if isinstance(state, Missing):
            table.add(digest, GONE)
            return None
        number = NUMBERS[state.off] | (INDEX_BIT if is_index(state.media_type) else 0)
        table.add(digest, number)
        self.looked_up += 1
        return number

    async def _children_of(self, digest: Digest) -> tuple[Digest, ...] | str:
        if digest not in self._children:
            await self._remembered.advance(digest)
            await self._learn_one(digest)
        return self._children[digest]

    async def _learn_one(self, digest: Digest) -> None:
        remembered = self._restored(self._remembered.take(digest))
        if remembered is not None:
            self.recalled += 1
            self._children[digest] = remembered
            return
        self._children[digest] = found = await self._read(digest)
        if isinstance(found, tuple):
            self.read += 1
            self._new.append(children_row(self._scene.registry, self._scene.repository, digest, found))

    def _restored(self, row: Row | None) -> tuple[Digest, ...] | None:
        try:
            return restored(IndexChildren, row.body).children if row is not None else None
        except LedgerError:
            return None  # it is read again and written anew

    async def _read(self, digest: Digest) -> tuple[Digest, ...] | str:
        state = await self._look_ups.state(digest)
        if not isinstance(state, ManifestState):
            return "the index could not be read"
        if state.references is not None:
            return tuple(reference.digest for reference in state.references)
        try:
            return await self._look_ups.content_children(digest)
        except NotFound:
            return "no children named and the content is gone"
        except RegistryError as error:
            return f"no children named and the content cannot be read: {error}"

    async def _remember(self) -> None:
        changes, self._new = self._new, []
        await write(self._app, changes)
        self._look_ups.asker.kept += len(changes)
