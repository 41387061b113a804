"""The alerts and the workbook read signals that exist: fields, outcomes and sentences of real log lines."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from handlers.audit_registry import audit_registry, put_back
from handlers.drift_audit import drift_audit, messages
from localcloud.faults import Answer, Fault
from localcloud.tls import Authority
from taglock.domain.acts.act import ActKind
from taglock.domain.audit_report import AuditVerdict
from taglock.domain.handled import Handled
from taglock.domain.ledger import FindingKind
from taglock.domain.measure import MEASURES
from tests.acts.world import ActWorld, acting
from tests.auditing.audit_world import Audits, audits
from tests.infra.bicep import INFRA, ROOT, template, unwrapped
from tests.pushing.images import index, plain

QUERIES = INFRA / "monitoring/queries"
FIELD = re.compile(r"\bline\.(\w+)")
COMPARED = re.compile(r'tostring\(line\.(\w+)\) (?:==|in) (\("[^)]*"\)|"[^"]*")')
OF_TELEMETRY = {"duration_ms", "error", "message"}
TRIGGERS = {path.stem for path in (ROOT / "handlers").glob("*.py")}
OUTCOMES = {
    *("locked", "already", "unfinished", "failed", "superseded", "ignored", "rejected", "ended", "error", "overdue"),
    *(verdict.lower() for verdict in AuditVerdict),
}


def workbook() -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads((INFRA / "monitoring/workbook.json").read_text(encoding="utf-8"))
    return document


def queries() -> Iterator[tuple[str, str]]:
    """Yield every query with its name."""
    for path in sorted(QUERIES.glob("*.kql")):
        yield path.stem, path.read_text(encoding="utf-8")
    for item in workbook()["items"]:
        if "query" in item["content"]:
            yield f"workbook: {item['name']}", item["content"]["query"]


every_query = pytest.mark.parametrize(("name", "text"), list(queries()), ids=[name for name, _text in queries()])


@every_query
def test_a_query_reads_fields_that_log_lines_have(name: str, text: str) -> None:
    known = {field.name for field in msgspec.structs.fields(Handled)} | OF_TELEMETRY
    assert set(FIELD.findall(text)) <= known, name


@every_query
def test_a_query_compares_with_values_that_log_lines_have(name: str, text: str) -> None:
    known = {"trigger": TRIGGERS, "outcome": OUTCOMES}
    for field, values in COMPARED.findall(text):
        assert set(re.findall(r'"([^"]*)"', values)) <= known[field], name


@every_query
def test_the_brackets_of_a_query_are_closed(name: str, text: str) -> None:
    bare = re.sub(r'@?"[^"]*"', "", text)
    assert all(bare.count(left) == bare.count(right) for left, right in ("()", "[]")), name


@pytest.fixture
async def made(trusted: Authority) -> Any:
    async with audits(trusted) as each:
        yield each


def lines(caplog: pytest.LogCaptureFixture) -> list[Mapping[str, Any]]:
    return [json.loads(record.message) for record in caplog.records if record.name == "taglock"]


async def audited(made: Audits, caplog: pytest.LogCaptureFixture) -> Mapping[str, Any]:
    """Audit through the handlers, an hour later, and return the last line."""
    made.local.clock.advance(timedelta(hours=1))
    auditing = replace(made.auditing, app=made.local.app)
    (message,) = messages(await drift_audit(auditing))
    again: str | None = message
    while again is not None:
        again = put_back(await audit_registry(auditing, again))
    return lines(caplog)[-1]


async def test_new_findings_are_told_once_in_the_words_that_the_queries_look_for(
    made: Audits, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "taglock")
    await made.released("1.0.0")
    made.unlock("1.0.0")
    first, second = await audited(made, caplog), await audited(made, caplog)
    (alert,) = re.findall(r'extract\(@"(.+?)", 1', (QUERIES / "new-findings.kql").read_text())
    told = [re.search(alert, json.dumps(line["problems"])) for line in (first, second)]
    assert [found and found[1] for found in told] == ["1", "0"]
    (kinds,) = re.findall(r'extract_all\(@"(.+?)", ', dict(queries())["workbook: findings-by-kind"])
    assert re.findall(kinds, json.dumps(first["problems"])) == [("1", FindingKind.LOOSENED)]
    assert (first["trigger"], first["outcome"]) == ("audit_registry", "drift")


async def test_an_audit_that_cannot_read_is_told_as_incomplete(made: Audits, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "taglock")
    await made.released("1.0.0")
    made.local.emulator.faults.add(Fault(action=Answer(status=403), method="GET", kind="tags", times=None))
    assert (await audited(made, caplog))["outcome"] == "incomplete"


async def test_a_lock_that_fails_for_good_is_told_as_failed(made: Audits, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "taglock")
    made.local.emulator.faults.add(Fault(action=Answer(status=403), method="PATCH", kind="tag", times=None))
    await made.local.deliver(made.local.push("1.0.0", plain("api")))
    assert [line["outcome"] for line in lines(caplog)] == ["failed"]
    assert "LOCK_FAILED" in {finding.kind for finding in await made.local.findings()}


@pytest.fixture
async def acted(trusted: Authority) -> Any:
    async with acting(trusted) as each:
        yield each


def told_by(query: str, line: Mapping[str, Any]) -> bool:
    """Tell whether the query about acts finds a line."""
    text = (QUERIES / query).read_text()
    (act,) = re.findall(r'extract\(@"(.+?)", 1', text)
    wanted = {field: set(re.findall(r'"([^"]*)"', values)) for field, values in COMPARED.findall(text)}
    return bool(re.search(act, line.get("decision", ""))) and all(line.get(field) in wanted[field] for field in wanted)


async def test_a_broken_or_overdue_quarantine_is_told(acted: ActWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "taglock")
    acted.push_index("2.0.0", index(plain("child"), name="root"), plain("child"))
    refuse = Fault(action=Answer(status=403), method="PATCH", kind="tag", times=2)
    acted.pushing.emulator.faults.add(refuse)
    await acted.quarantine("2.0.0", review_by=acted.pushing.clock.now() + timedelta(days=1))
    await acted.pushing.tick(after=timedelta(minutes=2))
    assert FindingKind.QUARANTINE_BROKEN in await acted.findings()
    assert [line["outcome"] for line in lines(caplog) if told_by("act-unfinished.kql", line)] == ["unfinished"]
    await acted.pushing.tick(after=timedelta(hours=2))
    await acted.pushing.tick(after=timedelta(days=2))
    assert FindingKind.QUARANTINE_OVERDUE in await acted.findings()
    found = [line["outcome"] for line in lines(caplog) if told_by("act-unfinished.kql", line)]
    assert found == ["unfinished", "overdue"]


def test_the_alert_about_acts_knows_every_act() -> None:
    text = (QUERIES / "act-unfinished.kql").read_text()
    (names,) = re.findall(r"\^\(([a-z|]+)\) ", text)
    assert set(names.split("|")) == set(ActKind)


def test_an_audit_is_late_unless_one_ended_with_any_verdict() -> None:
    text = (QUERIES / "audit-late.kql").read_text()
    (ended,) = (values for field, values in COMPARED.findall(text) if field == "outcome")
    assert set(re.findall(r'"([^"]*)"', ended)) == {verdict.lower() for verdict in AuditVerdict}
    assert "'LOGIN_SERVERS', join(loginServers, ',')" in template("monitoring/alerts.bicep").text
    assert "LOGIN_SERVERS" in text


def test_the_poison_queue_is_that_of_the_audits() -> None:
    queue = unwrapped(template("app/storage.bicep").resources["audits"]["config"])["name"]
    assert f'"{queue}-poison"' in (QUERIES / "poison-queue.kql").read_text()


def test_a_query_looks_as_far_back_as_it_runs_apart() -> None:
    for each in template("monitoring/alerts.bicep").value("queries"):
        assert each["window"] == each["frequency"] or each["name"] == "audit-late", each["name"]


def test_every_alert_is_in_the_document_and_the_reverse() -> None:
    names = {each["name"] for each in template("monitoring/alerts.bicep").value("queries")}
    text = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"(?m)^\| `([a-z-]+)` \|", text))
    assert documented == names | {"dead-letters"}


def test_the_workbook_is_well_formed_and_its_names_are_unique() -> None:
    items = workbook()["items"]
    assert workbook()["version"] == "Notebook/1.0"
    names = [item["name"] for item in items]
    assert len(names) == len(set(names)) > 5
    assert {item["type"] for item in items} == {1, 3, 9}  # text, query, parameters
    parameters = {each["name"] for item in items if item["type"] == 9 for each in item["content"]["parameters"]}
    assert {item["content"].get("timeContextFromParameter") for item in items if item["type"] == 3} == parameters


@every_query
def test_a_query_reads_metrics_and_attributes_that_are_told(name: str, text: str) -> None:
    measures = {measure.name: measure for measure in MEASURES}
    asked = re.findall(r'name == "([^"]+)"', text)
    assert set(asked) <= measures.keys(), name
    told = {attribute for each in asked for attribute in measures[each].attributes}
    assert set(re.findall(r'customDimensions\["([^"]+)"\]', text)) <= told, name


def test_the_workbook_shows_locks_time_findings_coverage_and_throttling() -> None:
    wanted = {"locks-per-day", "time-to-lock", "findings-by-kind", "coverage", "throttling"}
    assert wanted <= {item["name"] for item in workbook()["items"]}


def test_queries_are_files_of_their_own() -> None:
    assert {path.suffix for path in QUERIES.iterdir()} == {".kql"}
    assert isinstance(QUERIES, Path)
