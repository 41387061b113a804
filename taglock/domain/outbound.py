"""The events that the app publishes: CloudEvents 1.0 with ids derived from what they tell."""

from collections.abc import Mapping
from datetime import datetime

import msgspec


class OutboundEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvents 1.0 event to publish; `id` is derived, so publishing twice is recognisable."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    body: Mapping[str, object]
