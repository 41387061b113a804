"""An audit report as one self-contained HTML page."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from taglock.domain.audit_report import AuditReport
from taglock.reporting.charts import HEIGHT, TOP, audits_of, histogram, trend
from taglock.reporting.headline import denominators, facts, headline
from taglock.reporting.policy import content_security_policy
from taglock.reporting.rows import action_rows, count_rows, finding_rows, kind_rows, unread_rows
from taglock.reporting.wording import counted, day, lasting, meaning, moment, shortened, stamp, visible

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent


def html(report: AuditReport) -> str:
    """Return the page: verdict, coverage, findings with a filter, charts, repair.

    It needs nothing else: no request leaves it. Without JavaScript, the filter is absent and the whole table is there.
    At most 5,000 findings are listed, and a note says how many there are.
    """
    audits = audits_of(report)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
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
        )
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(counted=counted, meaning=meaning, moment=moment, stamp=stamp, visible=visible)
    environment.filters.update(day=day, lasting=lasting, shortened=shortened)
    # Only these two texts are not escaped: they are files of this package, and the policy names their hashes.
    environment.globals.update(style=Markup(style), script=Markup(script))
    environment.globals.update(policy=content_security_policy(style=style, script=script))
    environment.globals.update(chart_top=TOP, chart_height=HEIGHT)
    return environment
