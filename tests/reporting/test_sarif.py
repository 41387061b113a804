"""The report as SARIF 2.1.0: what the standard asks for, as far as these files use it."""

import json
from collections.abc import Mapping
from copy import replace
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.audit_report import AuditReport
from taglock.reporting.sarif import location_uri, message, sarif
from tests.reporting import hostile, samples

type Json = Mapping[str, Any]

# Section numbers are those of the standard, version 2.1.0.
ALLOWED = {
    "log": {"$schema", "version", "runs"},  # 3.13
    "run": {"tool", "automationDetails", "columnKind", "invocations", "results", "properties"},  # 3.14
    "rule": {"id", "shortDescription"},  # 3.49
    "result": {
        *("ruleId", "ruleIndex", "level", "message", "locations"),
        *("partialFingerprints", "baselineState", "properties"),
    },  # 3.27
    "invocation": {"executionSuccessful", "startTimeUtc", "endTimeUtc", "toolExecutionNotifications"},  # 3.20
}
LEVELS = {"none", "note", "warning", "error"}  # 3.27.10
BASELINE_STATES = {"new", "unchanged", "updated", "absent"}  # 3.27.24


def problems(log: Json) -> list[str]:
    """Return what a SARIF log breaks of the standard."""
    found = [] if set(log) <= ALLOWED["log"] and log["version"] == "2.1.0" else ["log"]
    for run in log["runs"]:
        found += problems_of_run(run)
    return found


def problems_of_run(run: Json) -> list[str]:
    rules = run["tool"]["driver"]["rules"]
    identities = [rule["id"] for rule in rules]
    checks = {
        "run": set(run) <= ALLOWED["run"],
        "driver": bool(run["tool"]["driver"]["name"]),  # 3.19.8
        "columnKind": run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints"),  # 3.14.17
        "rules": len(set(identities)) == len(identities) and all(set(rule) <= ALLOWED["rule"] for rule in rules),
        "rule texts": all(is_message(rule["shortDescription"]) for rule in rules),
        "results": all(is_result(result, identities) for result in run["results"]),
        "invocations": all(is_invocation(invocation) for invocation in run["invocations"]),
    }
    return [name for name, fine in checks.items() if not fine]


def is_result(result: Json, identities: list[str]) -> bool:
    locations = result["locations"]
    return (
        set(result) <= ALLOWED["result"]
        and identities[result["ruleIndex"]] == result["ruleId"]  # 3.27.6
        and result["level"] in LEVELS
        and result["baselineState"] in BASELINE_STATES
        and is_message(result["message"])
        and all(isinstance(each, str) for each in result["partialFingerprints"].values())
        and all(is_location(location) for location in locations)
    )


def is_location(location: Json) -> bool:
    """An artifact's address is a URI reference (3.4.3); a logical location has a name (3.33.5)."""
    uri = location["physicalLocation"]["artifactLocation"]["uri"]
    return uri.isascii() and " " not in uri and all(each["fullyQualifiedName"] for each in location["logicalLocations"])


def is_invocation(invocation: Json) -> bool:
    return (
        set(invocation) <= ALLOWED["invocation"]
        and isinstance(invocation["executionSuccessful"], bool)  # 3.20.14: always there
        and all(invocation[name].endswith("Z") for name in ("startTimeUtc", "endTimeUtc"))  # 3.9
        and all(
            each["level"] in LEVELS and is_message(each["message"]) for each in invocation["toolExecutionNotifications"]
        )
    )


def is_message(each: Json) -> bool:
    return set(each) == {"text"} and bool(each["text"])


def run_of(report: AuditReport) -> Json:
    run: Json = json.loads(sarif(report))["runs"][0]
    return run


@pytest.mark.parametrize("name", samples.EVERY)
def test_each_report_keeps_to_the_standard(name: str) -> None:
    assert problems(json.loads(sarif(samples.EVERY[name]()))) == []


@given(hostile.texts)
def test_no_name_breaks_the_standard(name: str) -> None:
    assert problems(json.loads(sarif(hostile.report(name)))) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"columnKind": "bytes"}, "columnKind"),
        ({"surprise": 1}, "run"),
        ({"results": [{**json.loads(sarif(samples.rich()))["runs"][0]["results"][0], "level": "fatal"}]}, "results"),
    ],
)
def test_a_broken_log_is_noticed(change: Json, problem: str) -> None:
    log = json.loads(sarif(samples.rich()))
    log["runs"][0].update(change)
    assert problems(log) == [problem]


def test_severities_become_levels() -> None:
    kinds = [samples.finding(severity=severity) for severity in ("critical", "warning", "information", "odd")]
    assert [result["level"] for result in run_of(samples.report(kinds))["results"]] == [
        "error",
        "warning",
        "note",
        "warning",
    ]


def test_a_finding_keeps_its_fingerprint_from_audit_to_audit() -> None:
    first = samples.finding(new=True)
    again = replace(first, last_seen=first.last_seen + timedelta(days=1), new=False, observed="write on")
    results = run_of(samples.report([first, again, samples.finding(1)]))["results"]
    prints = [result["partialFingerprints"]["taglockFinding/v1"] for result in results]
    assert prints[0] == prints[1] != prints[2]
    assert [result["baselineState"] for result in results[:2]] == ["new", "unchanged"]


def test_an_incomplete_audit_is_not_successful_and_names_what_is_missing() -> None:
    invocation = run_of(samples.incomplete())["invocations"][0]
    assert invocation["executionSuccessful"] is False
    texts = [each["message"]["text"] for each in invocation["toolExecutionNotifications"]]
    assert texts[0] == "not looked at: contoso.azurecr.io/prod/secret: 401: the role lacks metadata/read"
    assert texts[-1] == "not looked at: 1 more"


def test_whole_audits_are_successful_and_a_missing_baseline_is_not() -> None:
    successful = {name: run_of(make())["invocations"][0]["executionSuccessful"] for name, make in samples.EVERY.items()}
    assert successful == {"rich": True, "clean": True, "incomplete": False, "baseline_missing": False}


def test_findings_that_are_not_listed_are_told() -> None:
    texts = run_of(samples.report(findings_total=20_000))["invocations"][0]["toolExecutionNotifications"]
    assert texts[-1]["message"]["text"] == "19,985 findings more than are listed here"


@given(st.text(min_size=1))
def test_a_location_is_a_relative_reference_that_gives_the_subject_back(subject: str) -> None:
    parts = urlsplit(location_uri(subject))
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    assert not parts.path.startswith("/")
    assert unquote(parts.path).removeprefix("." if subject.startswith("/") else "") == subject


def test_a_usual_subject_can_be_read_in_its_location() -> None:
    assert location_uri("contoso.azurecr.io/prod/api:1.4.2") == "contoso.azurecr.io/prod/api:1.4.2"
    assert location_uri("javascript:alert(1)") == "javascript%3Aalert%281%29"


def test_brackets_and_braces_are_neither_links_nor_placeholders() -> None:
    assert message("[a](b) {0}") == {"text": "\\[a\\](b) {{0}}"}
