"""The events that the app publishes: CloudEvents 1.0 with ids derived from what they tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundEvent:
    """A CloudEvents 1.0 event to publish; `id` is derived, so publishing twice is recognisable."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    body: Mapping[str, object]
