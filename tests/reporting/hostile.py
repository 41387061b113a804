"""Names that try to become something else than text."""

from collections.abc import Mapping
from copy import replace

from hypothesis import strategies as st

from taglock.domain.audit_report import AuditReport, PastAudit, RepairAction, Unread
from taglock.domain.reference import LoginServer, Repository
from tests.reporting import samples

FRAGMENTS = (
    "</script><script>window.hurt = 1</script>",
    "</style></title></textarea></select>",
    '"><img src="http://192.0.2.1/x.png" onerror="window.hurt = 1">',
    "' onmouseover='window.hurt = 1",
    "<!-- ",
    " -->",
    "]]>",
    "<svg/onload=window.hurt=1>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "&lt;b&gt;&amp;",
    "javascript:window.hurt=1",
    "[click](https://example.com)",
    "\u202e\u2066",
    "\0\x07\x1b[2J\ufffe",
    "\r\n",
)
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(min_size=1, max_size=6), min_size=1, max_size=4).map("".join)
EVERYTHING = "".join(FRAGMENTS)


def report(name: str) -> AuditReport:
    """A report in which every text that comes from outside is this one."""
    one: Mapping[str, int] = {name: 1}
    return samples.report(
        [samples.finding(kind=name, severity=name, subject=name, rule=name, expected=name, observed=name)],
        registry=LoginServer(name),
        audit_id=name,
        coverage=replace(samples.WHOLE, remarks=(name,), unread=(Unread(subject=name, reason=name),), unread_total=1),
        by_kind=one,
        by_rule=one,
        by_repository={Repository(name): 1},
        repair=replace(
            samples.rich().repair,
            actions=(action(name),),
            refused=name,
        ),
        history=(past(name),),
    )


def action(name: str) -> RepairAction:
    return replace(samples.rich().repair.actions[0], image=name, rule=name, reason=name, severity=name, message=name)


def past(name: str) -> PastAudit:
    return samples.past(1, 3, audit_id=f"earlier {name}")
