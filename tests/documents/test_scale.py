"""The numbers of docs/scale.md follow from the limits, and the limits are those of the code."""

import re
from math import floor

import pytest

from bench.audits import Size
from localcloud.registry.throttle import LIMITS, Category
from taglock.adapters.acr_call import AcrOptions
from taglock.adapters.acr_listing import LARGEST_PAGE
from taglock.enforcement.audit.context import AuditLimits
from taglock.enforcement.context import Limits
from tests.documents.arithmetic import Audit, lock_writes, minutes
from tests.documents.pages import Row, number, page, sections, tables

SECTIONS = sections(page("docs/scale.md"), 2)
SHARE = AcrOptions(audience="").share


def rows(section: str, table: int = 0) -> list[Row]:
    return list(tables(SECTIONS[section]))[table]


LIMIT = {row["counted as"]: (number(row["Basic, Standard"]), number(row["Premium"])) for row in rows("The limits")}
READ, WRITE = LIMIT["read"], LIMIT["write"]


def test_the_limits_are_those_of_the_app_and_of_the_local_registry() -> None:
    options = AcrOptions(audience="")
    assert (READ[0], WRITE[0]) == (options.reads_per_minute, options.writes_per_minute)
    assert (LIMIT["referrers"][0], LIMIT["token"][0]) == (options.referrers_per_minute, options.tokens_per_minute)
    for category, name in ((Category.READ, "read"), (Category.WRITE, "write"), (Category.REFERRERS, "referrers")):
        assert LIMIT[name] == tuple(LIMITS[tier][category].identity for tier in ("standard", "premium"))
    assert LIMIT["token"] == tuple(LIMITS[tier][Category.OAUTH].registry for tier in ("standard", "premium"))
    assert f"{SHARE} by\ndefault" in SECTIONS["The limits"]


@pytest.mark.parametrize("row", rows("Locking"), ids=lambda row: row["image"])
def test_images_a_minute_follow_from_the_limits(row: Row) -> None:
    children = re.search(r"\d+", row["image"])
    updates = lock_writes(int(children[0]) if children else None)
    shown = [number(cell) for cell in list(row.values())[1:]]
    assert shown == [updates, *(floor(limit * share / updates) for share in (1, SHARE) for limit in WRITE)]


@pytest.mark.parametrize("row", rows("Locking", 1), ids=lambda row: row["plain images"])
def test_the_first_adoption_follows_from_the_limits(row: Row) -> None:
    updates = number(row["plain images"]) * lock_writes(None)
    assert number(row["updates"]) == updates
    shown = [row["minutes, Standard"], row["minutes, Premium"]]
    assert shown == [minutes(updates, limit, share=SHARE) for limit in WRITE]


@pytest.mark.parametrize("row", rows("Audits"), ids=lambda row: f"{row['tags']} in {row['repositories']}")
def test_audits_follow_from_the_formula_and_the_limits(row: Row) -> None:
    size = {name: int(number(row[name])) for name in ("tags", "manifests", "repositories", "indexes")}
    audit = Audit(**size)
    first, later = (audit.requests(page=LARGEST_PAGE, first=each) for each in (True, False))
    assert [number(row["requests, first"]), number(row["requests, later"])] == [first, later]
    shown = [row["minutes, first, Standard"], row["minutes, later, Standard"], row["minutes, later, Premium"]]
    assert shown == [
        minutes(first, READ[0], share=SHARE),
        *(minutes(later, limit, share=SHARE) for limit in READ),
    ]


@pytest.mark.parametrize(("tags", "repositories"), [(10_000, 10), (100_000, 100), (300_000, 1)])
def test_the_formula_is_the_one_that_audits_are_measured_against(tags: int, repositories: int) -> None:
    measured = Size(tags=tags, repositories=repositories)
    audit = Audit(tags=tags, manifests=tags * 12 // 10, repositories=repositories, indexes=measured.indexes)
    assert audit.requests(page=LARGEST_PAGE, first=False) == measured.page_floor
    assert audit.requests(page=LARGEST_PAGE, first=True) == measured.page_floor + measured.indexes


def test_the_text_says_the_limits_of_the_code() -> None:
    limits, audits = Limits(), AuditLimits()
    text = SECTIONS["The rest"]
    assert f"| {limits.event_manifests}; the rest is due work |" in text
    assert f"at most {limits.due_seconds:.0f} seconds each, {limits.due_parallel} images" in text
    assert f"| {limits.closure:,}, by" in text
    assert audits.parallel_repositories == 4
    assert audits.invocation_seconds + audits.closing_seconds == 7 * 60
    requests, parallel, seconds = 3 * 20_000, audits.parallel_repositories, 0.2
    assert f"it is {requests * seconds / parallel / 60:.0f} minutes" in SECTIONS["Audits"]
    assert f"{minutes(1_000_000, READ[0], share=SHARE)} minutes at the same share" in SECTIONS["Audits"]
