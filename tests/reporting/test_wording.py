"""Numbers, times and foreign text as people read them."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.reporting.wording import (
    MEANINGS,
    compact,
    counted,
    lasting,
    meaning,
    moment,
    rank,
    shortened,
    stamp,
    visible,
)

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY_ROW = re.compile(r"^\| ([A-Z_]+) \| (.+) \|$", re.MULTILINE)


def test_kinds_are_explained_in_the_words_of_the_glossary() -> None:
    rows = dict(GLOSSARY_ROW.findall((ROOT / "docs/glossary.md").read_text()))
    assert len(rows) > 10
    assert {kind: rows.get(kind) for kind in MEANINGS} == MEANINGS


def test_a_kind_that_nobody_explained_is_named_in_words() -> None:
    assert meaning("SOMETHING_NEW") == "something new"


def test_severities_are_ranked_with_unknown_ones_last() -> None:
    assert sorted(("odd", "information", "critical", "warning"), key=rank) == [
        "critical",
        "warning",
        "information",
        "odd",
    ]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("prod/api:1.4.2", "prod/api:1.4.2"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("a\0b\x1b[31m", "a\\x00b\\x1b[31m"),
        ("a\nb", "a\\x0ab"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
    ],
)
def test_every_character_of_a_foreign_text_can_be_seen(text: str, seen: str) -> None:
    assert visible(text) == seen


@given(st.text())
def test_a_visible_text_has_no_control_and_no_change_of_direction(text: str) -> None:
    seen = visible(text)
    assert not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(letter) for letter in seen}
    assert visible(seen) == seen


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_a_shortened_text_keeps_to_its_limit_and_says_that_it_was_cut(text: str, limit: int) -> None:
    short = shortened(text, limit=limit)
    assert len(short) <= limit
    assert short == visible(text) or short.endswith("…")


def test_times_are_shown_in_utc_whatever_zone_they_came_in() -> None:
    at = datetime(2026, 11, 24, 1, 30, 5, tzinfo=timezone(timedelta(hours=2)))
    assert moment(at) == "23 Nov 2026, 23:30 UTC"
    assert stamp(at) == "2026-11-23T23:30:05Z"
    assert stamp(at.astimezone(UTC)) == stamp(at)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (42, "42 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_a_length_of_time_is_said_in_its_largest_units(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_numbers_are_said_with_their_nouns() -> None:
    assert (counted(1, "tag"), counted(2000, "tag"), counted(0, "is", "are")) == ("1 tag", "2,000 tags", "0 are")
    assert (compact(950), compact(12_345), compact(3_000_000)) == ("950", "12k", "3M")
