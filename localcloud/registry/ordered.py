"""A mapping that can be read page by page in the registry's orders, and that stays cheap with a million entries."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from typing import Protocol


class Order(StrEnum):
    """The orders of a listing; the empty text and `none` are both lexical."""

    LEXICAL = ""
    NONE = "none"
    TIME_ASCENDING = "timeasc"
    TIME_DESCENDING = "timedesc"


class Dated(Protocol):
    """Something with a time of its last update, in ticks."""

    updated: int


class Ordered[T: Dated]:
    """Records by name. After changing a record's `updated` in place, call `touch`."""

    def __init__(self) -> None:
        self._records: dict[str, T] = {}
        self._names: list[str] = []
        self._sorted = True
        self._by_time: list[tuple[int, str]] | None = None

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, name: str) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._lexical())

    def get(self, name: str) -> T | None:
        """Return the record of that name or None."""
        return self._records.get(name)

    def records(self) -> Iterable[T]:
        """Return all records in no particular order."""
        return self._records.values()

    def put(self, name: str, record: T) -> None:
        """Add or replace one record."""
        if name not in self._records:
            self._insert(name)
        self._records[name] = record
        self._by_time = None

    def put_many(self, named: Iterable[tuple[str, T]]) -> None:
        """Add or replace many records; they are sorted once, when next listed."""
        for name, record in named:
            if name not in self._records:
                self._names.append(name)
            self._records[name] = record
        self._sorted = False
        self._by_time = None

    def remove(self, name: str) -> None:
        """Remove a record that exists."""
        del self._records[name]
        names = self._lexical()
        del names[bisect_left(names, name)]
        self._by_time = None

    def touch(self) -> None:
        """Take note that some record's time changed."""
        self._by_time = None

    def after(self, last: str, order: Order) -> Iterator[T]:
        """Yield the records behind `last` (exclusive, empty for all) in that order.

        In an order by time a `last` that no longer exists has no place, and nothing follows it.
        """
        if order is Order.TIME_ASCENDING:
            return self._after_in_time(last)
        if order is Order.TIME_DESCENDING:
            return self._before_in_time(last)
        names = self._lexical()
        start = bisect_right(names, last) if last else 0
        return (self._records[name] for name in islice(names, start, None))

    def _after_in_time(self, last: str) -> Iterator[T]:
        dated = self._dated()
        start = self._place(last) + 1 if last else 0
        return (self._records[dated[at][1]] for at in range(start, len(dated)))

    def _before_in_time(self, last: str) -> Iterator[T]:
        dated = self._dated()
        end = self._place(last) if last in self._records or not last else 0
        return (self._records[dated[at][1]] for at in range(end - 1, -1, -1))

    def _place(self, last: str) -> int:
        dated = self._dated()
        record = self._records.get(last)
        return len(dated) if record is None else bisect_left(dated, (record.updated, last))

    def _insert(self, name: str) -> None:
        if self._sorted and self._names and name > self._names[-1]:
            self._names.append(name)
        elif self._sorted:
            insort(self._names, name)
        else:
            self._names.append(name)

    def _lexical(self) -> list[str]:
        if not self._sorted:
            self._names.sort()
            self._sorted = True
        return self._names

    def _dated(self) -> list[tuple[int, str]]:
        if self._by_time is None:
            self._by_time = sorted((record.updated, name) for name, record in self._records.items())
        return self._by_time
