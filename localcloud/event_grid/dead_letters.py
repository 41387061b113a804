"""Events that were given up, in a folder laid out as Event Grid lays out its container."""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from localcloud.event_grid.events import Event, Schema
from localcloud.event_grid.subscription import Attempt, Subscription, dead_letter_properties


class DeadLetterFolder:
    """Dead letters as `SUBSCRIPTION/year/month/day/hour/ID.json`, each file an array of events."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, events: Sequence[Event], subscription: Subscription, attempt: Attempt, reason: str) -> Path:
        """Write the events with what Event Grid adds to them and return the file."""
        added = dead_letter_properties(attempt, reason)
        if subscription.schema is Schema.CLOUD_EVENTS:
            added = {name.lower(): value for name, value in added.items()}  # CloudEvents attributes are lower case
        path = self._folder.joinpath(subscription.name.upper(), *_parts(attempt.ended), f"{uuid.uuid4()}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([{**event.rendered(subscription.schema), **added} for event in events], indent=1))
        return path

    def read(self) -> list[dict[str, Any]]:
        """Return every dead letter, those of one hour in no particular order."""
        files = sorted(self._folder.rglob("*.json"))
        return [event for path in files for event in json.loads(path.read_text())]

    def clear(self) -> None:
        """Forget every dead letter."""
        for path in self._folder.rglob("*.json"):
            path.unlink()


def _parts(moment: datetime) -> tuple[str, ...]:
    return str(moment.year), str(moment.month), str(moment.day), str(moment.hour)
