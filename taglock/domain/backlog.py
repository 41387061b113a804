"""How much work is unfinished, and for how long."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

import msgspec

from taglock.domain.ledger import ActDue, DueWork


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """The unfinished work of one registry, or of the resources that are still to be read."""

    of: str
    """The login server; `-` for the resources."""
    items: int = 0
    oldest_seconds: float = 0.0
    """For how long the oldest has been unfinished; 0 when there is none."""

    def with_more(self, found: Iterable[DueWork], now: datetime) -> Self:
        """Return the backlog with more of its work; an act that only ends later is not unfinished yet."""
        ages = [(now - unfinished_since(due)).total_seconds() for due in found]
        late = [age for age in ages if age >= 0]
        return type(self)(of=self.of, items=self.items + len(late), oldest_seconds=max([self.oldest_seconds, *late]))


def unfinished_since(due: DueWork) -> datetime:
    """Return when work should have been finished: at once, or when an act is to go on."""
    return due.due_at if isinstance(due.subject, ActDue) else due.created_at
