"""The page as text."""

from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings

from taglock.domain.audit_report import AuditReport, AuditVerdict, Repair
from taglock.reporting.html import html
from taglock.reporting.policy import SERVING_HEADERS
from taglock.reporting.rows import MAXIMUM_CHARACTERS, MAXIMUM_ROWS, finding_rows
from taglock.reporting.wording import shortened
from tests.reporting import hostile, samples
from tests.reporting.structure import Structure, structure_of

LARGEST_PAGE = 8_000_000


@pytest.fixture(params=samples.EVERY, scope="module")
def report(request: pytest.FixtureRequest) -> AuditReport:
    return samples.EVERY[request.param]()


def policy_of(page: Structure) -> str:
    return next(value for tag, name, value in page.attributes if tag == "meta" and value.startswith("default-src"))


def test_the_page_is_well_formed(report: AuditReport) -> None:
    assert structure_of(html(report)).odd == []


def test_the_verdict_comes_first_and_then_the_denominators(report: AuditReport) -> None:
    page = html(report)
    body = page[page.index("<body>") :]
    positions = [
        body.index(f"</span> {report.verdict.replace('_', ' ')}</p>"),
        body.index(f"of {report.coverage.repositories.expected:,}"),
        body.index(f"of {report.coverage.tags.expected:,}"),
        body.index(f"of {report.coverage.manifests.expected:,}"),
        body.index('id="found"'),
    ]
    assert positions == sorted(positions)


def test_what_was_not_looked_at_is_listed_with_the_reason() -> None:
    texts = structure_of(html(samples.incomplete())).texts
    assert "Not looked at: 3" in texts
    assert "contoso.azurecr.io/prod/secret" in texts
    assert any("401: the role lacks metadata/read" in text for text in texts)
    assert "and 1 more." in texts


def test_the_policy_allows_exactly_the_style_and_the_script_of_the_page(report: AuditReport) -> None:
    page = structure_of(html(report))
    for name in ("style", "script"):
        assert len(page.raw[name]) == 1
        expected = b64encode(sha256(page.raw[name][0].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{expected}'" in policy_of(page)
    assert policy_of(page).startswith("default-src 'none'; ")


def test_the_page_names_nothing_outside_itself(report: AuditReport) -> None:
    page = structure_of(html(report))
    addresses = {value for _, name, value in page.attributes if name in ("href", "src", "action", "srcset", "data")}
    ids = {f"#{value}" for _, name, value in page.attributes if name == "id"}
    assert addresses - {"data:,"} <= ids
    assert not any(name.startswith("on") or name == "style" for _, name, _ in page.attributes)
    assert not any(word in "".join(page.raw["style"]) for word in ("url(", "@import", "http"))


def test_the_headers_to_serve_it_with_allow_what_the_page_needs_and_nothing_from_elsewhere() -> None:
    policy = SERVING_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-scripts" in policy
    assert "http" not in policy
    assert "allow-same-origin" not in policy


def test_findings_are_listed_by_severity_and_keep_their_order_within_it() -> None:
    mixed = [
        samples.finding(number, severity=("information", "warning", "critical")[number % 3]) for number in range(9)
    ]
    shown = [(row.severity, row.subject) for row in finding_rows(samples.report(mixed))]
    assert [severity for severity, _ in shown] == ["critical"] * 3 + ["warning"] * 3 + ["information"] * 3
    assert [subject for severity, subject in shown if severity == "warning"] == [
        each.subject for each in mixed if each.severity == "warning"
    ]


def test_at_most_five_thousand_findings_are_listed_and_a_note_says_so() -> None:
    report = samples.report([samples.finding(number) for number in range(MAXIMUM_ROWS + 10)], findings_total=70_000)
    page = html(report)
    assert page.count('<tr role="row" data-kind=') == MAXIMUM_ROWS
    assert "The 5,000 most severe of 70,000 findings are listed." in page


def test_the_page_stays_small_whatever_the_names_are() -> None:
    longest = '"' * 100_000
    worst = samples.finding(kind=longest, subject=longest, rule=longest, expected=longest, observed=longest)
    report = samples.report([worst] * 10_000, by_kind={longest: 10_000})
    rows = finding_rows(report)
    assert 100 < len(rows) < MAXIMUM_ROWS
    assert sum(row.characters for row in rows) <= MAXIMUM_CHARACTERS
    page = html(report)
    assert len(page.encode()) < LARGEST_PAGE
    assert f"The {len(rows):,} most severe of 10,000 findings are listed." in page


def test_the_longest_usual_page_stays_below_the_limit() -> None:
    name = f"contoso.azurecr.io/{'team/' * 20}service@{samples.DIGEST}"
    usual = samples.finding(subject=name, expected=samples.DIGEST)
    page = html(samples.report([usual] * 10_000))
    assert len(page.encode()) < LARGEST_PAGE
    assert page.count('<tr role="row" data-kind=') == MAXIMUM_ROWS


@settings(deadline=None, max_examples=60)
@given(hostile.texts)
def test_no_name_changes_what_the_page_is_made_of(name: str) -> None:
    page, plain = structure_of(html(hostile.report(name))), structure_of(html(hostile.report("plain")))
    assert page.elements == plain.elements
    assert page.odd == []
    assert page.raw == plain.raw
    assert policy_of(page) == policy_of(plain)
    assert shortened(name, limit=600) in page.texts


def test_every_hostile_fragment_is_only_text() -> None:
    page = structure_of(html(hostile.report(hostile.EVERYTHING)))
    assert page.elements == structure_of(html(hostile.report("plain"))).elements


def test_a_report_without_findings_says_so_only_as_far_as_it_can_tell() -> None:
    assert "No finding is open.</p>" in html(samples.clean())
    assert "No finding is open in what was looked at.</p>" in html(samples.incomplete())


@pytest.mark.parametrize("verdict", [AuditVerdict.INCOMPLETE, AuditVerdict.BASELINE_MISSING, AuditVerdict.DRIFT])
def test_only_a_clean_page_has_the_green_look(verdict: AuditVerdict) -> None:
    assert '<header class="verdict good">' not in html(samples.report((), verdict=verdict))
    assert '<header class="verdict good">' in html(samples.clean())


def test_a_repair_that_is_off_only_tells_what_it_would_tighten() -> None:
    off = samples.report(repair=Repair(images=3, planned=6, refused="6 updates are more than the limit of 5"))
    texts = " ".join(structure_of(html(off)).texts)
    assert "Repair is off: 6 attribute updates would tighten 3 images." in texts
    assert "Not started: 6 updates are more than the limit of 5" in texts
    assert "12 of 14 attribute updates" in " ".join(structure_of(html(samples.rich())).texts)
