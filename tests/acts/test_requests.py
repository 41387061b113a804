"""What a quarantine asks of the registry, counted with a warm token."""

import asyncio
from collections.abc import Sequence
from copy import replace
from dataclasses import dataclass, field
from typing import Any

import pytest

from localcloud.registry.server import Registry as Emulator
from taglock.domain.row import Change, Row, RowKey
from tests.acts.world import ActWorld, Rows
from tests.pushing.images import index, plain


async def warm(made: ActWorld) -> None:
    """Let the app hold the tokens it needs: for reading and for writing attributes."""
    made.push("warm", plain("warm"))
    answer = await made.quarantine("warm")
    await made.lift(answer.act.id)
    made.pushing.clear()


@pytest.mark.parametrize("tags", [0, 1, 5])
async def test_a_plain_image_by_digest_takes_three_requests_and_one_for_each_tag(made: ActWorld, tags: int) -> None:
    await warm(made)
    image = plain("api")
    for number in range(tags):
        made.push(f"1.0.{number}", image)
    if not tags:
        made.push(None, image)
    assert (await made.quarantine(digest=image.digest)).complete
    assert sum(made.requests().values()) == tags + 3
    assert "POST token" not in made.pushing.requests()


async def test_by_tag_it_takes_one_more(made: ActWorld) -> None:
    await warm(made)
    made.push("1.0.0", plain("api"))
    made.push("latest", plain("api"))
    assert (await made.quarantine("latest")).complete
    assert sum(made.requests().values()) == 2 + 3 + 1


@pytest.mark.parametrize("children", [1, 4, 40])
async def test_an_index_takes_two_more_for_each_child(made: ActWorld, children: int) -> None:
    await warm(made)
    images = [plain(f"child {number}") for number in range(children)]
    root = index(*images)
    made.push_index("2.0.0", root, *images)
    made.push("latest", root)
    assert (await made.quarantine(digest=root.digest)).complete
    assert sum(made.requests().values()) == 2 * children + 2 + 3


async def test_an_index_of_indexes_takes_no_more_for_each_manifest(made: ActWorld) -> None:
    await warm(made)
    images = [plain(f"child {number}") for number in range(6)]
    inner = [index(*images[:3], images[5]), index(*images[3:])]
    root = index(*inner)
    for each in (*images, *inner):
        made.push(None, each)
    made.push("2.0.0", root)
    assert (await made.quarantine(digest=root.digest)).complete
    assert sum(made.requests().values()) == 2 * 8 + 1 + 3
    assert not any(made.flags(each).read for each in (*images, *inner, root))


async def test_root_and_tags_are_updated_before_any_child_and_restored_after_all(made: ActWorld) -> None:
    await warm(made)
    images = [plain(f"child {number}") for number in range(4)]
    root = index(*images)
    made.push_index("2.0.0", root, *images)
    made.push("latest", root)
    answer = await made.quarantine("2.0.0")
    first = {"2.0.0", "latest", root.digest}
    assert set(made.patched()[:3]) == first
    assert set(made.patched()[3:]) == {image.digest for image in images}
    made.pushing.clear()
    await made.lift(answer.act.id)
    assert set(made.patched()[:4]) == {image.digest for image in images}
    assert set(made.patched()[4:]) == first


async def test_nothing_is_asked_below_the_root_until_its_tags_are_unreadable(made: ActWorld) -> None:
    await warm(made)
    images = [plain("amd64"), plain("arm64")]
    root = index(*images)
    made.push_index("2.0.0", root, *images)
    await made.quarantine("2.0.0")
    seen = [(each.kind, each.reference) for each in made.pushing.emulator.traffic.remembered]
    before_children = [kind for kind, reference in seen if reference not in {image.digest for image in images}]
    assert [kind.split()[0] for kind in before_children] == ["GET", "GET", "GET", "PATCH", "PATCH"]
    first_child = min(seen.index(each) for each in seen if each[1] in {image.digest for image in images})
    assert first_child == len(before_children)


@dataclass
class Witness:
    """A ledger that remembers, for each of its writes, how many updates the registry had seen."""

    inner: Rows
    emulator: Emulator
    updates_before: list[int] = field(default_factory=list)

    async def read(self, keys: Sequence[RowKey]) -> Sequence[Row | None]:
        return await self.inner.read(keys)

    async def scan(self, partition: str, **range_: Any) -> Sequence[Row]:
        return await self.inner.scan(partition, **range_)

    async def write(self, changes: Sequence[Change]) -> None:
        seen = self.emulator.traffic.remembered
        self.updates_before.append(sum(each.kind.startswith("PATCH") for each in seen))
        await self.inner.write(changes)


@pytest.mark.parametrize("tags", [1, 20])
async def test_one_write_of_the_ledger_comes_before_the_first_update(made: ActWorld, tags: int) -> None:
    await warm(made)
    images = [plain("amd64"), plain("arm64")]
    root = index(*images)
    made.push_index("2.0.0", root, *images)
    for number in range(1, tags):
        made.push(f"2.0.{number}", root)
    witness = Witness(made.rows, made.pushing.emulator)
    made.pushing.app = replace(made.pushing.app, rows=witness)
    assert (await made.quarantine("2.0.0")).complete
    assert witness.updates_before.count(0) == 1
    assert witness.updates_before[1] >= tags + 1  # the root and all its tags, before anything else is written


async def test_a_hundred_quarantines_at_once_are_all_complete(made: ActWorld) -> None:
    await warm(made)
    images = [plain(f"image {number}") for number in range(100)]
    for number, image in enumerate(images):
        made.push(f"1.0.{number}", image)
    answers = await asyncio.gather(*(made.quarantine(digest=image.digest) for image in images))
    assert all(answer.complete for answer in answers)
    assert sum(made.requests().values()) == 100 * 4
    assert await made.due() == []


async def test_a_hundred_quarantines_that_share_a_child_are_lifted_at_once(made: ActWorld) -> None:
    shared = plain("base")
    own = [plain(f"own {number}") for number in range(100)]
    roots = [index(shared, each) for each in own]
    made.push(None, shared)
    for number, (each, root) in enumerate(zip(own, roots, strict=True)):
        made.push(None, each)
        made.push(f"1.0.{number}", root)
    before = made.flags(shared)
    answers = await asyncio.gather(*(made.quarantine(digest=root.digest) for root in roots))
    await made.settle()
    assert not made.flags(shared).read
    await asyncio.gather(*(made.lift(answer.act.id) for answer in answers[1:]))
    await made.settle()
    assert not made.flags(shared).read
    await made.lift(answers[0].act.id)
    await made.settle()
    assert made.flags(shared) == before
    assert (await made.marks()).by_target == {}
