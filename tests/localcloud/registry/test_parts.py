"""Traffic, switches and seeds, each by itself."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.faults import Fault
from localcloud.registry import options as options_module
from localcloud.registry.options import RegistryOptions
from localcloud.registry.ordered import Order, Ordered
from localcloud.registry.records import TagRecord
from localcloud.registry.seed_document import InvalidSeed
from localcloud.registry.server import Registry
from localcloud.traffic import SeenRequest, Traffic
from tests.localcloud.registry.caller import Caller

COVERAGE = Path(__file__).resolve().parents[3] / "localcloud/COVERAGE.md"


def request(kind: str) -> SeenRequest:
    return SeenRequest(
        method=kind.partition(" ")[0],
        path="/x",
        kind=kind,
        repository="",
        reference="",
        status=200,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        host="",
        user_agent="",
        scope="",
        authorization="",
        required="",
    )


def test_traffic_counts_everything_but_remembers_only_the_newest() -> None:
    traffic = Traffic(remembered=2)
    for kind in ("GET tag", "GET tag", "PATCH tag"):
        traffic.add(request(kind))
    assert (traffic.total, traffic.counts()) == (3, {"GET tag": 2, "PATCH tag": 1})
    assert [each.kind for each in traffic.remembered] == ["GET tag", "PATCH tag"]
    with pytest.raises(LookupError, match="at most 2"):
        traffic.since(0)


def test_marks_tell_what_came_after_them_also_across_a_clear() -> None:
    traffic = Traffic()
    traffic.add(request("GET tag"))
    mark = traffic.mark()
    assert traffic.since(mark) == ()
    traffic.add(request("PATCH tag"))
    assert traffic.counts_since(mark) == {"PATCH tag": 1}
    traffic.clear()
    assert (traffic.total, traffic.since(mark)) == (0, ())
    traffic.add(request("GET tags"))
    assert [each.kind for each in traffic.since(mark)] == ["GET tags"]


async def test_each_request_is_recorded_with_what_it_needed_and_carried(caller: Caller, registry: Registry) -> None:
    registry.store.seed({"repositories": [{"name": "a/b", "images": [{"number": 1, "tags": ["v1"]}]}]})
    await caller.ask_as("reader", "GET", "/acr/v1/a%2Fb/_tags/v1")
    seen = registry.traffic.remembered
    assert [each.kind for each in seen] == ["GET tag", "POST exchange", "POST token", "GET tag"]
    assert [each.status for each in seen] == [401, 200, 200, 200]
    assert [each.authorized for each in seen] == [False, False, False, True]
    assert seen[2].scope == seen[0].required == "repository:a/b:metadata_read"
    assert (seen[3].repository, seen[3].reference, seen[3].authorization) == ("a/b", "v1", "Bearer")
    assert seen[3].host == caller.service


async def test_kinds_tell_attributes_from_content(caller: Caller, registry: Registry) -> None:
    registry.store.seed({"repositories": [{"name": "a", "images": [{"number": 1, "tags": ["v1"]}]}]})
    digest = registry.store.tag("a", "v1").digest
    await caller.ask("GET", f"/acr/v1/a/_manifests/{digest}")
    await caller.ask("PATCH", f"/acr/v1/a/_manifests/{digest}", {})
    await caller.ask("GET", f"/v2/a/manifests/{digest}")
    assert set(registry.traffic.counts()) == {"GET manifest attributes", "PATCH manifest", "GET manifest"}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"abacc": True}, "options.abacc is True"),
        ({"abac": "yes"}, "options.abac is 'yes'"),
        ({"throttling": "gold"}, "options.throttling is 'gold'"),
        ({"page_size_maximum": 1.5}, "options.page_size_maximum is 1.5"),
        ({"page_size_maximum": True}, "options.page_size_maximum is True"),
        ({"latency_seconds": -1}, "options.latency_seconds is -1"),
        ({"abac": True, "unreadable_pull": []}, "options.unreadable_pull is \\[\\]"),
    ],
)
def test_wrong_switch_is_named_and_none_is_set(values: dict[str, object], text: str) -> None:
    options = RegistryOptions()
    with pytest.raises(ValueError, match=text):
        options.change(values)
    assert options == RegistryOptions()


def test_switches_are_set_together_and_shown() -> None:
    options = RegistryOptions()
    options.change({"abac": True, "latency_seconds": 0.5, "page_size_maximum": 7})
    assert {"abac": True, "latency_seconds": 0.5, "page_size_maximum": 7}.items() <= options.as_json().items()


def test_every_switch_is_described_in_the_coverage_file() -> None:
    text = COVERAGE.read_text()
    assert [each.name for each in fields(RegistryOptions) if f"`{each.name}`" not in text] == []


def test_every_switch_has_a_docstring() -> None:
    source = Path(options_module.__file__).read_text().splitlines()
    for each in fields(RegistryOptions):
        line = next(number for number, text in enumerate(source) if text.startswith(f"    {each.name}: "))
        assert source[line + 1].startswith('    """'), each.name


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"repositories": [{}]},
        {"repositories": [{"name": "a", "bulk": [{"image": 1}]}]},
        {"repositories": [{"name": "a", "flags": {"writeEnabled": "no"}}]},
    ],
)
def test_wrong_seed_is_refused(registry: Registry, document: object) -> None:
    with pytest.raises(InvalidSeed, match="seed is wrong"):
        registry.store.seed(document)


def test_seed_sets_the_flags_of_a_repository(registry: Registry) -> None:
    registry.store.seed({"repositories": [{"name": "a", "flags": {"writeEnabled": False}}]})
    assert not registry.store.repository("a").flags.write


def tag(name: str, updated: int) -> TagRecord:
    return TagRecord(name=name, digest="", created=0, updated=updated)


NAMES = st.text("abc", min_size=1, max_size=3)


@given(
    st.dictionaries(NAMES, st.integers(0, 5)),
    st.lists(NAMES),
    st.sampled_from(Order),
    st.integers(1, 4),
)
def test_pages_of_any_size_and_order_add_up_to_the_sorted_whole(
    updated: dict[str, int], removed: list[str], order: Order, size: int
) -> None:
    listed: Ordered[TagRecord] = Ordered()
    for name, at in updated.items():
        listed.put(name, tag(name, at))
    for name in {*removed} & set(updated):
        listed.remove(name)
        del updated[name]
    listed.put_many((name, tag(name, at)) for name, at in updated.items())
    found: list[str] = []
    while page := [each.name for each in listed.after(found[-1] if found else "", order)][:size]:
        found += page
    expected = sorted(updated, key=(lambda name: name) if "time" not in order else lambda name: (updated[name], name))
    assert found == (expected[::-1] if order is Order.TIME_DESCENDING else expected)


async def test_reset_forgets_content_faults_and_traffic_but_no_switches(caller: Caller, registry: Registry) -> None:
    registry.store.seed({"repositories": [{"name": "a", "images": [{"number": 1, "tags": ["v1"]}]}]})
    registry.options.change({"page_size_maximum": 7})
    registry.faults.add(Fault.from_json({"action": {"type": "status", "status": 500}, "kind": "tag"}))
    token = await caller.token("owner", "repository:*:metadata_read")
    registry.reset()
    assert (registry.traffic.total, registry.faults.pending, registry.options.page_size_maximum) == (0, (), 7)
    got = await caller.ask("GET", "/acr/v1/a/_tags/v1", authorization=f"Bearer {token}")
    assert (got.status, got.error) == (404, "TAG_UNKNOWN")
