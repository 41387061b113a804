"""Whether the app does its work in time: schedules, the last audit, due work, the outbox, open findings."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from taglock.domain.audit.rows import AuditRun
from taglock.domain.audit_report import AuditVerdict, PastAudit
from taglock.domain.doctor import Check, Question
from taglock.domain.doctor_app import age_text
from taglock.domain.ledger import Finding, FindingKind, Severity
from taglock.domain.ncrontab import Schedule
from taglock.domain.reference import LoginServer
from taglock.errors import InvalidConfiguration

SOURCE = "ledger"
PERIODS = 2
OVERDUE_AFTER = timedelta(minutes=5)
"""The timer of due work fires twice a minute."""
SLOW_AFTER = timedelta(hours=1)
UNPUBLISHED_AFTER = timedelta(minutes=15)
LOST_AFTER = timedelta(hours=24)
NAMED = 5

SCHEDULE = Question(name="schedule", source="TAGLOCK_AUDIT_SCHEDULE")
OUTBOX = Question(name="outbox", source=SOURCE)
ALERTS = "docs/audit.md tells what each kind means and what to do"


class LastAudit(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger tells of a registry's audits."""

    run: AuditRun | None
    """The latest one, running or finished."""
    finished_in_time: PastAudit | None = None
    """One that began within the last periods and is finished."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What waits in one place of the ledger."""

    count: int
    more: bool = False
    """There are more than were counted."""
    oldest: datetime | None = None
    """Since when the oldest waits."""
    due: datetime | None = None
    """The earliest time at which one of them was to be taken up."""
    reason: str = ""
    """Why the oldest waits."""

    def __str__(self) -> str:
        return f"{self.count}{' or more' if self.more else ''}"


def schedule_check(found: Schedule | InvalidConfiguration, next_but_one: datetime | None) -> Check:
    """Judge the schedule of audits; `next_but_one` is when it fired for the last but one time, None for never."""
    if isinstance(found, InvalidConfiguration):
        advice = "write it with seconds first, in UTC (docs/settings.md); the Functions host does not start without it"
        return SCHEDULE.fail("; ".join(str(problem) for problem in found.problems), advice)
    if next_but_one is None:
        return SCHEDULE.fail("it never fires: no such day exists", "write one that does, such as 0 0 */6 * * *")
    return SCHEDULE.ok(f"audits are due; two periods reach back to {_time(next_but_one)}")


def audit_check(registry: LoginServer, last: LastAudit, since: datetime) -> Check:
    """Judge whether an audit was finished within the last two periods, which begin at `since`."""
    question, run = _about("last-audit", registry), last.run
    if run is None:
        return question.warn("no audit was ever begun", "wait for the schedule, or begin one: python -m taglock audit")
    if run.finished_at is not None and run.finished_at >= since:
        if run.verdict == AuditVerdict.INCOMPLETE:
            found = f"finished {_time(run.finished_at)}, but something could not be read"
            return question.warn(found, "look at its COVERAGE_GAP findings")
        return question.ok(f"finished {_time(run.finished_at)}: {run.verdict}")
    if last.finished_in_time is not None:
        return question.ok(f"one is under way; the one before finished {_time(last.finished_in_time.finished_at)}")
    if run.finished_at is None and run.started_at >= since:
        return question.ok(f"under way since {_time(run.started_at)}")
    ended = f"finished {_time(run.finished_at)}" if run.finished_at else f"begun {_time(run.started_at)}, not finished"
    return question.fail(
        f"the last one was {ended}: more than two periods ago",
        "look for failures of drift_audit and audit_registry, and at the queue taglock-audits-poison",
    )


def due_check(registry: LoginServer, waiting: Waiting, now: datetime) -> Check:
    """Judge unfinished locks: they should be taken up in time, and not for hours."""
    question = _about("due-work", registry)
    if not waiting.count or waiting.oldest is None:
        return question.ok("nothing is unfinished")
    found = f"{waiting} unfinished, the oldest for {age_text(now - waiting.oldest)}: {waiting.reason}"
    if waiting.due is not None and now - waiting.due > OVERDUE_AFTER:
        late = f"{found}; overdue by {age_text(now - waiting.due)}"
        return question.fail(late, "the function due_work does not run: look at its log and whether it is disabled")
    if now - waiting.oldest > SLOW_AFTER:
        return question.warn(found, "mend what it names; after 24 hours it becomes LOCK_FAILED")
    return question.ok(found)


def outbox_check(waiting: Waiting, now: datetime, *, topic: str | None) -> Check:
    """Judge events that were not published yet."""
    if not waiting.count or waiting.oldest is None:
        return OUTBOX.ok("nothing waits to be published")
    age = now - waiting.oldest
    found = f"{waiting} events wait, the oldest for {age_text(age)}"
    if topic is None:
        return OUTBOX.warn(f"{found}, and no topic is configured", "set TAGLOCK_TOPIC_ENDPOINT")
    if age > LOST_AFTER:
        return OUTBOX.fail(found, "the topic takes nothing: look at the log of due_work and the topic's access")
    if age > UNPUBLISHED_AFTER:
        return OUTBOX.warn(found, "look at the log of due_work; the identity needs EventGrid Data Sender on the topic")
    return OUTBOX.ok(found)


def findings_check(registry: LoginServer, found: Sequence[Finding]) -> Check:
    """Judge open findings: a critical one means that something is not protected."""
    question = _about("findings", registry)
    critical = [finding for finding in found if finding.severity is Severity.CRITICAL]
    others = len(found) - len(critical)
    if not critical:
        return question.ok(f"no critical finding is open, {others} others")
    named = ", ".join(f"{finding.kind} {finding.subject}" for finding in critical[:NAMED])
    more = f" and {len(critical) - NAMED} more" if len(critical) > NAMED else ""
    return question.fail(f"{len(critical)} critical findings are open: {named}{more}", ALERTS)


def repository_locks_check(registry: LoginServer, found: Sequence[Finding], *, audited: bool) -> Check:
    """Judge locks on whole repositories that no rule wants, as the last audit found them.

    `az acr repository update --image NAME` without a tag locks the repository itself
    (https://github.com/Azure/azure-cli/issues/31878).
    """
    question = _about("repository-locks", registry)
    locked = sorted({_repository(finding) for finding in found if _is_repository_lock(finding)})
    if locked:
        more = f" and {len(locked) - NAMED} more" if len(locked) > NAMED else ""
        return question.warn(
            f"repositories that are locked as a whole, which no rule wants: {', '.join(locked[:NAMED])}{more}",
            "if it was an accident (a missing tag in az acr repository update --image), turn it on again with "
            "az acr repository update --repository NAME",
        )
    if not audited:
        return question.unknown("no audit has looked yet", "begin one: python -m taglock audit")
    return question.ok("the last audit found no repository locked that no rule wants locked")


def _is_repository_lock(finding: Finding) -> bool:
    return finding.kind is FindingKind.ORPHAN_LOCK and not {":", "@"} & set(_repository(finding))


def _repository(finding: Finding) -> str:
    return finding.subject.removeprefix(f"{finding.registry}/")


def _about(name: str, registry: LoginServer) -> Question:
    return Question(name=name, source=SOURCE, subject=registry)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
