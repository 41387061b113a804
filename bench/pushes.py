"""Images that are in the registry, and the events that Event Grid would deliver for their pushes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from bench.emulator import Emulator
from bench.registry_host import Started
from localcloud.event_grid.events import Schema, registry_event
from localcloud.registry import synthetic
from localcloud.registry.content import OCI_INDEX, OCI_MANIFEST, digest_of
from localcloud.registry.events import RegistryEvent
from localcloud.registry.records import Reference

LOCATION = "westeurope"


class Shape(Enum):
    """What is pushed; the value is the number of children, one for each platform."""

    PLAIN = 0
    INDEX = 3

    def __str__(self) -> str:
        return f"index of {self.value}" if self.value else "plain image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One pushed image: its tag, its own digest, those of its children, and the event as it is delivered."""

    repository: str
    tag: str
    digest: str
    children: tuple[str, ...]
    event: str

    @property
    def targets(self) -> frozenset[tuple[str, str]]:
        """What has to be locked: repository and tag or digest."""
        return frozenset((self.repository, each) for each in (self.tag, self.digest, *self.children))


def pushed(emulator: Emulator, repository: str, *, shape: Shape, count: int) -> Sequence[Push]:
    """Put so many fresh images of a shape into a repository and return their pushes."""
    bulk = {"images": count, "tag": "1.0.{}", "children": shape.value}
    emulator.seed({"repositories": [{"name": repository, "bulk": [bulk]}]})
    return [_push(emulator.started, repository, shape, number) for number in range(count)]


def _push(started: Started, repository: str, shape: Shape, number: int) -> Push:
    images = range(number * shape.value, (number + 1) * shape.value)
    children = tuple(digest_of(synthetic.image(each)) for each in images)
    content = synthetic.image(number)
    if children:
        content = synthetic.index([Reference(digest=each, architecture="amd64", os="linux") for each in children])
    event = RegistryEvent(
        action="push",
        repository=repository,
        tag=f"1.0.{number}",
        digest=digest_of(content),
        media_type=OCI_INDEX if children else OCI_MANIFEST,
        size=len(content),
        at=datetime.now(UTC),
        request_id="bench",
        host=started.login_server,
        method="PUT",
        user_agent="docker/27",
    )
    delivered: Mapping[str, object] = registry_event(event, topic=started.topic, location=LOCATION).rendered(
        Schema.EVENT_GRID
    )
    return Push(
        repository=repository,
        tag=f"1.0.{number}",
        digest=digest_of(content),
        children=children,
        event=json.dumps(delivered),
    )
