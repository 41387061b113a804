"""Laws over whole histories of deployments: whatever is deployed, repeated, reordered or broken off."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.faults import Action, Answer, Fault, Reset
from localcloud.tls import Authority
from taglock.enforcement.context import Limits
from tests.deploying.world import APP, Deployed, container_app, deployed_world
from tests.pushing.images import plain
from tests.pushing.world import UNDELETABLE

AUTHORITY = Authority()
IMAGES = [plain(f"image {number}") for number in range(5)]


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY.ca_file(tmp_path / "ca.pem")))


@dataclass(frozen=True)
class Step:
    """One deployment: which workload, and which images it runs from then on."""

    workload: str
    images: frozenset[int]
    by_tag: bool


steps = st.builds(
    Step, st.sampled_from(["one", "two", "three"]), st.frozensets(st.integers(0, 4), max_size=3), st.booleans()
)
histories = st.lists(steps, min_size=1, max_size=6)
faults: st.SearchStrategy[Action] = st.sampled_from(
    [Answer(status=500), Answer(status=405), Answer(status=404), Reset(when="before"), Reset(when="after")]
)
law = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def events_of(local: Deployed, history: list[Step]) -> list[str]:
    for number, image in enumerate(IMAGES):
        local.push(f"build-{number}", image)
    events = []
    for step in history:
        local.later()
        images = [
            local.reference(f"build-{number}") if step.by_tag else local.reference(digest=IMAGES[number].digest)
            for number in sorted(step.images)
        ]
        events.append(local.event(*images, workload=step.workload))
    return events


async def assert_the_last_deployments_run_and_are_locked(local: Deployed, history: list[Step]) -> None:
    last = {step.workload: step for step in history}
    expected = {name: {IMAGES[each].digest for each in step.images} for name, step in last.items() if step.images}
    running = await local.running()
    assert {name: set(digests) for name, digests in running.items()} == expected
    active = {(row.workload, row.digest) for row in await local.history() if row.ended_at is None}
    assert active == {(name, digest) for name, digests in expected.items() for digest in digests}
    for step in last.values():
        assert {local.pushing.flags(IMAGES[each]) for each in step.images} <= {UNDELETABLE}


@law
@given(histories, st.lists(st.integers(0, 5), max_size=6), st.integers())
def test_duplicates_and_order_change_nothing(history: list[Step], repeated: list[int], seed: int) -> None:
    async def run() -> None:
        async with deployed_world(AUTHORITY) as local:
            events = events_of(local, history)
            deliveries = events + [events[number % len(events)] for number in repeated]
            Random(seed).shuffle(deliveries)
            for event in deliveries:
                await local.deliver(event)
            await assert_the_last_deployments_run_and_are_locked(local, history)
            assert await local.pushing.due() == []
            assert await local.findings() == []

    asyncio.run(run())


@law
@given(histories)
def test_a_second_delivery_finds_nothing_to_do(history: list[Step]) -> None:
    async def run() -> None:
        async with deployed_world(AUTHORITY) as local:
            events = events_of(local, history)
            for event in events:
                await local.deliver(event)
            before = await local.running(), await local.history()
            local.clear()
            outcomes = {one.outcome for event in events for one in await local.deliver(event)}
            assert outcomes <= {"already", "superseded"}
            assert local.requests() == {}
            assert (await local.running(), await local.history()) == before

    asyncio.run(run())


@law
@given(histories, st.lists(st.tuples(faults, st.integers(0, 12)), max_size=4))
def test_faults_and_what_follows_lead_to_the_same_end(history: list[Step], broken: list[tuple[Action, int]]) -> None:
    async def run() -> None:
        async with deployed_world(AUTHORITY, limits=Limits(event_seconds=3.0, due_seconds=3.0)) as local:
            events = events_of(local, history)
            for action, skip in broken:
                local.pushing.emulator.faults.add(Fault(action=action, kind="", skip=skip))
            for event in events:
                await local.deliver(event)
            await local.settle()
            for event in events:  # Event Grid may deliver again at any time
                await local.deliver(event)
            await local.settle()
            await assert_the_last_deployments_run_and_are_locked(local, history)

    asyncio.run(run())


@law
@given(st.lists(st.frozensets(st.integers(0, 4), max_size=3), min_size=1, max_size=5), st.integers())
def test_events_of_a_resource_in_any_order_end_with_what_resource_manager_says(
    bodies: list[frozenset[int]], seed: int
) -> None:
    async def run() -> None:
        async with deployed_world(AUTHORITY) as local:
            for image in IMAGES:
                local.push(None, image)
            events = []
            for body in bodies:
                local.later()
                references = [local.reference(digest=IMAGES[each].digest) for each in sorted(body)]
                elsewhere = ["docker.io/library/redis:7"]
                events.append(await local.put(APP, container_app(*references, *elsewhere)))
            Random(seed).shuffle(events)
            for event in events:
                await local.deliver(event)
            expected = {IMAGES[each].digest for each in bodies[-1]}
            assert set((await local.running())[APP.lower()]) == expected
            assert {local.pushing.flags(IMAGES[each]) for each in bodies[-1]} <= {UNDELETABLE}

    asyncio.run(run())
