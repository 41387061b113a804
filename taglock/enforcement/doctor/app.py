"""Read the app's own parts: rules, ledger, topic, schedule."""

from collections.abc import Sequence

from taglock.domain.doctor import Check, CheckState
from taglock.domain.doctor_app import (
    HTTP_AUTHORISATION,
    LEDGER,
    RULES,
    TOPIC,
    TOPIC_SCHEMA,
    TopicResource,
    http_check,
    ledger_broken,
    ledger_check,
    rules_broken,
    rules_check,
    schema_check,
)
from taglock.domain.doctor_work import OUTBOX, PERIODS, SCHEDULE, Waiting, outbox_check, schedule_check
from taglock.domain.ledger import OUTBOX as OUTBOX_PARTITION
from taglock.domain.ledger import restored
from taglock.domain.ncrontab import Schedule, parse_schedule, periods_ago
from taglock.domain.outbound import OutboundEvent
from taglock.domain.row import RowKey
from taglock.enforcement.doctor.asking import Asking
from taglock.enforcement.doctor.context import Doctoring
from taglock.errors import ArmError, InvalidConfiguration, LedgerError, PublishFailed

PAGE = 1000
ABSENT = RowKey("doctor", "none")
"""No row has this key; asking for it shows whether the ledger answers."""


def app_askings(doctoring: Doctoring) -> list[Asking]:
    """Return the checks that are about the app and no registry."""
    reading = _AppReading(doctoring)
    topic = [
        Asking(questions=(TOPIC,), answer=reading.topic),
        Asking(questions=(TOPIC_SCHEMA,), answer=reading.topic_schema),
    ]
    return [
        Asking(questions=(RULES,), answer=reading.rules),
        Asking(questions=(LEDGER,), answer=reading.ledger),
        *(topic if doctoring.topic is not None else [Asking(questions=(TOPIC,), answer=reading.no_topic)]),
        Asking(questions=(OUTBOX,), answer=reading.outbox),
        Asking(questions=(SCHEDULE,), answer=reading.schedule),
        Asking(questions=(HTTP_AUTHORISATION,), answer=reading.http),
    ]


def schedule_of(text: str) -> Schedule | InvalidConfiguration:
    """Return the schedule of audits, or what is wrong with it."""
    try:
        return parse_schedule(text, "TAGLOCK_AUDIT_SCHEDULE")
    except InvalidConfiguration as error:
        return error


class _AppReading:
    def __init__(self, doctoring: Doctoring) -> None:
        self._doctoring = doctoring
        self._app = doctoring.app

    async def rules(self) -> Sequence[Check]:
        try:
            rules = self._app.rules()
        except InvalidConfiguration as error:
            return [rules_broken(error)]
        return [rules_check(rules, self._doctoring.rules_changed_at(), self._app.clock.now())]

    async def ledger(self) -> Sequence[Check]:
        try:
            await self._app.rows.read([ABSENT])
            for row in await self._app.rows.scan(OUTBOX_PARTITION, limit=1):
                restored(OutboundEvent, row.body)
        except LedgerError as error:
            return [ledger_broken(self._doctoring.ledger, str(error))]
        return [ledger_check(self._doctoring.ledger)]

    async def no_topic(self) -> Sequence[Check]:
        return [TOPIC.ok("none is configured: nothing is published")]

    async def topic(self) -> Sequence[Check]:
        endpoint = self._doctoring.topic or ""
        try:
            await self._doctoring.reach_topic(endpoint)
        except PublishFailed as error:
            return [TOPIC.fail(str(error), "look at the endpoint's name, its firewall and the app's network")]
        return [TOPIC.ok(f"{endpoint} can be reached; whether it takes events is not tried")]

    async def topic_schema(self) -> Sequence[Check]:
        found: list[TopicResource] = []
        problems: list[str] = []
        for subscription in self._app.subscriptions:
            try:
                found += await self._doctoring.surroundings.topics(subscription)
            except ArmError as error:
                problems.append(str(error))
        check = schema_check(self._doctoring.topic or "", found)
        if problems and check.state is CheckState.UNKNOWN:
            return [TOPIC_SCHEMA.unknown("; ".join(problems), check.advice)]
        return [check]

    async def outbox(self) -> Sequence[Check]:
        rows = await self._app.rows.scan(OUTBOX_PARTITION, limit=PAGE)
        oldest = restored(OutboundEvent, rows[0].body).time if rows else None
        waiting = Waiting(count=len(rows), more=len(rows) == PAGE, oldest=oldest)
        return [outbox_check(waiting, self._app.clock.now(), topic=self._doctoring.topic)]

    async def schedule(self) -> Sequence[Check]:
        found = schedule_of(self._doctoring.audit_schedule)
        now = self._app.clock.now()
        since = periods_ago(found, now, periods=PERIODS) if isinstance(found, Schedule) else None
        return [schedule_check(found, since)]

    async def http(self) -> Sequence[Check]:
        return [http_check(self._doctoring.http)]
