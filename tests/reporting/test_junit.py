"""The report as JUnit XML."""

from collections.abc import Callable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given

from taglock.domain.audit_report import AuditReport
from taglock.domain.ledger import FindingKind
from taglock.reporting.junit import junit
from taglock.reporting.wording import visible
from tests.reporting import hostile, samples


def parsed(report: AuditReport) -> Element:
    return ElementTree.fromstring(junit(report).encode())


def results(root: Element, result: str) -> list[Element]:
    return [case for case in root.iter("testcase") if case.find(result) is not None]


@pytest.mark.parametrize("name", samples.EVERY)
def test_the_totals_are_those_of_the_cases(name: str) -> None:
    root = parsed(samples.EVERY[name]())
    for element in (root, *root.iter("testsuite")):
        assert int(element.get("tests", "")) == len(list(element.iter("testcase")))
        assert int(element.get("failures", "")) == len(results(element, "failure"))
        assert int(element.get("errors", "")) == len(results(element, "error"))
    for suite in root.iter("testsuite"):
        assert int(suite.get("skipped", "")) == len(results(suite, "skipped"))


def test_each_finding_is_a_failure_that_says_what_was_expected_and_found() -> None:
    failures = results(parsed(samples.rich()), "failure")
    assert [case.get("name") for case in failures] == [finding.subject for finding in samples.FINDINGS]
    first = failures[0].find("failure")
    assert first is not None
    assert first.get("message") == "UNLOCKED (critical): a release without a lock"
    assert first.text is not None
    assert first.text.split("\n")[:3] == [
        "rule: semver-releases",
        "expected: delete off, write off",
        "found: delete on, write on",
    ]


def test_a_clean_audit_passes_once_for_each_kind_and_for_its_coverage() -> None:
    root = parsed(samples.clean())
    assert not any(results(root, result) for result in ("failure", "error", "skipped"))
    assert len(list(root.iter("testcase"))) == len(FindingKind) + 1


@pytest.mark.parametrize("make", [samples.incomplete, samples.baseline_missing])
def test_an_audit_that_is_not_whole_has_an_error_and_passes_nothing(make: Callable[[], AuditReport]) -> None:
    root = parsed(make())
    assert results(root, "error")
    assert all(len(case) for case in root.iter("testcase"))


def test_each_thing_that_was_not_looked_at_is_an_error() -> None:
    names = [case.get("name") for case in results(parsed(samples.incomplete()), "error")]
    assert names == ["verdict", "contoso.azurecr.io/prod/secret", "contoso.azurecr.io/prod/web:2.0.1", "more"]


def test_findings_that_are_not_listed_fail_too() -> None:
    last = results(parsed(samples.report(findings_total=20_000)), "failure")[-1].find("failure")
    assert last is not None
    assert last.get("message") == "19,985 findings more than are listed here"


@given(hostile.texts)
def test_any_name_gives_xml_that_parses_with_the_name_visible_in_it(name: str) -> None:
    failure = results(parsed(hostile.report(name)), "failure")[0]
    assert failure.get("name") == visible(name)
    assert [element.tag for element in parsed(hostile.report(name)).iter()] == [
        element.tag for element in parsed(hostile.report("plain")).iter()
    ]
