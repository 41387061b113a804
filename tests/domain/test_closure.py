"""Laws of the walk over a closure, on arbitrary graphs, in any order of answers."""

from cProfile import Profile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taglock.domain.attributes import NOTHING_OFF, UNDELETABLE, Off
from taglock.domain.closure import ClosureWalk, Standing, Step, StepKind
from taglock.domain.reference import Digest, LoginServer, Repository, manifest_target
from taglock.domain.state import ManifestState, Reference

INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE = "application/vnd.oci.image.manifest.v1+json"
OFF = UNDELETABLE.off


def digest(number: int) -> Digest:
    return Digest(f"sha256:{number:064x}")


@dataclass
class Graph:
    """A pretended registry: who names whom, what is off, and in which order updates were made."""

    children: dict[int, list[int]]
    platforms: set[int] = field(default_factory=set)
    off: dict[int, Off] = field(default_factory=dict)
    updates: list[int] = field(default_factory=list)

    def state(self, number: int) -> ManifestState:
        below = self.children.get(number)
        return ManifestState(
            target=manifest_target(LoginServer("r"), Repository("p"), digest(number)),
            digest=digest(number),
            media_type=IMAGE if below is None else INDEX,
            off=self.off.get(number, NOTHING_OFF),
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            references=None
            if below is None
            else tuple(Reference(digest=digest(each), has_platform=each in self.platforms) for each in below),
        )

    def reachable(self, root: int) -> set[int]:
        seen: set[int] = set()
        left = [root]
        while left:
            if (number := left.pop()) not in seen:
                seen.add(number)
                left += self.children.get(number) or []
        return seen

    def reaches(self, start: int, goal: int) -> bool:
        return any(goal in self.reachable(child) for child in self.children.get(start) or [])


graphs = st.builds(
    Graph,
    children=st.dictionaries(st.integers(0, 9), st.lists(st.integers(0, 12), max_size=5), min_size=1, max_size=10).map(
        lambda found: {0: [1], **found}
    ),
    platforms=st.sets(st.integers(0, 12)),
)


def walked(graph: Graph, walk: ClosureWalk, *, order: Random, unanswered: frozenset[int] = frozenset()) -> None:
    """Answer the steps of a walk in any order until it has none; some manifests never answer."""
    open_steps: list[Step] = []
    while True:
        while (step := walk.next_step()) is not None:
            open_steps.append(step)
        if not open_steps:
            return
        step = open_steps.pop(order.randrange(len(open_steps)))
        number = int(step.digest.removeprefix("sha256:"), 16)
        if number in unanswered:
            walk.no_answer(step)
            continue
        if step.kind is StepKind.LOCK:
            graph.off[number] = graph.off.get(number, NOTHING_OFF) | OFF
            graph.updates.append(number)
        walk.answered(step, graph.state(number))


@settings(max_examples=300, deadline=None)
@given(graphs, st.integers())
def test_everything_reachable_is_updated_exactly_once_and_nothing_else(graph: Graph, seed: int) -> None:
    walk = ClosureWalk(off=OFF, limit=100)
    walk.add_root(digest(0), media_type=INDEX)
    walked(graph, walk, order=Random(seed))
    assert walk.finished
    assert sorted(graph.updates) == sorted(graph.reachable(0))


@settings(max_examples=300, deadline=None)
@given(graphs, st.integers())
def test_children_that_are_read_first_come_before_their_index_unless_they_lead_back_to_it(
    graph: Graph, seed: int
) -> None:
    graph.platforms = {number for number in graph.platforms if number not in graph.children}
    walk = ClosureWalk(off=OFF, limit=100)
    walk.add_root(digest(0), media_type=INDEX)
    walked(graph, walk, order=Random(seed))
    place = {number: position for position, number in enumerate(graph.updates)}
    for number in graph.reachable(0):
        for child in graph.children.get(number) or []:
            in_a_cycle = child == number or graph.reaches(child, number)
            assert in_a_cycle or place[child] < place[number]


@settings(max_examples=300, deadline=None)
@given(graphs, st.integers(), st.frozensets(st.integers(0, 12), max_size=4))
def test_no_index_is_updated_while_something_below_it_is_loose(
    graph: Graph, seed: int, unanswered: frozenset[int]
) -> None:
    graph.platforms = {number for number in graph.platforms if number not in graph.children}
    walk = ClosureWalk(off=OFF, limit=100)
    walk.add_root(digest(0), media_type=INDEX)
    walked(graph, walk, order=Random(seed), unanswered=unanswered)
    for number in graph.updates:
        below = graph.reachable(number)
        in_a_cycle = any(graph.reaches(each, each) for each in below)  # no content can; what comes first is then moot
        assert in_a_cycle or below <= set(graph.updates)
    assert walk.finished == (not unanswered & graph.reachable(0))


@settings(max_examples=200, deadline=None)
@given(graphs, st.integers(), st.frozensets(st.integers(0, 12), max_size=4))
def test_a_walk_that_goes_on_later_ends_like_one_that_was_never_interrupted(
    graph: Graph, seed: int, unanswered: frozenset[int]
) -> None:
    first = ClosureWalk(off=OFF, limit=100)
    first.add_root(digest(0), media_type=INDEX)
    walked(graph, first, order=Random(seed), unanswered=unanswered)
    second = ClosureWalk(off=OFF, limit=100)
    second.add_root(digest(0), media_type=INDEX)
    walked(graph, second, order=Random(seed))
    assert second.finished
    assert set(graph.updates) == graph.reachable(0)


@settings(max_examples=200, deadline=None)
@given(graphs, st.integers(), st.frozensets(st.integers(0, 12), max_size=3))
def test_what_is_suspended_is_left_alone_with_all_that_names_it_and_nothing_else(
    graph: Graph, seed: int, suspended: frozenset[int]
) -> None:
    graph.platforms = {number for number in graph.platforms if number not in graph.children}
    walk = ClosureWalk(off=OFF, limit=100, suspended=frozenset(map(digest, suspended)))
    walk.add_root(digest(0), media_type=INDEX)
    walked(graph, walk, order=Random(seed))
    known = {found for standing in Standing for found, _ in walk.manifests(standing)}
    seen = {number for number in graph.reachable(0) if digest(number) in known}
    assert not suspended & set(graph.updates)
    assert walk.finished == (not suspended & seen)
    assert set(walk.suspended) == {digest(number) for number in suspended & seen}
    for number in seen - set(graph.updates) - suspended:
        assert graph.reachable(number) & suspended


@pytest.mark.parametrize(("unanswered", "told"), [((), (1,)), ((2,), ())])
def test_what_is_suspended_is_told_only_when_nothing_else_is_left(
    unanswered: tuple[int, ...], told: tuple[int, ...]
) -> None:
    walk = ClosureWalk(off=OFF, limit=100, suspended=frozenset({digest(1)}))
    walk.add_root(digest(0), media_type=INDEX)
    walked(Graph(children={0: [1, 2]}), walk, order=Random(0), unanswered=frozenset(unanswered))
    assert walk.suspended == tuple(map(digest, told))


@settings(max_examples=200, deadline=None)
@given(graphs, st.integers())
def test_a_walk_over_what_is_locked_already_reads_and_updates_nothing_that_was_read(graph: Graph, seed: int) -> None:
    graph.platforms = set()
    graph.off = dict.fromkeys(range(13), OFF)
    walk = ClosureWalk(off=OFF, limit=100)
    walk.add_root(digest(0), media_type=INDEX)
    walked(graph, walk, order=Random(seed))
    assert walk.finished
    assert graph.updates == []
    assert len(list(walk.manifests(Standing.ALREADY))) == len(graph.reachable(0))


@settings(max_examples=200, deadline=None)
@given(graphs, st.integers(), st.integers(1, 6))
def test_no_more_manifests_than_the_limit_are_ever_taken_in(graph: Graph, seed: int, limit: int) -> None:
    walk = ClosureWalk(off=OFF, limit=limit)
    walk.add_root(digest(0), media_type=INDEX)
    walked(graph, walk, order=Random(seed))
    assert len(walk) <= limit
    assert walk.finished == (len(graph.reachable(0)) <= limit)
    assert walk.exceeded == (len(graph.reachable(0)) > limit)


def test_an_answer_without_the_attributes_off_is_no_proof() -> None:
    walk = ClosureWalk(off=OFF, limit=10)
    walk.add_root(digest(5), media_type=IMAGE)
    step = walk.next_step()
    assert step is not None
    walk.answered(step, Graph(children={}).state(5))
    assert not walk.finished
    assert walk.failed == {digest(5)}


@given(st.integers())
@settings(max_examples=5, deadline=None)
def test_indexes_that_all_name_each_other_take_few_calls_for_each_reference(seed: int) -> None:
    """Each index names every earlier one, as anybody may push them; the walk must not hold up the event loop."""
    graph = Graph(children={number: list(range(number)) for number in range(100)})
    walk = ClosureWalk(off=OFF, limit=100)
    walk.add_root(digest(99), media_type=INDEX)
    profile = Profile()
    profile.runcall(walked, graph, walk, order=Random(seed))
    assert walk.finished
    references = sum(len(below) for below in graph.children.values())
    calls = sum(entry.callcount for entry in profile.getstats())
    assert calls < 100 * references
