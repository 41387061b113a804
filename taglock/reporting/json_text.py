"""An audit report as JSON."""

import msgspec

from taglock.domain.audit_report import AuditReport

FORMAT = "taglock.audit-report/1"
"""The number changes when a field is renamed, removed or means something else; new fields come without notice."""


class _Document(AuditReport, frozen=True, kw_only=True, tag_field="format", tag=FORMAT):
    """A report that says which format it is in."""


def json_text(report: AuditReport) -> bytes:
    """Return the whole report as indented UTF-8; equal reports give equal bytes.

    Names are as they are in the registry: only the page, SARIF and JUnit make control characters visible.
    """
    document = _Document(**msgspec.structs.asdict(report))
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=2) + b"\n"
