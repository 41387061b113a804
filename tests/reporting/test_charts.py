"""The geometry of the charts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.audit_report import AuditVerdict
from taglock.reporting.charts import (
    HEIGHT,
    LEFT,
    SHOWN_AUDITS,
    TOP,
    Bar,
    audits_of,
    ceiling,
    histogram,
    quantile,
    trend,
)
from tests.reporting import samples

findings = st.lists(st.integers(min_value=0, max_value=10_000), min_size=1, max_size=SHOWN_AUDITS)


def within(bar: Bar, *, start: float) -> bool:
    right = float(bar.slot.left) + float(bar.slot.width)
    return start <= float(bar.slot.left) and right <= 100.01 and TOP <= bar.top <= TOP + HEIGHT


@given(findings)
def test_each_bar_of_a_trend_stays_within_the_chart_and_the_order(numbers: list[int]) -> None:
    drawn = trend([samples.past(position, number) for position, number in enumerate(numbers)])
    assert all(within(bar, start=LEFT) for bar in drawn.bars)
    lefts = [float(bar.slot.left) for bar in drawn.bars]
    assert lefts == sorted(lefts)
    assert all(bar.new_height <= bar.height for bar in drawn.bars)


@given(findings)
def test_more_findings_never_make_a_lower_bar(numbers: list[int]) -> None:
    drawn = trend([samples.past(position, number) for position, number in enumerate(numbers)])
    pairs = sorted(zip(numbers, (bar.height for bar in drawn.bars), strict=True))
    assert [height for _, height in pairs] == sorted(height for _, height in pairs)


def test_the_trend_ends_with_this_audit_and_shows_the_last_thirty() -> None:
    report = samples.report(history=tuple(samples.past(number, 1) for number in range(90)))
    audits = audits_of(report)
    assert len(audits) == SHOWN_AUDITS
    assert audits[-1].audit_id == report.audit_id
    assert audits[0].audit_id == "audit-61"


def test_this_audit_is_drawn_once_even_when_its_history_names_it() -> None:
    report = samples.report(history=(samples.past(1, 4), samples.past(2, 5, audit_id=samples.report().audit_id)))
    assert [audit.audit_id for audit in audits_of(report)] == ["audit-1", report.audit_id]


@pytest.mark.parametrize("verdict", [AuditVerdict.INCOMPLETE, AuditVerdict.BASELINE_MISSING])
def test_an_audit_that_is_not_whole_never_looks_clean(verdict: AuditVerdict) -> None:
    assert trend([samples.past(0, 0, verdict=verdict)]).bars[0].tone == "unknown"
    assert trend([samples.past(0, 0)]).bars[0].tone == "good"


def test_each_bar_says_what_it_stands_for() -> None:
    assert trend([samples.past(0, 31)]).bars[0].title == "25 Oct 2026, 06:30 UTC: DRIFT, 31 findings, 10 new"


@given(st.integers(min_value=0, max_value=10**7))
def test_the_top_of_the_axis_is_round_and_its_half_is_whole(largest: int) -> None:
    top = ceiling(largest)
    assert top >= largest
    assert top % 2 == 0
    assert top <= max(2, largest * 2.5)


@given(st.lists(st.floats(), max_size=60))
def test_the_histogram_counts_each_length_of_time_once(samples_: list[float]) -> None:
    measured = [each for each in samples_ if math.isfinite(each) and each >= 0]
    drawn = histogram(samples_)
    assert sum(int(bar.count or 0) for bar in drawn.bars) == len(measured)
    assert bool(drawn.bars) == bool(measured)
    assert all(within(bar, start=0) for bar in drawn.bars if bar.count)


def test_a_time_on_the_edge_counts_as_within_it() -> None:
    counts = [bar.count for bar in histogram([1.0, 1.1, 3600.0, 3600.5]).bars]
    assert counts == ["1", "1", "", "", "", "", "", "1", "1"]


def test_the_histogram_is_told_in_words_too() -> None:
    said = histogram([1.0] * 95 + [4.0] * 4 + [100.0]).summary
    assert said == "100 releases: half within 1.0 s, 95 of 100 within 1.0 s, the slowest 1 min 40 s"


def test_a_quantile_is_a_value_that_was_measured() -> None:
    assert [quantile([1, 2, 3, 4], share) for share in (0, 0.5, 0.95, 1)] == [1, 2, 4, 4]
