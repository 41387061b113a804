"""Walking a closure without talking: the walk says which step is next and is told what the registry answered.

Children are locked before the index that names them, so that no crash leaves a locked index over loose children:
`acr purge --untagged` skips locked manifests before it looks at what they reference
(https://github.com/Azure/acr-cli, cmd/repository/image_functions.go), so exactly that state invites the loss.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec

from taglock.domain.attributes import NOTHING_OFF, Off
from taglock.domain.reference import Digest
from taglock.domain.state import ManifestState, Reference

INDEX_MEDIA_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)


def is_index(media_type: str) -> bool:
    """Tell whether a manifest of this media type names children."""
    return media_type in INDEX_MEDIA_TYPES


PRESUMED_IMAGE = ""
"""A media type that nobody told: an update answers with the true one, which costs one request where most are images."""


class StepKind(StrEnum):
    """What to ask the registry about one manifest."""

    READ = "read"  # its attributes, which name an index's children
    CONTENT = "content"  # its content, when the attributes named no children
    LOCK = "lock"  # update its attributes
    REFERRERS = "referrers"  # list the manifests whose subject it is


class Step(msgspec.Struct, frozen=True):
    """One request to make."""

    kind: StepKind
    digest: Digest


class Standing(StrEnum):
    """How far a manifest has come."""

    WAITING = "waiting"
    APPLIED = "applied"
    ALREADY = "already"
    RECALLED = "recalled"


class _Node(msgspec.Struct):
    digest: Digest
    standing: Standing = Standing.WAITING
    media_type: str = ""
    off: Off = NOTHING_OFF
    updated: bool = False
    opened: bool = False
    """Its children, if it has any, are known."""
    children: tuple[Digest, ...] = ()
    waits_for: set[Digest] = msgspec.field(default_factory=set)
    parents: list[Digest] = msgspec.field(default_factory=list)


class ClosureWalk:
    """The walk over everything that some roots reach, each manifest once, cycles included.

    `off` is what every manifest must have off. At most `limit` manifests are taken in; `exceeded` tells that there
    are more, and then nothing below that index is touched. A manifest whose step failed blocks only the indexes
    above it; so does one of `suspended`, for which no step is taken at all.
    """

    def __init__(
        self, *, off: Off, limit: int, referrers: bool = False, suspended: frozenset[Digest] = frozenset()
    ) -> None:
        self.off = off
        self.limit = limit
        self.exceeded = False
        self.unknown: set[Digest] = set()
        """Indexes whose children nobody named."""
        self.failed: set[Digest] = set()
        """Manifests that could not be read or locked, or whose answer was no proof."""
        self._referrers = referrers
        self._suspended = suspended
        self._nodes: dict[Digest, _Node] = {}
        self._steps: deque[Step] = deque()
        self._new: list[Digest] = []
        self._in_flight = 0

    # -- what to walk -------------------------------------------------------------------------------------------

    def add_root(self, digest: Digest, *, media_type: str | None) -> None:
        """Take in a root; with a media type that is no index it is locked without being read first."""
        self._discover(digest, read_first=media_type is None or is_index(media_type))

    def take_new(self) -> Sequence[Digest]:
        """Return the manifests discovered since the last call, for `recall`."""
        new, self._new = self._new, []
        return new

    def recall(self, proven: Iterable[Digest]) -> None:
        """Take manifests as locked on an earlier proof. Not for indexes: their proof says nothing of their children."""
        for digest in proven:
            node = self._nodes[digest]
            if node.standing is Standing.WAITING:
                self._settle(node, Standing.RECALLED)

    # -- the conversation ---------------------------------------------------------------------------------------

    def next_step(self) -> Step | None:
        """Return a step to take now, None when there is none until an answer comes (or ever)."""
        while self._steps:
            step = self._steps.popleft()
            settled = self._nodes[step.digest].standing is not Standing.WAITING
            if step.kind is StepKind.REFERRERS or not settled:
                self._in_flight += 1
                return step
        return None

    def answered(self, step: Step, state: ManifestState) -> None:
        """Take in the answer to a READ or LOCK step."""
        node = self._landed(step)
        node.media_type, node.off = state.media_type, state.off
        if step.kind is StepKind.LOCK:
            node.updated = True
            if not self.off <= state.off:
                self.failed.add(node.digest)
                return
        if is_index(state.media_type) and not node.opened:
            self._open(node, state.references)
        else:
            self._lock_when_ready(node)

    def content(self, step: Step, references: Sequence[Reference]) -> None:
        """Take in the answer to a CONTENT step."""
        self.unknown.discard(step.digest)
        self._open(self._landed(step), references)

    def referrers(self, step: Step, digests: Sequence[Digest]) -> None:
        """Take in the answer to a REFERRERS step."""
        self._landed(step)
        for digest in digests:
            self._discover(digest, read_first=True)

    def no_answer(self, step: Step) -> None:
        """Take in that a step had no usable answer; what waits for it waits on."""
        self._landed(step)
        self.failed.add(step.digest)

    # -- how far it has come ------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether every manifest of every root is locked, and every referrer that was asked for."""
        return not self._open_ends and all(node.standing is not Standing.WAITING for node in self._nodes.values())

    @property
    def suspended(self) -> tuple[Digest, ...]:
        """The suspended manifests that alone keep it from its end; none while there is anything else."""
        return () if self._open_ends else tuple(digest for digest in self._nodes if digest in self._suspended)

    @property
    def _open_ends(self) -> bool:
        return bool(self.failed or self.exceeded or self.unknown or self._in_flight or self._steps)

    def __len__(self) -> int:
        return len(self._nodes)

    def manifests(self, standing: Standing) -> Iterator[tuple[Digest, str]]:
        """Yield digest and media type ('' when it was not seen) of the manifests that stand so."""
        return ((node.digest, node.media_type) for node in self._nodes.values() if node.standing is standing)

    def children(self) -> Iterator[tuple[Digest, tuple[Digest, ...]]]:
        """Yield each index whose children are known, and these."""
        return ((node.digest, node.children) for node in self._nodes.values() if node.children)

    # -- inside -------------------------------------------------------------------------------------------------

    def _landed(self, step: Step) -> _Node:
        self._in_flight -= 1
        return self._nodes[step.digest]

    def _discover(self, digest: Digest, *, read_first: bool) -> _Node | None:
        node = self._nodes.get(digest)
        if node is not None:
            return node
        if len(self._nodes) >= self.limit:
            self.exceeded = True
            return None
        node = self._nodes[digest] = _Node(digest)
        if digest in self._suspended:
            return node
        self._new.append(digest)
        self._steps.append(Step(StepKind.READ if read_first else StepKind.LOCK, digest))
        return node

    def _open(self, node: _Node, references: Sequence[Reference] | None) -> None:
        if references is None:  # an index without `references` is never childless
            self.unknown.add(node.digest)
            self._steps.append(Step(StepKind.CONTENT, node.digest))
            return
        children = {reference.digest: reference for reference in references}
        if len(self._nodes) + sum(child not in self._nodes for child in children) > self.limit:
            self.exceeded = True
            return
        node.opened, node.children = True, tuple(children)
        above = self._waiting_for(node)
        for child, reference in children.items():
            below = self._discover(child, read_first=not reference.has_platform)
            if below is not None and below.standing is Standing.WAITING and child not in above:
                node.waits_for.add(child)
                below.parents.append(node.digest)
        self._lock_when_ready(node)

    def _waiting_for(self, node: _Node) -> set[Digest]:
        """Return a manifest and all that wait for it, directly or not: an edge to one of them would close a cycle.

        Found upwards and once for each index: asking below every child takes minutes on a few hundred indexes that
        name each other.
        """
        above: set[Digest] = set()
        left = [node.digest]
        while left:
            current = left.pop()
            if current not in above:
                above.add(current)
                left.extend(self._nodes[current].parents)
        return above

    def _lock_when_ready(self, node: _Node) -> None:
        if node.waits_for or (is_index(node.media_type) and not node.opened):
            return
        if not self.off <= node.off:
            self._steps.append(Step(StepKind.LOCK, node.digest))
        elif node.standing is Standing.WAITING:
            self._settle(node, Standing.APPLIED if node.updated else Standing.ALREADY)

    def _settle(self, node: _Node, standing: Standing) -> None:
        node.standing = standing
        if self._referrers:
            self._steps.append(Step(StepKind.REFERRERS, node.digest))
        for parent in node.parents:
            above = self._nodes[parent]
            above.waits_for.discard(node.digest)
            self._lock_when_ready(above)
