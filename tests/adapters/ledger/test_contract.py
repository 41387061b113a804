"""Every sentence of ports.RowStore, for every store."""

import asyncio
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taglock.adapters.ledger_limits import MAX_BODY_BYTES, MAX_CHANGES
from taglock.domain.row import Change, Delete, Insert, Replace, Row, RowKey, Upsert
from taglock.errors import InvalidInput, LedgerConflict, LimitExceeded
from taglock.ports import RowStore

LAWS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WHOLE_PARTITION = "\U0010ffff\U0010ffff"
CHARACTERS = st.characters(codec="utf-8") | st.sampled_from(
    "/\\#?%'+. -_~!\x00\x1f\x7f\x9f\ud7ff\ue000\uffff\U00010000"
)
KEYS = st.text(CHARACTERS, max_size=12)


async def one(rows: RowStore, key: RowKey) -> Row:
    """Return a row that must be there."""
    [row] = await rows.read([key])
    assert row is not None
    return row


async def bodies(rows: RowStore, *keys: RowKey) -> list[bytes | None]:
    """Return the bodies of rows, None where there is none."""
    return [row.body if row else None for row in await rows.read(keys)]


async def test_an_empty_store_reads_none_and_scans_nothing(rows: RowStore, partition: str) -> None:
    assert await rows.read([RowKey(partition, "a"), RowKey(partition, "b")]) == [None, None]
    assert list(await rows.scan(partition)) == []
    assert list(await rows.read([])) == []
    await rows.write([])


async def test_rows_are_read_in_the_order_asked(rows: RowStore, partition: str) -> None:
    keys = [RowKey(partition, key) for key in "cab"]
    await rows.write([Insert(key, key.key.encode()) for key in keys])
    assert [row and row.key for row in await rows.read([*keys, RowKey(partition, "x"), keys[0]])] == [
        *keys,
        None,
        keys[0],
    ]


async def test_rows_of_several_partitions_are_read_together(rows: RowStore, partition: str) -> None:
    here, there = RowKey(partition, "a"), RowKey(f"{partition}/x", "a")
    await rows.write([Insert(here, b"here"), Insert(there, b"there")])
    assert await bodies(rows, there, here) == [b"there", b"here"]
    assert [row.body for row in await rows.scan(partition)] == [b"here"]


async def test_insert_refuses_a_row_that_is_there(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    await rows.write([Insert(key, b"first")])
    before = await one(rows, key)
    with pytest.raises(LedgerConflict, match="'a'"):
        await rows.write([Insert(key, b"second")])
    assert await one(rows, key) == before


async def test_upsert_stores_whatever_was_there(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    await rows.write([Upsert(key, b"first")])
    first = await one(rows, key)
    await rows.write([Upsert(key, b"second")])
    second = await one(rows, key)
    assert (first.body, second.body) == (b"first", b"second")
    assert first.version != second.version


async def test_replace_needs_the_version_that_was_read(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    await rows.write([Insert(key, b"1")])
    stale = await one(rows, key)
    await rows.write([Replace(key, b"2", stale.version)])
    with pytest.raises(LedgerConflict):
        await rows.write([Replace(key, b"3", stale.version)])
    assert await bodies(rows, key) == [b"2"]


async def test_replace_of_an_absent_row_is_a_conflict(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    await rows.write([Insert(key, b"1")])
    gone = await one(rows, key)
    await rows.write([Delete(key)])
    with pytest.raises(LedgerConflict):
        await rows.write([Replace(key, b"2", gone.version)])
    assert await bodies(rows, key) == [None]


async def test_a_row_stored_again_never_has_an_earlier_version(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    versions = []
    for _ in range(20):
        await rows.write([Insert(key, b"same")])
        versions.append((await one(rows, key)).version)
        await rows.write([Delete(key)])
    assert len(set(versions)) == len(versions)


async def test_writing_the_same_body_changes_the_version(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    versions = []
    for _ in range(20):
        await rows.write([Upsert(key, b"same")])
        versions.append((await one(rows, key)).version)
    assert len(set(versions)) == len(versions)


async def test_a_version_is_the_same_in_read_and_scan(rows: RowStore, partition: str) -> None:
    await rows.write([Insert(RowKey(partition, "a"), b"1")])
    assert [await one(rows, RowKey(partition, "a"))] == list(await rows.scan(partition))


async def test_an_unknown_version_is_a_conflict(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    await rows.write([Insert(key, b"1")])
    for version in ("", "nonsense", "*", "W/\"datetime'2001-01-01T00%3A00%3A00.0000000Z'\""):
        with pytest.raises(LedgerConflict):
            await rows.write([Replace(key, b"2", version)])
        with pytest.raises(LedgerConflict):
            await rows.write([Delete(key, version)])
    assert await bodies(rows, key) == [b"1"]


async def test_delete_removes_a_row_and_minds_no_absent_one(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    await rows.write([Insert(key, b"1")])
    await rows.write([Delete(key)])
    await rows.write([Delete(key)])
    assert await bodies(rows, key) == [None]


async def test_delete_with_a_version_removes_only_that_version(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    await rows.write([Insert(key, b"1")])
    stale = await one(rows, key)
    await rows.write([Upsert(key, b"2")])
    with pytest.raises(LedgerConflict):
        await rows.write([Delete(key, stale.version)])
    current = await one(rows, key)
    await rows.write([Delete(key, current.version)])
    with pytest.raises(LedgerConflict):
        await rows.write([Delete(key, current.version)])


@pytest.mark.parametrize("place", range(4))
async def test_a_conflict_undoes_the_whole_write(rows: RowStore, partition: str, place: int) -> None:
    a, b, c, taken = (RowKey(partition, key) for key in "abcd")
    await rows.write([Insert(b, b"b"), Insert(c, b"c"), Insert(taken, b"d")])
    before = await rows.scan(partition)
    changes: list[Change] = [Insert(a, b"new"), Upsert(b, b"new"), Delete(c)]
    changes.insert(place, Insert(taken, b"again"))
    with pytest.raises(LedgerConflict):
        await rows.write(changes)
    assert await rows.scan(partition) == before


async def test_absent_rows_can_be_deleted_beside_other_changes(rows: RowStore, partition: str) -> None:
    keys = [RowKey(partition, key) for key in "abcd"]
    await rows.write([Insert(keys[1], b"b")])
    await rows.write([Delete(keys[0]), Upsert(keys[3], b"d"), Delete(keys[1]), Delete(keys[2])])
    assert await bodies(rows, *keys) == [None, None, None, b"d"]


async def test_an_absent_row_that_is_deleted_does_not_hide_a_conflict(rows: RowStore, partition: str) -> None:
    a, b = RowKey(partition, "a"), RowKey(partition, "b")
    await rows.write([Insert(b, b"b")])
    with pytest.raises(LedgerConflict):
        await rows.write([Delete(a), Insert(b, b"again")])
    assert await bodies(rows, a, b) == [None, b"b"]


@pytest.mark.parametrize(
    ("kinds", "present", "absent"),
    [
        (("insert", "upsert"), "conflict", b"1"),
        (("insert", "insert"), "conflict", "conflict"),
        (("insert", "replace"), "conflict", "conflict"),
        (("upsert", "insert"), "conflict", "conflict"),
        (("upsert", "upsert"), b"1", b"1"),
        (("upsert", "replace"), "conflict", "conflict"),
        (("upsert", "delete"), None, None),
        (("upsert", "delete-version"), "conflict", "conflict"),
        (("replace", "upsert"), b"1", "conflict"),
        (("replace", "replace"), "conflict", "conflict"),
        (("replace", "delete"), None, "conflict"),
        (("delete", "insert"), b"1", b"1"),
        (("delete", "upsert"), b"1", b"1"),
        (("delete", "replace"), "conflict", "conflict"),
        (("delete", "delete"), None, None),
        (("delete", "delete-version"), "conflict", "conflict"),
        (("delete-version", "insert"), b"1", "conflict"),
        (("delete-version", "upsert"), b"1", "conflict"),
        (("delete-version", "delete"), None, "conflict"),
        (("insert", "delete", "insert"), "conflict", b"2"),
        (("replace", "delete", "insert"), b"2", "conflict"),
    ],
)
async def test_changes_of_one_row_in_one_write_follow_each_other(
    rows: RowStore, partition: str, kinds: tuple[str, ...], present: object, absent: object
) -> None:
    key = RowKey(partition, "a")
    await rows.write([Insert(key, b"before")])
    version = (await one(rows, key)).version
    changes = [change_of(kind, key, str(index).encode(), version) for index, kind in enumerate(kinds)]
    assert await result_of(rows, changes, key) == present
    await rows.write([Delete(key)])
    assert await result_of(rows, changes, key) == absent


def change_of(kind: str, key: RowKey, body: bytes, version: str) -> Change:
    match kind:
        case "insert":
            return Insert(key, body)
        case "upsert":
            return Upsert(key, body)
        case "replace":
            return Replace(key, body, version)
        case "delete":
            return Delete(key)
    return Delete(key, version)


async def result_of(rows: RowStore, changes: list[Change], key: RowKey) -> object:
    """Return the body after a write, or 'conflict'; a conflict must leave the row as it was."""
    before = await rows.read([key])
    try:
        await rows.write(changes)
    except LedgerConflict:
        assert await rows.read([key]) == before
        return "conflict"
    [row] = await rows.read([key])
    return row and row.body


async def test_inserting_and_deleting_a_row_in_one_write_is_refused(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    with pytest.raises(InvalidInput, match="'a'"):
        await rows.write([Insert(key, b"1"), Delete(key)])
    assert await bodies(rows, key) == [None]


async def test_scan_takes_the_start_and_leaves_the_end(rows: RowStore, partition: str) -> None:
    await rows.write([Insert(RowKey(partition, key), b"") for key in ("b", "a", "c", "ab", "")])
    found = await rows.scan(partition, start="a", end="b")
    assert [row.key.key for row in found] == ["a", "ab"]
    assert [row.key.key for row in await rows.scan(partition)] == ["", "a", "ab", "b", "c"]
    assert list(await rows.scan(partition, start="b", end="b")) == []
    assert list(await rows.scan(partition, start="c", end="a")) == []
    assert list(await rows.scan(partition, end="")) == []


async def test_scan_stops_at_the_limit(rows: RowStore, partition: str) -> None:
    await rows.write([Insert(RowKey(partition, f"{index:02}"), b"") for index in range(20)])
    for limit in (0, 1, 7, 20, 21):
        found = await rows.scan(partition, limit=limit)
        assert [row.key.key for row in found] == [f"{index:02}" for index in range(min(limit, 20))]


async def test_scan_goes_past_one_page_of_a_thousand(rows: RowStore, partition: str) -> None:
    for base in range(0, 1200, 100):
        await rows.write([Insert(RowKey(partition, f"{base + index:04}"), b"") for index in range(100)])
    found = await rows.scan(partition, start="0001", limit=1150)
    assert [row.key.key for row in found] == [f"{index:04}" for index in range(1, 1151)]


async def test_scan_bounds_may_be_longer_than_a_key(rows: RowStore, partition: str) -> None:
    longest = "k" * 512
    await rows.write([Insert(RowKey(partition, longest), b"")])
    assert len(await rows.scan(partition, start=longest, end=longest + "\U0010ffff")) == 1
    assert len(await rows.scan(partition, start=longest, end=longest + "a")) == 1
    assert len(await rows.scan(partition, start=longest + "a", end="l")) == 0


@LAWS
@given(keys=st.sets(KEYS, max_size=30), start=KEYS, end=KEYS)
async def test_scan_returns_exactly_the_keys_between_in_code_point_order(
    rows: RowStore, keys: set[str], start: str, end: str
) -> None:
    partition = f"{uuid4()}"
    await rows.write([Insert(RowKey(partition, key), key.encode()) for key in keys])
    everything = await rows.scan(partition, end=WHOLE_PARTITION)
    assert [row.key.key for row in everything] == sorted(keys)
    assert [row.body.decode() for row in everything] == sorted(keys)
    between = await rows.scan(partition, start=start, end=end)
    assert [row.key.key for row in between] == sorted(key for key in keys if start <= key < end)


@LAWS
@given(partition=KEYS, key=KEYS, body=st.binary(max_size=200))
async def test_any_unicode_text_is_a_key(rows: RowStore, partition: str, key: str, body: bytes) -> None:
    where = RowKey(partition, key)
    await rows.write([Upsert(where, body)])
    row = await one(rows, where)
    assert (row.key, row.body) == (where, body)
    await rows.write([Replace(where, body + b"!", row.version)])
    await rows.write([Delete(where, (await one(rows, where)).version)])
    assert await bodies(rows, where) == [None]


async def test_keys_differ_by_case(rows: RowStore, partition: str) -> None:
    await rows.write([Insert(RowKey(partition, "Release"), b"A"), Insert(RowKey(partition, "release"), b"a")])
    assert await bodies(rows, RowKey(partition, "release"), RowKey(partition, "Release")) == [b"a", b"A"]


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 131_072, 300_001, MAX_BODY_BYTES])
async def test_bodies_of_any_allowed_size_come_back_whole(rows: RowStore, partition: str, size: int) -> None:
    key = RowKey(partition, "a")
    body = bytes(index * 31 % 251 for index in range(size))
    await rows.write([Upsert(key, body)])
    assert await bodies(rows, key) == [body]
    assert [row.body for row in await rows.scan(partition)] == [body]


async def test_a_smaller_body_leaves_nothing_of_a_larger_one(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    await rows.write([Insert(key, b"x" * 200_000)])
    await rows.write([Upsert(key, b"small")])
    assert await bodies(rows, key) == [b"small"]
    await rows.write([Upsert(key, b"x" * 200_000)])
    await rows.write([Replace(key, b"", (await one(rows, key)).version)])
    assert await bodies(rows, key) == [b""]


async def test_a_body_beyond_the_limit_is_refused_and_named(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "too-big")
    with pytest.raises(LimitExceeded, match="too-big"):
        await rows.write([Insert(RowKey(partition, "a"), b""), Insert(key, b"x" * (MAX_BODY_BYTES + 1))])
    assert list(await rows.scan(partition)) == []


async def test_a_write_takes_a_hundred_changes_of_a_partition_and_no_more(rows: RowStore, partition: str) -> None:
    changes = [Insert(RowKey(partition, f"{index:03}"), b"x") for index in range(MAX_CHANGES + 1)]
    with pytest.raises(LimitExceeded, match="101 changes"):
        await rows.write(changes)
    assert list(await rows.scan(partition)) == []
    await rows.write(changes[:MAX_CHANGES])
    assert len(await rows.scan(partition)) == MAX_CHANGES


async def test_the_largest_write_in_bytes_is_taken_and_a_larger_one_refused(rows: RowStore, partition: str) -> None:
    def large(count: int) -> list[Change]:
        return [Insert(RowKey(partition, f"{index}"), b"x" * 700_000) for index in range(count)]

    with pytest.raises(LimitExceeded, match="bytes"):
        await rows.write(large(5))
    assert list(await rows.scan(partition)) == []
    await rows.write(large(4))
    assert [len(row.body) for row in await rows.scan(partition)] == [700_000] * 4


async def test_keys_beyond_the_limit_are_refused_and_named(rows: RowStore, partition: str) -> None:
    await rows.write([Insert(RowKey(partition, "k" * 512), b"")])
    too_long = "k" * 513
    for key in (RowKey(partition, too_long), RowKey(too_long, "a"), RowKey(partition, "\u00e9" * 80)):
        with pytest.raises(InvalidInput, match=r"key\.(key|partition)"):
            await rows.write([Insert(key, b"")])
        with pytest.raises(InvalidInput):
            await rows.read([key])
    with pytest.raises(InvalidInput):
        await rows.scan(too_long)


async def test_lone_surrogates_are_no_text(rows: RowStore, partition: str) -> None:
    with pytest.raises(InvalidInput, match="surrogates"):
        await rows.write([Insert(RowKey(partition, "\ud800"), b"")])
    with pytest.raises(InvalidInput, match="surrogates"):
        await rows.scan(partition, start="\udfff")


async def test_every_partition_is_written_in_the_order_of_first_mention(rows: RowStore, partition: str) -> None:
    first, second = RowKey(f"{partition}-1", "a"), RowKey(f"{partition}-2", "a")
    await rows.write([Insert(second, b"there")])
    with pytest.raises(LedgerConflict):
        await rows.write([Insert(second, b"again"), Insert(first, b"never")])
    assert await bodies(rows, first, second) == [None, b"there"]


async def test_exactly_one_of_fifty_replacements_of_a_version_wins(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    await rows.write([Insert(key, b"start")])
    for _ in range(4):
        current = await one(rows, key)
        attempts = [rows.write([Replace(key, str(index).encode(), current.version)]) for index in range(50)]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        won = [index for index, outcome in enumerate(outcomes) if outcome is None]
        assert len(won) == 1
        assert all(isinstance(outcome, LedgerConflict) for outcome in outcomes if outcome is not None)
        assert await bodies(rows, key) == [str(won[0]).encode()]


async def test_exactly_one_of_fifty_inserts_wins(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "a")
    attempts = [rows.write([Insert(key, b""), Upsert(RowKey(partition, f"{index}"), b"")]) for index in range(50)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    won = [str(index) for index, outcome in enumerate(outcomes) if outcome is None]
    assert len(won) == 1
    assert [row.key.key for row in await rows.scan(partition)] == [*won, "a"]


async def test_increments_by_read_and_replace_lose_nothing(rows: RowStore, partition: str) -> None:
    key = RowKey(partition, "counter")
    await rows.write([Insert(key, b"0")])

    async def increment() -> None:
        while True:
            row = await one(rows, key)
            try:
                return await rows.write([Replace(key, str(int(row.body) + 1).encode(), row.version)])
            except LedgerConflict:
                continue

    await asyncio.gather(*(increment() for _ in range(12)))
    assert await bodies(rows, key) == [b"12"]
