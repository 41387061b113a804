"""An audit report as SARIF 2.1.0, the format that code scanning services read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from taglock.domain.audit_report import AuditReport, AuditVerdict, FoundDifference
from taglock.domain.ledger import Severity
from taglock.reporting.wording import counted, meaning, stamp, visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS: Mapping[str, str] = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFORMATION: "note"}

type Json = dict[str, Any]


def sarif(report: AuditReport) -> str:
    """Return one run with a result per finding; what could not be looked at is a notification of level `error`.

    A result keeps its fingerprint from audit to audit, so that a service follows it.
    """
    kinds = sorted({finding.kind for finding in report.findings})
    run = {
        "tool": {"driver": {"name": "taglock", "rules": [_rule(kind) for kind in kinds]}},
        "automationDetails": {"id": f"taglock/audit/{visible(report.registry)}/"},
        "columnKind": "utf16CodeUnits",
        "invocations": [_invocation(report)],
        "results": [_result(finding, kinds) for finding in report.findings],
        "properties": {"verdict": report.verdict, "auditId": visible(report.audit_id), "mode": report.mode},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def message(text: str) -> Json:
    """Return a plain text message in which brackets and braces are only brackets and braces (3.11.5, 3.11.6)."""
    plain = visible(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return {"text": plain.replace("{", "{{").replace("}", "}}")}


def location_uri(subject: str) -> str:
    """Return a subject as a relative reference (RFC 3986): never with a scheme, never from the root."""
    first, slash, rest = subject.partition("/")
    uri = quote(first, safe="", errors="replace") + slash + quote(rest, safe="/:@", errors="replace")
    return f".{uri}" if uri.startswith("/") else uri or "."


def _rule(kind: str) -> Json:
    return {"id": visible(kind), "shortDescription": message(meaning(kind))}


def _result(finding: FoundDifference, kinds: Sequence[str]) -> Json:
    said = f"{finding.subject}: expected {finding.expected}, found {finding.observed}"
    identity = f"{finding.kind}\0{finding.subject}".encode(errors="replace")
    return {
        "ruleId": visible(finding.kind),
        "ruleIndex": kinds.index(finding.kind),
        "level": LEVELS.get(finding.severity, "warning"),
        "message": message(f"{meaning(finding.kind)}. {said}"),
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": location_uri(finding.subject)}},
                "logicalLocations": [{"fullyQualifiedName": visible(finding.subject), "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"taglockFinding/v1": sha256(identity).hexdigest()},
        "baselineState": "new" if finding.new else "unchanged",
        "properties": {
            "rule": visible(finding.rule),
            "firstSeen": stamp(finding.first_seen),
            "lastSeen": stamp(finding.last_seen),
        },
    }


def _invocation(report: AuditReport) -> Json:
    whole = report.verdict in (AuditVerdict.CLEAN, AuditVerdict.DRIFT)
    return {
        "executionSuccessful": whole and not report.coverage.unread_total,
        "startTimeUtc": stamp(report.started_at),
        "endTimeUtc": stamp(report.finished_at),
        "toolExecutionNotifications": _notifications(report),
    }


def _notifications(report: AuditReport) -> list[Json]:
    coverage = report.coverage
    texts = [("error", f"not looked at: {each.subject}: {each.reason}") for each in coverage.unread]
    unnamed = coverage.unread_total - len(coverage.unread)
    if unnamed > 0:
        texts.append(("error", f"not looked at: {unnamed:,} more"))
    if report.verdict is AuditVerdict.BASELINE_MISSING:
        texts.append(("error", meaning("BASELINE_MISSING")))
    omitted = report.findings_total - len(report.findings)
    if omitted > 0:
        texts.append(("warning", f"{counted(omitted, 'finding')} more than are listed here"))
    texts.extend(("note", remark) for remark in coverage.remarks)
    return [{"level": level, "message": message(text)} for level, text in texts]
