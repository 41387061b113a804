"""What a page says first."""

from copy import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.audit_report import AuditVerdict, Count, Coverage, Unread
from taglock.domain.rule import Mode
from taglock.reporting.headline import Tone, denominators, headline, tone
from tests.reporting import samples

counts = st.builds(
    Count,
    listed=st.integers(min_value=0, max_value=10**7),
    looked_up=st.integers(min_value=0, max_value=100),
    expected=st.integers(min_value=0, max_value=10**7),
)


def test_a_clean_audit_is_green() -> None:
    assert tone(samples.clean()) is Tone.GOOD


@pytest.mark.parametrize("verdict", [each for each in AuditVerdict if each is not AuditVerdict.CLEAN])
def test_no_other_verdict_is_green_even_without_a_finding(verdict: AuditVerdict) -> None:
    assert tone(samples.report((), verdict=verdict)) is not Tone.GOOD


@pytest.mark.parametrize("unread", [(Unread(subject="prod/api", reason="401"),), ()])
def test_something_unread_is_never_green_whatever_the_verdict_says(unread: tuple[Unread, ...]) -> None:
    coverage = replace(samples.WHOLE, unread=unread, unread_total=1)
    assert tone(samples.report((), verdict=AuditVerdict.CLEAN, coverage=coverage)) is Tone.UNKNOWN


def test_findings_make_a_page_red_or_amber_by_the_most_severe() -> None:
    warnings = [samples.finding(severity="warning")]
    assert tone(samples.report(warnings)) is Tone.ATTENTION
    assert tone(samples.report([*warnings, samples.finding()])) is Tone.BAD


def test_a_clean_verdict_with_remarks_for_information_stays_green_and_tells_them() -> None:
    report = samples.report([samples.finding(severity="information")], verdict=AuditVerdict.CLEAN)
    assert tone(report) is Tone.GOOD
    assert headline(report).sentence.endswith("For information, 1 finding is open.")


def test_an_incomplete_audit_says_that_it_says_nothing_about_the_rest() -> None:
    said = headline(samples.incomplete())
    assert said.sentence.startswith("3 things could not be looked at, and nothing is said about that.")
    assert said.notes == ("Report mode: nothing was changed.",)


def test_every_verdict_has_a_sentence_and_a_mode_is_told() -> None:
    for verdict in AuditVerdict:
        said = headline(samples.report((), verdict=verdict, mode=Mode.REPORT))
        assert said.sentence.endswith(".")
        assert "Report mode: nothing was changed." in said.notes


def test_differences_that_are_too_young_are_told() -> None:
    assert any("2 differences are too young" in note for note in headline(samples.rich()).notes)


def test_a_denominator_tells_what_was_not_looked_at_and_what_was_hidden() -> None:
    coverage = Coverage(tags=Count(listed=12_307, looked_up=2, expected=12_310))
    tags = denominators(coverage)[1]
    assert (tags.seen, tags.expected, tags.percent) == (12_309, 12_310, "99.9")
    assert tags.remark == "1 not looked at; 2 hidden, looked up by name"


@given(counts)
def test_a_share_is_a_hundred_percent_exactly_when_nothing_is_missing(count: Count) -> None:
    tags = denominators(Coverage(tags=count))[1]
    assert (float(tags.percent) == 100) == (count.seen >= count.expected)
    assert 0 <= float(tags.percent) <= 100
