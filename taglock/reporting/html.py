"""An audit report as one self-contained HTML page."""

from taglock.domain.audit_report import AuditReport
from taglock.reporting.charts import HEIGHT, TOP, audits_of, histogram, trend
from taglock.reporting.headline import denominators, facts, headline
from taglock.reporting.rows import action_rows, count_rows, finding_rows, kind_rows, unread_rows
from taglock.reporting.templates import page


def html(report: AuditReport) -> str:
    """Return the page: verdict, coverage, findings with a filter, charts, repair.

    It needs nothing else: no request leaves it. Without JavaScript, the filter is absent and the whole table is there.
    At most 5,000 findings are listed, and a note says how many there are.
    """
    audits = audits_of(report)
    return page(
        "page",
        report=report,
        headline=headline(report),
        denominators=denominators(report.coverage),
        facts=facts(report),
        unread=unread_rows(report.coverage.unread),
        findings=finding_rows(report),
        kinds=kind_rows(report),
        rules=count_rows(report.by_rule),
        repositories=count_rows(report.by_repository),
        audits=audits,
        trend=trend(audits),
        histogram=histogram(report.seconds_to_lock),
        actions=action_rows(report.repair.actions),
        chart_top=TOP,
        chart_height=HEIGHT,
    )
