"""An audit report as JUnit XML, the format that build servers read."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from taglock.domain.audit_report import AuditReport, AuditVerdict, FoundDifference
from taglock.domain.ledger import FindingKind
from taglock.reporting.headline import denominators, headline
from taglock.reporting.wording import counted, meaning, stamp, visible

NOT_WHOLE = (AuditVerdict.INCOMPLETE, AuditVerdict.BASELINE_MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case; `result` is '' when it passed, else `failure`, `error` or `skipped`."""

    group: str
    name: str
    result: str = ""
    message: str = ""
    detail: str = ""


def junit(report: AuditReport) -> str:
    """Return two suites: `coverage`, with an error for each thing that was not looked at, and `findings`.

    A finding is a failure. A kind without findings passes, or is skipped when the audit could not tell.
    """
    suites = (("coverage", tuple(_coverage(report))), ("findings", tuple(_findings(report))))
    every = [case for _, cases in suites for case in cases]
    root = Element("testsuites", {"name": f"taglock audit of {visible(report.registry)}", **_totals(every)})
    root.set("time", _seconds(report))
    for name, cases in suites:
        _add_suite(root, name, cases, report)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _coverage(report: AuditReport) -> Iterator[Case]:
    sure = report.verdict not in NOT_WHOLE and not report.coverage.unread_total
    said = headline(report)
    yield Case(group="coverage", name="verdict", result="" if sure else "error", message=said.sentence)
    for each in report.coverage.unread:
        yield Case(group="coverage", name=each.subject, result="error", message=f"not looked at: {each.reason}")
    unnamed = report.coverage.unread_total - len(report.coverage.unread)
    if unnamed > 0:
        yield Case(group="coverage", name="more", result="error", message=f"not looked at: {unnamed:,} more")


def _findings(report: AuditReport) -> Iterator[Case]:
    for finding in report.findings:
        yield _finding(finding)
    omitted = report.findings_total - len(report.findings)
    if omitted > 0:
        said = f"{counted(omitted, 'finding')} more than are listed here"
        yield Case(group="findings", name="more", result="failure", message=said)
    unsure = report.verdict in NOT_WHOLE
    for kind in sorted(set(FindingKind) - {finding.kind for finding in report.findings} - set(report.by_kind)):
        said = f"the verdict is {report.verdict}" if unsure else ""
        yield Case(group=kind, name="none found", result="skipped" if unsure else "", message=said)


def _finding(finding: FoundDifference) -> Case:
    return Case(
        group=finding.kind,
        name=finding.subject,
        result="failure",
        message=f"{finding.kind} ({finding.severity}): {meaning(finding.kind)}",
        detail=f"rule: {finding.rule or '(none)'}\nexpected: {finding.expected}\nfound: {finding.observed}\n"
        f"first seen: {stamp(finding.first_seen)}",
    )


def _add_suite(root: Element, name: str, cases: tuple[Case, ...], report: AuditReport) -> None:
    attributes = {"name": name, "hostname": visible(report.registry), "timestamp": stamp(report.finished_at)}
    suite = SubElement(root, "testsuite", {**attributes, **_totals(cases), "skipped": _number(cases, "skipped")})
    suite.set("time", _seconds(report))
    properties = SubElement(suite, "properties")
    for key, text in _properties(report):
        SubElement(properties, "property", {"name": key, "value": visible(text)})
    for case in cases:
        _add_case(suite, case)


def _add_case(suite: Element, case: Case) -> None:
    attributes = {"classname": visible(f"taglock.{case.group}"), "name": visible(case.name), "time": "0"}
    element = SubElement(suite, "testcase", attributes)
    if case.result:
        said = SubElement(element, case.result, {"message": visible(case.message), "type": visible(case.group)})
        said.text = "\n".join(visible(line) for line in case.detail.split("\n"))


def _properties(report: AuditReport) -> Iterator[tuple[str, str]]:
    yield "audit", report.audit_id
    yield "mode", report.mode
    yield "verdict", report.verdict
    for each in denominators(report.coverage):
        yield each.noun.lower(), f"{each.seen} of {each.expected}"


def _totals(cases: list[Case] | tuple[Case, ...]) -> dict[str, str]:
    totals = {"failures": _number(cases, "failure"), "errors": _number(cases, "error")}
    return {"tests": str(len(cases)), **totals}


def _number(cases: list[Case] | tuple[Case, ...], result: str) -> str:
    return str(sum(case.result == result for case in cases))


def _seconds(report: AuditReport) -> str:
    return f"{report.duration.total_seconds():.3f}"
