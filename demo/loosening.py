"""The step about drift: a lock that somebody takes off raises no event; an audit finds it and can restore it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from demo.checks import TABLE_TITLES, Checks, Shown, row
from demo.client import Request
from demo.observed import FREE, Seen
from demo.releases import Release
from demo.table import aligned, short

AHEAD_MINUTES = 60
AHEAD = f"""
Audits as python -m taglock audit makes them, but {AHEAD_MINUTES} minutes later by their clock: a lock is judged
only when it is older than TAGLOCK_AUDIT_GRACE, and this demonstration does not wait for that.
"""
ALL_ON = b'{"deleteEnabled":true,"writeEnabled":true}'

type Report = Mapping[str, Any]
"""The report of an audit, as its JSON has it."""


class Loosening:
    """Take locks off; audit, repair, and audit again."""

    def __init__(self, checks: Checks, *, locked: Sequence[Release]) -> None:
        self._checks = checks
        self._report = checks.report
        self._locked = locked

    def run(self, *, tag_of: Release, child_of: Release) -> None:
        """Loosen a release's tag and the last child of an index; both must be found, and be locked again at the end."""
        self._report.step("Take two locks off by hand, and audit")
        self._checks.settled()
        before = self._checks.shown(self._locked)
        taken_off = (before[tag_of.name][0], before[child_of.name][-1])
        self._report.say(aligned(TABLE_TITLES[:-1], [self._loosened(each)[:-1] for each in taken_off]))
        self._report.say(AHEAD)
        self._find(taken_off)
        self._repair(len(taken_off), before)
        self._clean()

    def _loosened(self, seen: Seen) -> tuple[str, ...]:
        """Turn everything on, as an administrator may; return what the registry shows then."""
        answer = self._checks.client.ask(request(seen))
        self._report.check(answer.status == HTTPStatus.OK, f"unlock {seen.target}: {answer}, expected 200")
        found = self._now(seen)
        self._report.check(found.switches == FREE, f"{seen.target} is still locked after it was unlocked")
        return row(found, "")

    def _now(self, seen: Seen) -> Seen:
        shown = self._checks.shown(self._locked)
        return next(each for found in shown.values() for each in found if each.target == seen.target)

    def _find(self, taken_off: Sequence[Seen]) -> None:
        report = self._audit("DRIFT", repair="none")
        rows = list(self._findings(report))
        self._report.say(f"\n{aligned(('finding', 'subject', 'expected', 'observed'), rows)}")
        loosened = {(kind, subject) for kind, subject, *_ in rows if kind == "LOOSENED"}
        wanted = {("LOOSENED", short(each.target)) for each in taken_off}
        self._report.check(loosened == wanted, f"the audit found {loosened}, expected {wanted}")
        told = len(self._checks.cloud.published("Taglock.DriftDetected"))
        self._report.check(told == len(rows), f"{told} events tell of {len(rows)} findings")
        self._report.say(f"\n{told} events Taglock.DriftDetected were published, one for each finding.")

    def _repair(self, targets: int, before: Shown) -> None:
        repair = self._audit("DRIFT", repair="locks")["repair"]
        done = (repair["applied"], repair["failed"], repair["refused"])
        self._report.check(
            done == (targets, 0, ""), f"applied, failed, refused are {done}, expected {(targets, 0, '')}"
        )
        self._checks.unchanged(before, self._locked)
        self._report.say(f"With TAGLOCK_AUDIT_REPAIR=locks: {targets} updates, and both are locked as before.")

    def _clean(self) -> None:
        report = self._audit("CLEAN", repair="none")
        open_findings = report["findings_total"]
        self._report.check(not open_findings, f"{open_findings} findings are open, expected none")
        self._report.say(f"The audit after that: {sentence(report)}, {report['closed_total']} findings closed.")

    def _audit(self, verdict: str, *, repair: str) -> Report:
        ran = self._checks.cloud.command("demo.later_audit", str(AHEAD_MINUTES), TAGLOCK_AUDIT_REPAIR=repair)
        self._report.check(ran.returncode == 0, f"the audit ended with {ran.returncode}: {ran.stderr}")
        found = dict(json.loads(ran.stdout))
        self._report.check(found["verdict"] == verdict, f"the verdict is {found['verdict']}, expected {verdict}")
        self._report.check(not found["coverage"]["unread_total"], f"not all was read: {found['coverage']['unread']}")
        return found

    def _findings(self, report: Report) -> Iterator[tuple[str, str, str, str]]:
        for each in report["findings"]:
            subject = each["subject"].removeprefix(f"{report['registry']}/")
            yield (each["kind"], short(subject), plain(each["expected"]), plain(each["observed"]))


def request(seen: Seen) -> Request:
    """Return the request that turns everything on."""
    repository, at, digest = seen.target.partition("@")
    repository, _, tag = seen.target.partition(":") if not at else (repository, "", "")
    path = f"_manifests/{digest}" if at else f"_tags/{tag}"
    headers = {"Content-Type": "application/json"}
    return Request(method="PATCH", api="acr/v1", repository=repository, path=path, body=ALL_ON, headers=headers)


def plain(text: str) -> str:
    """Return what a finding says without its times, digests cut."""
    return re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]+", r"\1", re.sub(r", (locked since|seen unlocked) \S+", "", text))


def sentence(report: Report) -> str:
    """Return how much an audit looked at, and its verdict."""
    tags, manifests = (report["coverage"][name] for name in ("tags", "manifests"))
    seen = [f"{each['listed']} of {each['expected']}" for each in (tags, manifests)]
    return f"{report['verdict']}, {seen[0]} tags and {seen[1]} manifests looked at"
