"""Laws over whole histories: whatever is pushed, delivered, repeated, reordered, broken off or refused."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.faults import Action, Answer, Fault, Reset
from localcloud.registry.content import Manifest
from localcloud.registry.flags import Flags
from localcloud.tls import Authority
from taglock.enforcement.context import Limits
from tests.pushing.images import index, plain
from tests.pushing.world import LOCKED_TAG, OPEN, UNDELETABLE, World, world

AUTHORITY = Authority()


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY.ca_file(tmp_path / "ca.pem")))


@dataclass(frozen=True)
class Image:
    """A tag and what it names, from the leaves up."""

    tag: str
    manifests: tuple[Manifest, ...]

    @property
    def is_release(self) -> bool:
        return self.tag[0].isdigit()


def image(tag: str, leaves: int, depth: int) -> Image:
    below = [plain(f"{tag} leaf {number}") for number in range(leaves)]
    manifests = list(below)
    for level in range(depth):
        below = [index(*below, name=f"{tag} level {level}")]
        manifests += below
    return Image(tag, tuple(manifests if depth else manifests[:1]))


images = st.builds(
    image,
    st.sampled_from(["1.0.0", "1.2.3", "2.0.0", "10.4.2", "latest", "dev", "v1"]),
    st.integers(1, 4),
    st.integers(0, 2),
)
faults: st.SearchStrategy[Action] = st.sampled_from(
    [Answer(status=500), Answer(status=405), Answer(status=404), Reset(when="before"), Reset(when="after")]
)
histories = st.lists(images, min_size=1, max_size=4, unique_by=lambda one: one.tag)
law = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def pushed(local: World, history: list[Image]) -> list[str]:
    events = []
    for each in history:
        local.clock.advance(timedelta(seconds=1))
        for manifest in each.manifests[:-1]:
            local.push(None, manifest)
        events.append(local.push(each.tag, each.manifests[-1]))
    return events


def assert_exactly_the_releases_are_locked(local: World, history: list[Image]) -> None:
    for each in history:
        expected_tag, expected = (LOCKED_TAG, UNDELETABLE) if each.is_release else (OPEN, OPEN)
        assert local.tag_flags(each.tag) == expected_tag
        assert {local.flags(manifest) for manifest in each.manifests} == {expected}


def snapshot(local: World) -> dict[str, Flags]:
    repository = local.emulator.store.repository("prod/api")
    tags = {name: repository.tags.get(name).flags for name in repository.tags}  # type: ignore[union-attr]
    manifests = {name: repository.manifests.get(name).flags for name in repository.manifests}  # type: ignore[union-attr]
    return tags | manifests


@law
@given(histories, st.lists(st.integers(0, 3), max_size=6), st.integers())
def test_duplicates_and_order_change_nothing(history: list[Image], repeated: list[int], seed: int) -> None:
    async def run() -> None:
        async with world(AUTHORITY) as local:
            events = await pushed(local, history)
            deliveries = events + [events[number % len(events)] for number in repeated]
            Random(seed).shuffle(deliveries)
            for event in deliveries:
                await local.deliver(event)
            assert_exactly_the_releases_are_locked(local, history)
            assert await local.due() == []
            assert await local.findings() == []

    asyncio.run(run())


@law
@given(histories)
def test_a_second_delivery_finds_nothing_to_do(history: list[Image]) -> None:
    async def run() -> None:
        async with world(AUTHORITY) as local:
            events = await pushed(local, history)
            for event in events:
                await local.deliver(event)
            before, releases = snapshot(local), await local.releases()
            local.clear()
            outcomes = {(await local.deliver(event)).outcome for event in events}
            assert outcomes <= {"already", "ignored"}
            assert local.requests() == {}
            assert (snapshot(local), await local.releases()) == (before, releases)

    asyncio.run(run())


@law
@given(histories, st.lists(st.tuples(faults, st.integers(0, 12)), max_size=4))
def test_faults_and_what_follows_lead_to_the_same_end_and_never_loosen(
    history: list[Image], broken: list[tuple[Action, int]]
) -> None:
    async def run() -> None:
        async with world(AUTHORITY, limits=Limits(event_seconds=3.0, due_seconds=3.0)) as local:
            events = await pushed(local, history)
            for action, skip in broken:
                local.emulator.faults.add(Fault(action=action, kind="", skip=skip))
            locked: set[str] = set()
            for event in events:
                await local.deliver(event)
                locked = still_locked(local, locked)
            for _ in range(30):
                await local.tick(after=timedelta(minutes=1))
                locked = still_locked(local, locked)
                for event in events:  # Event Grid may deliver again at any time
                    await local.deliver(event)
            assert await local.due() == []
            assert_exactly_the_releases_are_locked(local, history)

    asyncio.run(run())


def still_locked(local: World, locked: set[str]) -> set[str]:
    now = {name for name, flags in snapshot(local).items() if flags.locked}
    assert locked <= now
    return now
