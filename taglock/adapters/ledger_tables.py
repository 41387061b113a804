"""The ledger's rows in Azure Tables, on the app's own storage account with its managed identity."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from taglock.adapters.ledger_keys import encoded
from taglock.adapters.ledger_limits import checked_changes, checked_key, checked_text
from taglock.adapters.ledger_tables_entities import key_of, operation_of, range_filter, row_of
from taglock.adapters.ledger_tables_errors import Meaning, code_of, ledger_error, meaning_of, write_error
from taglock.domain.row import Change, Delete, Row, RowKey
from taglock.errors import InvalidConfiguration, TaglockError

if TYPE_CHECKING:
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableClient

TIMEOUT_SECONDS = 8.0
"""The longest that one request may take, with what is tried again."""

READ_RETRIES = 2
BUSY_PAUSES_SECONDS = (0.2, 0.8)
"""A write is tried again only when the account refused to take it. Any other failure may hide that it happened, and
trying it again would then report a conflict with itself."""

PAGE_ROWS = 1000
PARALLEL_READS = 32
TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class TableRows:
    """ports.RowStore on one table. A partition's changes are one transaction; partitions follow each other.

    An unconditional Delete of a row that is absent, beside other changes, counts as done when it was found absent.
    """

    def __init__(self, client: "TableClient", where: str) -> None:
        self._client = client
        self._where = where
        self._reading = asyncio.Semaphore(PARALLEL_READS)

    async def read(self, keys: Sequence[RowKey]) -> Sequence[Row | None]:
        """Read rows by key, in the order asked, None where there is none; each row of its own moment."""
        wanted = [checked_key(key) for key in keys]
        found = await asyncio.gather(*map(self._row, wanted), return_exceptions=True)
        for answer in found:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in found if not isinstance(answer, BaseException)]

    async def scan(
        self, partition: str, *, start: str = "", end: str = "\U0010ffff", limit: int = 1000
    ) -> Sequence[Row]:
        """Read rows of one partition with start <= key < end, in key order, at most `limit`; page after page."""
        checked_key(RowKey(partition, ""))
        text, parameters = range_filter(partition, start=checked_text("start", start), end=checked_text("end", end))
        if limit <= 0:
            return []
        found = self._client.query_entities(text, parameters=parameters, results_per_page=min(limit, PAGE_ROWS))
        pages = found.by_page()
        rows: list[Row] = []
        while len(rows) < limit and (page := await self._answered(lambda: _next_page(pages))) is not None:
            rows += [row_of(key_of(partition, entity), entity, entity.metadata["etag"]) for entity in page]
        return rows[:limit]

    async def write(self, changes: Sequence[Change]) -> None:
        """Make the changes, all or nothing within a partition, partitions in the order of first mention.

        LedgerConflict, LimitExceeded and InvalidInput leave their partition as it was. After any other LedgerError the
        changes of one partition may have happened.
        """
        for of_partition in checked_changes(changes).values():
            await self._write(of_partition)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _row(self, key: RowKey) -> Row | None:
        async with self._reading:
            entity = await self._answered(lambda: self._client.get_entity(encoded(key.partition), encoded(key.key)))
        return None if entity is None else row_of(key, entity, entity.metadata["etag"])

    async def _answered[T](self, request: Callable[[], Awaitable[T]]) -> T | None:
        """Return the answer to a reading request, None when the table or the row is not there."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await request()
        except TaglockError:
            raise
        except Exception as error:  # the SDK, its transport or the credential
            if meaning_of(error) in (Meaning.TABLE_MISSING, Meaning.ROW_MISSING):
                return None
            raise ledger_error(self._where, error) from error

    async def _write(self, changes: Sequence[Change]) -> None:
        """Send one transaction; Tables refuses it for a deletion of an absent row, so those are left out then."""
        while failed := await self._sent(changes):
            present = await self._without_absent_deletions(changes, failed)
            if len(present) == len(changes):
                raise write_error(self._where, changes, failed) from failed
            changes = present

    async def _without_absent_deletions(self, changes: Sequence[Change], failed: Exception) -> Sequence[Change]:
        if meaning_of(failed) is not Meaning.ROW_MISSING:
            return changes
        deletions = [change.key for change in changes if isinstance(change, Delete) and change.version is None]
        rows = await self.read(deletions)
        absent = {key for key, row in zip(deletions, rows, strict=True) if row is None}
        return [change for change in changes if change.key not in absent]

    async def _sent(self, changes: Sequence[Change]) -> Exception | None:
        """Send a transaction, again when the account was busy or the table is new; return the last failure."""
        if not changes:
            return None
        send = partial(self._client.submit_transaction, [operation_of(change) for change in changes], retry_total=0)
        failed = await self._failure(send)
        if failed is not None and meaning_of(failed) is Meaning.TABLE_MISSING:
            await self._create_table()
            failed = await self._failure(send)
        for pause in BUSY_PAUSES_SECONDS:
            if failed is None or meaning_of(failed) is not Meaning.BUSY:
                break
            await asyncio.sleep(pause)
            failed = await self._failure(send)
        return failed

    async def _create_table(self) -> None:
        failed = await self._failure(partial(self._client.create_table, retry_total=0))
        if failed is not None and code_of(failed) != "TableAlreadyExists":
            raise ledger_error(self._where, failed) from failed

    async def _failure(self, request: Callable[[], Awaitable[Any]]) -> Exception | None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await request()
        except Exception as error:  # the SDK, its transport or the credential
            return error
        return None


def open_tables(
    endpoint: str, *, credential: "AsyncTokenCredential | AzureNamedKeyCredential", table: str = "taglock"
) -> TableRows:
    """Return the rows of a table of an account such as https://NAME.table.core.windows.net; made by the first write.

    Raises InvalidConfiguration unless the endpoint is https, or http on loopback for the emulator.
    """
    _check_endpoint(endpoint)
    if not TABLE_NAME.fullmatch(table):
        raise InvalidConfiguration.at("table", table, "3 to 63 letters and digits, a letter first")
    from azure.data.tables.aio import TableClient

    client = TableClient(
        endpoint,
        table,
        credential=credential,
        retry_total=READ_RETRIES,
        retry_backoff_factor=0.4,
        permit_redirects=False,
        use_env_settings=False,  # neither a proxy nor ~/.netrc, which would replace our Authorization
    )
    return TableRows(client, f"ledger {endpoint!r} table {table!r}")


async def _next_page(pages: Any) -> list[Any] | None:
    with suppress(StopAsyncIteration):
        return [entity async for entity in await anext(pages)]
    return None


def _check_endpoint(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        usable = safe and bool(parts.hostname) and "@" not in parts.netloc and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise InvalidConfiguration.at("ledger", endpoint, "an https URL of a table service, without user and query")
