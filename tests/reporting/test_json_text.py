"""The report as JSON."""

import json
from copy import replace

import msgspec
import pytest
from hypothesis import given

from taglock.domain.audit_report import AuditReport
from taglock.reporting.json_text import FORMAT, json_text
from tests.reporting import hostile, samples


@pytest.mark.parametrize("name", samples.EVERY)
def test_a_report_can_be_read_back_from_its_json(name: str) -> None:
    report = samples.EVERY[name]()
    assert msgspec.json.decode(json_text(report), type=AuditReport) == report


@given(hostile.texts)
def test_names_come_back_as_they_were(name: str) -> None:
    report = hostile.report(name)
    assert msgspec.json.decode(json_text(report), type=AuditReport) == report


def test_the_format_is_named_first() -> None:
    assert next(iter(json.loads(json_text(samples.clean())).items())) == ("format", FORMAT)


def test_equal_reports_give_equal_bytes() -> None:
    report = samples.rich()
    turned = replace(report, by_kind=dict(reversed(list(report.by_kind.items()))))
    assert turned == report
    assert json_text(turned) == json_text(report)
