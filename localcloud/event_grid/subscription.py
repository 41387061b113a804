"""What a subscription asks for, and what a delivery's answer leads to. Pure: no clock, no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from localcloud.event_grid.events import Event, Schema, stamp

# https://learn.microsoft.com/azure/event-grid/delivery-and-retry, without its small randomisation.
RETRY_PAUSES = (
    *(timedelta(seconds=10), timedelta(seconds=30)),
    *(timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=30)),
    *(timedelta(hours=1), timedelta(hours=3), timedelta(hours=6), timedelta(hours=12)),
)
LEAST_PAUSES = {404: timedelta(minutes=5), 408: timedelta(minutes=2), 503: timedelta(seconds=30)}
DELIVERED = frozenset({200, 201, 202, 203, 204})
NEVER_RETRIED = frozenset({400, 401, 403, 413})
MAXIMUM_ATTEMPTS = 30
LONGEST_LIFE = timedelta(days=1)
NO_ANSWER = 0
"""The status of an attempt that brought no answer within the time Event Grid waits."""

_OUTCOMES = {
    NO_ANSWER: "TimedOut",
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "PayloadTooLarge",
    429: "Busy",
    503: "Busy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Deliver the events of a topic that match to a webhook; empty filters match everything.

    `channel` is the custom topic it belongs to; an empty one stands for all of Azure's own topics.
    """

    name: str
    endpoint: str
    schema: Schema = Schema.EVENT_GRID
    event_types: frozenset[str] = frozenset()
    subject_begins_with: str = ""
    subject_ends_with: str = ""
    channel: str = ""
    events_per_batch: int = 1
    attempts: int = MAXIMUM_ATTEMPTS
    life: timedelta = LONGEST_LIFE
    keeps_dead_letters: bool = True

    def __post_init__(self) -> None:
        _check("events_per_batch", self.events_per_batch, 5000)
        _check("attempts", self.attempts, MAXIMUM_ATTEMPTS)

    def wants(self, event: Event) -> bool:
        """Whether the event passes the filters."""
        return (
            event.channel == self.channel
            and (not self.event_types or event.type in self.event_types)
            and event.subject.startswith(self.subject_begins_with)
            and event.subject.endswith(self.subject_ends_with)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The latest of a batch's deliveries: how many there were, what came back, when."""

    count: int
    status: int
    ended: datetime
    published: datetime

    @property
    def outcome(self) -> str:
        """The answer by Event Grid's name for it."""
        return "Delivered" if self.status in DELIVERED else _OUTCOMES.get(self.status, "GenericError")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The webhook has taken the events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Deliver the same events again at that moment."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Keep the events as dead letters, or drop them."""

    reason: str


def next_step(attempt: Attempt, subscription: Subscription) -> Delivered | Retry | GiveUp:
    """Decide what follows an attempt; a retry that would come after the events' life is given up now."""
    if attempt.status in DELIVERED:
        return Delivered()
    if attempt.status in NEVER_RETRIED:
        return GiveUp(reason=f"UndeliverableDueToHttp{attempt.outcome}")
    if attempt.count >= subscription.attempts:
        return GiveUp(reason="MaxDeliveryAttemptsExceeded")
    pause = RETRY_PAUSES[min(attempt.count, len(RETRY_PAUSES)) - 1]
    at = attempt.ended + max(pause, LEAST_PAUSES.get(attempt.status, timedelta()))
    if at - attempt.published > subscription.life:
        return GiveUp(reason="TimeToLiveExceeded")
    return Retry(at=at)


def dead_letter_properties(attempt: Attempt, reason: str) -> Mapping[str, Any]:
    """Return what Event Grid adds to an event that it gave up, in the spelling of its own schema."""
    return {
        "deadLetterReason": reason,
        "deliveryAttempts": attempt.count,
        "lastDeliveryOutcome": attempt.outcome,
        **({} if attempt.status == NO_ANSWER else {"lastHttpStatusCode": attempt.status}),
        "publishTime": stamp(attempt.published),
        "lastDeliveryAttemptTime": stamp(attempt.ended),
    }


def _check(name: str, value: int, highest: int) -> None:
    if not 1 <= value <= highest:
        raise ValueError(f"{name} {value!r}: expected 1 to {highest}")
