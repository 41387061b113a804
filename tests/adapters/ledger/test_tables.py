"""What only the Azure Tables store promises: the table's creation, retries, and what each failure means."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableServiceClient

from taglock.adapters import ledger_tables
from taglock.adapters.ledger_limits import MAX_BODY_BYTES
from taglock.adapters.ledger_tables import TableRows, open_tables
from taglock.domain.row import Insert, Replace, RowKey, Upsert
from taglock.errors import InvalidConfiguration, LedgerConflict, LedgerError, LimitExceeded, TaglockError
from tests.adapters.ledger.front import Answer, Front, LoseAnswer, fronted
from tests.azurite import ACCOUNT, KEY, Azurite

CREDENTIAL = AzureNamedKeyCredential(ACCOUNT, KEY)
A, B = RowKey("p", "a"), RowKey("p", "b")
BUSY = Answer(status=503, code="ServerBusy")


@pytest.fixture
def table() -> str:
    """A table that is not there yet."""
    return f"t{uuid4().hex}"


@pytest.fixture
async def front(azurite: Azurite) -> AsyncIterator[Front]:
    async with fronted(azurite.table) as opened:
        yield opened


@pytest.fixture
async def rows(front: Front, table: str) -> AsyncIterator[TableRows]:
    store = open_tables(front.endpoint, credential=CREDENTIAL, table=table)
    yield store
    await store.aclose()


@pytest.fixture
async def used(rows: TableRows, front: Front) -> TableRows:
    """A store whose table is there, with nothing counted yet."""
    await rows.write([Insert(A, b"a")])
    front.seen.clear()
    return rows


def tables_of(azurite: Azurite) -> set[str]:
    with TableServiceClient(azurite.table, credential=CREDENTIAL) as service:
        return {item.name for item in service.list_tables()}


async def test_reading_a_table_that_is_not_there_finds_nothing_and_makes_none(
    rows: TableRows, azurite: Azurite, table: str
) -> None:
    assert await rows.read([A, B]) == [None, None]
    assert list(await rows.scan("p")) == []
    assert table not in tables_of(azurite)


async def test_the_first_write_makes_the_table_and_later_ones_do_not_ask(
    rows: TableRows, front: Front, azurite: Azurite, table: str
) -> None:
    await rows.write([Insert(A, b"a")])
    assert front.seen == ["POST", "POST", "POST"]
    assert table in tables_of(azurite)
    await rows.write([Insert(B, b"b")])
    assert len(front.seen) == 4


async def test_first_writes_at_once_all_succeed(rows: TableRows) -> None:
    await asyncio.gather(*(rows.write([Insert(RowKey("p", f"{index:02}"), b"")]) for index in range(20)))
    assert len(await rows.scan("p")) == 20


async def test_a_replacement_in_a_table_that_is_not_there_is_a_conflict(used: TableRows, front: Front) -> None:
    [row] = await used.read([A])
    assert row is not None
    fresh = open_tables(front.endpoint, credential=CREDENTIAL, table=f"t{uuid4().hex}")
    with pytest.raises(LedgerConflict):
        await fresh.write([Replace(A, b"", row.version)])
    await fresh.aclose()


async def test_each_partition_is_one_request(used: TableRows, front: Front) -> None:
    await used.write([Upsert(RowKey(partition, f"{index}"), b"") for index in range(30) for partition in "xyz"])
    assert front.seen == ["POST"] * 3


async def test_an_account_that_is_busy_for_a_moment_is_asked_again(used: TableRows, front: Front) -> None:
    front.next.extend([BUSY, Answer(status=429)])
    await used.write([Insert(B, b"b")])
    assert len(front.seen) == 3
    assert len(await used.scan("p")) == 2


async def test_an_account_that_stays_busy_is_a_ledger_error(used: TableRows, front: Front) -> None:
    front.next.extend([BUSY] * 3)
    with pytest.raises(LedgerError, match="ServerBusy") as caught:
        await used.write([Insert(B, b"b")])
    assert not isinstance(caught.value, LedgerConflict)
    assert len(front.seen) == 3


@pytest.mark.parametrize(
    "fault", [LoseAnswer(), Answer(status=0), Answer(status=500, code="OperationTimedOut"), Answer(status=504)]
)
async def test_a_write_that_may_have_happened_is_not_tried_again(
    used: TableRows, front: Front, fault: Answer | LoseAnswer
) -> None:
    front.next.append(fault)
    with pytest.raises(LedgerError) as caught:
        await used.write([Insert(B, b"b")])
    assert not isinstance(caught.value, LedgerConflict)
    assert len(front.seen) == 1


@pytest.mark.parametrize("fault", [Answer(status=0), Answer(status=500), BUSY])
async def test_reads_are_tried_again(used: TableRows, front: Front, fault: Answer) -> None:
    front.next.append(fault)
    [row] = await used.read([A])
    assert row is not None
    front.next.append(fault)
    assert await used.scan("p") == [row]


async def test_reads_that_keep_failing_are_a_ledger_error(used: TableRows, front: Front) -> None:
    for attempt in (used.read([A]), used.scan("p")):
        front.next.extend([Answer(status=500, code="InternalError")] * 3)
        with pytest.raises(LedgerError, match="InternalError"):
            await attempt
    assert len(front.seen) == 6


async def test_one_failed_row_fails_the_read(used: TableRows, front: Front) -> None:
    front.next.append(Answer(status=400, code="InvalidInput"))
    with pytest.raises(LedgerError, match="InvalidInput"):
        await used.read([A, B])


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "EntityTooLarge", LimitExceeded),
        (413, "RequestBodyTooLarge", LimitExceeded),
        (413, "", LimitExceeded),
        (409, "EntityAlreadyExists", LedgerConflict),
        (412, "UpdateConditionNotSatisfied", LedgerConflict),
        (412, "", LedgerConflict),
        (404, "ResourceNotFound", LedgerConflict),
        (404, "", LedgerError),
        (409, "TableBeingDeleted", LedgerError),
        (400, "InvalidInput", LedgerError),
        (401, "", LedgerError),
        (403, "AuthorizationPermissionMismatch", LedgerError),
        (307, "", LedgerError),
    ],
)
async def test_a_failed_write_is_judged_by_its_code(
    used: TableRows, front: Front, status: int, code: str, error: type[TaglockError]
) -> None:
    front.next.append(Answer(status=status, code=code, headers={"Location": front.endpoint}))
    with pytest.raises(TaglockError) as caught:
        await used.write([Insert(B, b"b")])
    assert type(caught.value) is error
    assert len(front.seen) == 1


async def test_a_missing_permission_names_the_role(used: TableRows, front: Front) -> None:
    for attempt in (used.read([A]), used.scan("p"), used.write([Upsert(A, b"")])):
        front.next.append(Answer(status=403, code="AuthorizationPermissionMismatch"))
        with pytest.raises(LedgerError, match="Storage Table Data Contributor"):
            await attempt


async def test_a_table_that_may_not_be_made_is_a_ledger_error(rows: TableRows, front: Front) -> None:
    front.next.extend(
        [Answer(status=404, code="TableNotFound"), Answer(status=403, code="AuthorizationPermissionMismatch")]
    )
    with pytest.raises(LedgerError, match="Storage Table Data Contributor"):
        await rows.write([Insert(A, b"")])


async def test_a_conflict_names_the_rows_and_the_table(used: TableRows, table: str) -> None:
    with pytest.raises(LedgerConflict, match=f"table '{table}'.*Insert 'a'"):
        await used.write([Insert(A, b"again")])


async def test_a_redirect_is_not_followed(used: TableRows, front: Front) -> None:
    elsewhere = {"Location": f"{front.endpoint}/elsewhere"}
    for attempt in (used.read([A]), used.scan("p"), used.write([Upsert(A, b"")])):
        front.seen.clear()
        front.next.append(Answer(status=302, headers=elsewhere))
        with pytest.raises(LedgerError):
            await attempt
        assert len(front.seen) == 1


async def test_a_silent_account_is_given_up(used: TableRows, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_tables, "TIMEOUT_SECONDS", 0.2)
    for attempt in (used.read([A]), used.scan("p"), used.write([Upsert(A, b"")])):
        front.next.append(Answer(status=None))
        with pytest.raises(LedgerError, match="TimeoutError"):
            await attempt


async def test_an_account_that_cannot_be_reached_is_a_ledger_error() -> None:
    nowhere = open_tables("http://127.0.0.1:1/devstoreaccount1", credential=CREDENTIAL)
    with pytest.raises(LedgerError, match=r"127\.0\.0\.1:1"):
        await nowhere.write([Upsert(A, b"")])
    with pytest.raises(LedgerError):
        await nowhere.read([A])
    await nowhere.aclose()


async def test_a_cancelled_read_wedges_nothing(used: TableRows, front: Front) -> None:
    front.next.extend([Answer(status=None)] * 40)
    waiting = asyncio.create_task(used.read([A] * 40))
    await front.reached(ledger_tables.PARALLEL_READS)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    front.next.clear()
    [row] = await used.read([A])
    assert row is not None


async def test_an_entity_of_another_program_is_a_ledger_error(used: TableRows, azurite: Azurite, table: str) -> None:
    with TableServiceClient(azurite.table, credential=CREDENTIAL) as service:
        client = service.get_table_client(table)
        client.create_entity({"PartitionKey": "other", "RowKey": "a", "name": "text"})
        client.create_entity({"PartitionKey": "spelled", "RowKey": "no spelling", "b0": b""})
    with pytest.raises(LedgerError, match="not written by taglock"):
        await used.read([RowKey("other", "a")])
    with pytest.raises(LedgerError, match="not written by taglock"):
        await used.scan("other")
    with pytest.raises(LedgerError, match="not written by taglock"):
        await used.scan("spelled")


async def test_a_row_as_large_as_allowed_fits_under_the_longest_keys(used: TableRows) -> None:
    key = RowKey("p" * 512, "\u00e9" * 73)
    await used.write([Insert(key, b"x" * MAX_BODY_BYTES)])
    [row] = await used.read([key])
    assert row is not None
    assert len(row.body) == MAX_BODY_BYTES


async def test_the_largest_allowed_transaction_fits(used: TableRows) -> None:
    keys = [RowKey("p" * 512, f"{index:0512}") for index in range(100)]
    await used.write([Insert(key, b"x" * 25_000) for key in keys])
    assert len(await used.scan("p" * 512)) == 100


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "contoso.table.core.windows.net",
        "http://contoso.table.core.windows.net",
        "https://",
        "https://key@contoso.table.core.windows.net",
        "https://contoso.table.core.windows.net?sig=secret",
        "ftp://127.0.0.1",
        "https://[::1",
    ],
)
def test_an_endpoint_that_is_no_plain_https_url_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidConfiguration, match="https"):
        open_tables(endpoint, credential=CREDENTIAL)


@pytest.mark.parametrize("table", ["", "ab", "1st", "with-dash", "x" * 64])
def test_a_name_that_no_table_can_have_is_refused(table: str) -> None:
    with pytest.raises(InvalidConfiguration, match="letters"):
        open_tables("https://contoso.table.core.windows.net", credential=CREDENTIAL, table=table)
