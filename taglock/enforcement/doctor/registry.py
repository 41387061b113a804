"""Read one registry's part: what the app may do there, and whether its work there is done in time."""

from collections.abc import Sequence
from datetime import datetime

from taglock.domain.audit.rows import audit_partition, repositories_partition, run_key
from taglock.domain.audit_report import PastAudit
from taglock.domain.doctor import Check, Question
from taglock.domain.doctor_permissions import PERMISSIONS, needs_of, permission_checks, refused_checks
from taglock.domain.doctor_permissions import SOURCE as CLAIMS
from taglock.domain.doctor_work import (
    PERIODS,
    SOURCE,
    LastAudit,
    Waiting,
    audit_check,
    due_check,
    findings_check,
    repository_locks_check,
)
from taglock.domain.ledger import DueWork, due_partition, restored
from taglock.domain.ncrontab import Schedule, periods_ago
from taglock.domain.reference import LoginServer, Repository
from taglock.domain.rule import RuleSet
from taglock.enforcement.audit.findings import open_findings
from taglock.enforcement.audit.kept import read_run
from taglock.enforcement.doctor.app import schedule_of
from taglock.enforcement.doctor.asking import Asking
from taglock.enforcement.doctor.context import Doctoring
from taglock.errors import InvalidConfiguration, RegistryError, Unauthorized

PAGE = 1000


def registry_askings(doctoring: Doctoring, registry: LoginServer) -> list[Asking]:
    """Return the checks about one registry that need no Azure Resource Manager."""
    reading = _RegistryReading(doctoring, registry)
    return [
        Asking(questions=_questions(PERMISSIONS, CLAIMS, registry), answer=reading.permissions),
        Asking(questions=_questions(("last-audit",), SOURCE, registry), answer=reading.audit),
        Asking(questions=_questions(("due-work",), SOURCE, registry), answer=reading.due),
        Asking(questions=_questions(("findings", "repository-locks"), SOURCE, registry), answer=reading.findings),
    ]


class _RegistryReading:
    def __init__(self, doctoring: Doctoring, registry: LoginServer) -> None:
        self._doctoring = doctoring
        self._app = doctoring.app
        self._registry = registry

    async def permissions(self) -> Sequence[Check]:
        try:
            granted = await self._doctoring.grants(self._registry).granted(await self._some_repositories())
        except Unauthorized as error:
            if error.status is None:
                raise  # no Entra token: that tells nothing about the registry
            return refused_checks(self._registry, str(error))
        return permission_checks(self._registry, granted, needs_of(self._app.mode, self._rules()))

    async def audit(self) -> Sequence[Check]:
        found = schedule_of(self._doctoring.audit_schedule)
        since = periods_ago(found, self._app.clock.now(), periods=PERIODS) if isinstance(found, Schedule) else None
        question = Question(name="last-audit", source=SOURCE, subject=self._registry)
        if since is None:
            return [question.unknown("no usable TAGLOCK_AUDIT_SCHEDULE to measure by", "mend the schedule")]
        kept = await read_run(self._app, self._registry)
        last = LastAudit(run=kept.run if kept is not None else None, finished_in_time=await self._finished(since))
        return [audit_check(self._registry, last, since)]

    async def due(self) -> Sequence[Check]:
        rows = await self._app.rows.scan(due_partition(self._registry), limit=PAGE)
        work = sorted((restored(DueWork, row.body) for row in rows), key=lambda due: due.created_at)
        waiting = Waiting(
            count=len(work),
            more=len(rows) == PAGE,
            oldest=work[0].created_at if work else None,
            due=min((due.due_at for due in work), default=None),
            reason=work[0].reason if work else "",
        )
        return [due_check(self._registry, waiting, self._app.clock.now())]

    async def findings(self) -> Sequence[Check]:
        found = [finding async for finding in open_findings(self._app, self._registry)]
        (run,) = await self._app.rows.read([run_key(self._registry)])
        return [
            findings_check(self._registry, found),
            repository_locks_check(self._registry, found, audited=run is not None),
        ]

    async def _finished(self, since: datetime) -> PastAudit | None:
        """Return the latest audit that began after a time and is finished."""
        start = f"past/{since:%Y-%m-%dT%H:%M:%S.%f}"
        rows = await self._app.rows.scan(audit_partition(self._registry), start=start, end="past0", limit=PAGE)
        return restored(PastAudit, rows[-1].body) if rows else None

    async def _some_repositories(self) -> Sequence[Repository]:
        """Return repositories that the ledger knows, else those of the registry's first page."""
        limit = self._doctoring.limits.repositories
        rows = await self._app.rows.scan(repositories_partition(self._registry), limit=limit)
        if rows:
            return [Repository(row.key.key) for row in rows]
        try:
            page = await self._doctoring.listings(self._registry).repositories("")
        except RegistryError:
            return []  # the right to list is a check of its own
        return page.items[:limit]

    def _rules(self) -> RuleSet | None:
        try:
            return self._app.rules()
        except InvalidConfiguration:
            return None  # a check of its own tells


def _questions(names: Sequence[str], source: str, registry: LoginServer) -> tuple[Question, ...]:
    return tuple(Question(name=name, source=source, subject=registry) for name in names)
