"""The ledger that keeps what is written to itself behaves as the one below it, which it never changes."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.adapters.ledger_sqlite import open_sqlite
from taglock.domain.row import Change, Delete, Insert, Replace, RowKey, Upsert
from taglock.enforcement.audit.overlay import Overlay
from taglock.errors import LedgerConflict
from taglock.ports import RowStore

KEYS = [RowKey("p", name) for name in ("a", "b", "c", "d")]


@pytest.fixture
async def below() -> AsyncIterator[RowStore]:
    rows = open_sqlite(":memory:")
    await rows.write([Upsert(KEYS[0], b"old a"), Upsert(KEYS[1], b"old b"), Upsert(KEYS[3], b"old d")])
    yield rows
    await rows.aclose()


async def bodies(rows: RowStore, **how: object) -> list[tuple[str, bytes]]:
    return [(row.key.key, row.body) for row in await rows.scan("p", **how)]  # type: ignore[arg-type]


async def test_what_is_written_is_seen_above_and_not_below(below: RowStore) -> None:
    overlay = Overlay(below)
    await overlay.write([Upsert(KEYS[0], b"new a"), Insert(KEYS[2], b"new c"), Delete(KEYS[3])])
    assert await bodies(overlay) == [("a", b"new a"), ("b", b"old b"), ("c", b"new c")]
    assert await bodies(below) == [("a", b"old a"), ("b", b"old b"), ("d", b"old d")]
    assert [row and row.body for row in await overlay.read(KEYS)] == [b"new a", b"old b", b"new c", None]


async def test_a_hidden_row_is_not_there(below: RowStore) -> None:
    overlay = Overlay(below, hidden=[KEYS[1]])
    assert await bodies(overlay) == [("a", b"old a"), ("d", b"old d")]
    await overlay.write([Insert(KEYS[1], b"new b")])
    assert await bodies(overlay, start="b", end="c") == [("b", b"new b")]


async def test_conflicts_are_those_of_a_ledger(below: RowStore) -> None:
    overlay = Overlay(below)
    (row,) = await overlay.read([KEYS[0]])
    assert row is not None
    with pytest.raises(LedgerConflict):
        await overlay.write([Insert(KEYS[0], b"")])
    await overlay.write([Replace(KEYS[0], b"second", row.version)])
    with pytest.raises(LedgerConflict):
        await overlay.write([Replace(KEYS[0], b"third", row.version)])
    with pytest.raises(LedgerConflict):
        await overlay.write([Delete(KEYS[0], row.version)])


NAMES = st.sampled_from([f"k{number}" for number in range(8)])
CHANGES = st.lists(
    st.one_of(
        st.builds(lambda name, body: Upsert(RowKey("p", name), body), NAMES, st.binary(max_size=2)),
        st.builds(lambda name: Delete(RowKey("p", name)), NAMES),
    ),
    max_size=12,
)


@given(below=CHANGES, above=CHANGES, start=NAMES, end=NAMES, limit=st.integers(1, 9))
async def test_a_scan_is_that_of_one_ledger_with_both_writes(
    below: list[Change], above: list[Change], start: str, end: str, limit: int
) -> None:
    first, both = open_sqlite(":memory:"), open_sqlite(":memory:")
    for change in below:
        await first.write([change])
    overlay = Overlay(first)
    await overlay.write(above)
    for change in (*below, *above):
        await both.write([change])
    wanted = await bodies(both, start=start, end=end, limit=limit)
    assert await bodies(overlay, start=start, end=end, limit=limit) == wanted
    await first.aclose()
    await both.aclose()
