"""docs/events.md is what the app publishes."""

import json
from collections import defaultdict

import pytest

from localcloud.tls import Authority
from taglock.domain.outbound import OutboundEvent
from tests.documents.event_types import ANNOUNCED, EVENT_TYPE, members_in_document, types_in_code
from tests.documents.pages import page, tables
from tests.documents.published import told

DOCUMENTED = members_in_document()
pytestmark = pytest.mark.usefixtures("trusted")


def test_every_type_in_the_code_is_documented_or_announced_and_the_reverse() -> None:
    assert set(DOCUMENTED) <= types_in_code()
    assert types_in_code() <= {*DOCUMENTED, *ANNOUNCED}
    assert not ANNOUNCED & set(DOCUMENTED)


def test_the_overview_lists_every_type_once_in_the_order_of_its_sections() -> None:
    (overview,) = [rows for rows in tables(page("docs/events.md")) if "tells" in rows[0]]
    assert [EVENT_TYPE.findall(row["type"])[0] for row in overview] == list(DOCUMENTED)


async def test_the_members_of_each_type_are_those_that_are_published(authority: Authority) -> None:
    by_type = defaultdict(list)
    for event in await told(authority):
        by_type[event.type].append(event)
    assert set(by_type) == set(DOCUMENTED)
    assert {each: when_there(events) for each, events in by_type.items()} == {
        each: {member: when == "always" for member, when in members.items()} for each, members in DOCUMENTED.items()
    }


def when_there(events: list[OutboundEvent]) -> dict[str, bool]:
    """Return the members of some events, and whether each event has them."""
    for event in events:
        assert json.loads(json.dumps(event.body)) == event.body  # what subscribers get
    return {member: all(member in event.body for event in events) for event in events for member in event.body}
