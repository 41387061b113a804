"""Lock an image that was pushed or runs: decide, plan, apply, record. Events and due work both come through here."""

import logging
from collections.abc import Iterable, Sequence
from copy import replace
from functools import partial

import msgspec

from taglock.domain.acts.meeting import UNDOING, Meeting
from taglock.domain.attempt import Attempt, Known, problems
from taglock.domain.attributes import NOTHING_OFF
from taglock.domain.closure import PRESUMED_IMAGE
from taglock.domain.conclusion import already_done, conclude
from taglock.domain.due import due_ended
from taglock.domain.handled import Handled
from taglock.domain.ledger import DueWork
from taglock.domain.outbound import OutboundEvent
from taglock.domain.outcome import Failure, Locking, Relation, is_handled, relate, relate_answer, relate_running
from taglock.domain.plan import LockPlan, plan_manifests, undecided_plan, united
from taglock.domain.record import suspended_row
from taglock.domain.reference import Digest, Target
from taglock.domain.row import Change
from taglock.domain.rule import Action, Ignore, Mode, Rule, RuleSet, Scope
from taglock.domain.subject import ImageRuns, Subject
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deciding import Moment, decide_in_time
from taglock.enforcement.locking import Budget, Image, ImageLocker
from taglock.enforcement.meeting import Met, Told, meet, quarantined_runs
from taglock.enforcement.memory import Memory, recall_known, recall_proofs
from taglock.enforcement.recording import publish, write
from taglock.enforcement.report_mode import view
from taglock.enforcement.repository import lock_repository_in_time
from taglock.enforcement.side_by_side import both_ended
from taglock.errors import HandOverFailed, InvalidConfiguration, LedgerConflict, LedgerError, shortened

logger = logging.getLogger("taglock")

CONFLICTS = 3


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Why an image is looked at now, and how far this attempt may go."""

    trigger: str
    budget: Budget
    due: DueWork | None = None
    """The due work that is resumed, None for an event."""
    setback: Failure | None = None
    """What is known to keep the image from being locked now."""


async def lock_subject(app: Enforcement, subject: Subject, work: Work) -> Handled:
    """Lock an image, or store what is left as due work; raise HandOverFailed when neither was possible."""
    attempt = _SubjectLock(app, subject, work)
    for _ in range(CONFLICTS):
        try:
            return await attempt.run()
        except LedgerConflict:
            continue  # somebody recorded the same tag meanwhile: look again at what is known
        except LedgerError as error:
            raise HandOverFailed(f"{subject.image}: the ledger does not answer: {error}") from error
    raise HandOverFailed(f"{subject.image}: its ledger rows changed {CONFLICTS} times in a row")


class _SubjectLock:
    def __init__(self, app: Enforcement, subject: Subject, work: Work) -> None:
        self._app = app
        self._subject = subject
        self._work = work
        self._rules: RuleSet | None = None
        """The rules of this run, one state of the file throughout; None while they cannot be used."""
        self._forget()

    def _forget(self) -> None:
        self._memory: Memory | None = None
        self._met = Met(meeting=Meeting(subject=self._subject))
        self._told = Told()
        self._plan: LockPlan | None = None
        self._waits_for: Target | None = None
        """The tag of an image that runs, while it is unlocked for a time."""

    async def run(self) -> Handled:
        self._forget()
        try:
            return await self._run()
        except LedgerError:
            raise
        except Exception as error:  # a defect: the image must not be lost with the event, and somebody must hear of it
            logger.exception("%s: unexpected %s", self._subject.image, type(error).__name__)
            message = f"unexpected {type(error).__name__}: {shortened(str(error), 200)}"
            return await self._give_back(Failure(target=self._subject.image, message=message, transient=True))

    async def _run(self) -> Handled:
        self._met, decision = await both_ended(self._meet(), self._decide_and_recall())
        self._told = await self._tell_of_quarantine()
        if isinstance(decision, Ignore):
            return await self._ignore(decision.reason)
        if self._met.meeting.undone:
            reason = "an act on it is being undone"
            seconds = UNDOING.total_seconds()
            failure = Failure(target=self._subject.image, message=reason, transient=True, retry_after=seconds)
            return await self._give_back(failure)
        if self._met.meeting.suspended_until is not None:
            return await self._suspend(f"unlocked until {self._met.meeting.suspended_until.isoformat()}")
        if self._met.retired:
            return await self._ignore(f"retired: {self._met.retired}")
        if isinstance(decision, Failure):
            return await self._give_back(decision)
        return await self._lock(decision)

    # -- before anything is locked ------------------------------------------------------------------------------------

    async def _meet(self) -> Met:
        return await meet(self._app, self._subject, trigger=self._work.trigger, deadline=self._work.budget.deadline)

    async def _decide_and_recall(self) -> LockPlan | Ignore | Failure:
        decision = await self._decide()
        if not isinstance(decision, Ignore):
            await self._recall()
        return decision

    async def _tell_of_quarantine(self) -> Told:
        """Return what to tell once of a quarantined image that was deployed: by the first attempt that knows both."""
        subject, due = self._subject, self._work.due
        if not isinstance(subject, ImageRuns) or not self._met.meeting.runs_quarantined:
            return Told()
        resumed = due is not None and isinstance(due.subject, ImageRuns) and due.subject.digest is not None
        if resumed or is_handled(subject, (await self._recall()).known.proof):
            return Told()
        return quarantined_runs(self._app, subject, self._met.meeting.runs_quarantined, trigger=self._work.trigger)

    async def _ignore(self, reason: str) -> Handled:
        refused = await self._lock_repository()
        if refused is not None or self._met.failures:
            return await self._give_back(*([refused] if refused is not None else []))
        await self._write(due_ended(self._subject, self._work.due))
        return self._handled("ignored", decision=reason)

    async def _suspend(self, reason: str) -> Handled:
        """Leave a pushed tag alone while it is unlocked: the end of that locks whatever the tag points to then."""
        if self._met.failures:
            return await self._give_back()
        row = suspended_row(self._subject, reason, trigger=self._work.trigger, now=self._app.clock.now())
        await self._write([row, *due_ended(self._subject, self._work.due)])
        return self._handled("suspended", decision=reason)

    # -- deciding -----------------------------------------------------------------------------------------------------

    async def _decide(self) -> LockPlan | Ignore | Failure:
        """Return what to do; a Failure when it cannot be told now."""
        if self._work.setback is not None:
            return self._work.setback
        try:
            self._rules = self._app.rules()
        except InvalidConfiguration as error:
            return Failure(target=self._subject.image, message=f"the rules cannot be used: {error}", transient=True)
        moment = Moment(deadline=self._work.budget.deadline, resumed=self._work.due is not None)
        return await decide_in_time(self._app, self._subject, self._rules, moment)

    # -- locking ------------------------------------------------------------------------------------------------------

    async def _lock(self, wanted: LockPlan) -> Handled:
        known = (await self._recall()).known
        plan = self._plan = self._with_proof(self._with_tag_aside(wanted))
        relation = self._relation(plan)
        applied = relation in (Relation.FRESH, Relation.MOVED)
        locking = self._waiting(await self._apply(plan)) if applied else Locking()
        if relation is not Relation.SUPERSEDED:
            refused = await self._lock_repository()
            locking = locking.lacking([*self._met.failures, *([refused] if refused is not None else [])])
        if relation is Relation.DUPLICATE and not locking.failures:
            await self._write(already_done(self._subject, known, now=self._app.clock.now()))
            return self._handled("already")
        return await self._conclude(plan, relate_answer(relation, known.release, locking.tag), locking)

    async def _recall(self) -> Memory:
        """Return what is known of the image, read once."""
        if self._memory is None:
            self._memory = await recall_known(self._app, self._subject, self._work.due)
        return self._memory

    async def _give_back(self, *failures: Failure) -> Handled:
        """Make due work of an image for which nothing could be done, or report it when that cannot help."""
        await self._recall()
        self._plan = undecided_plan(self._app.mode)
        return await self._conclude(self._plan, Relation.FRESH, Locking(failures=(*self._met.failures, *failures)))

    def _with_tag_aside(self, plan: LockPlan) -> LockPlan:
        """Return the plan without the tag of an image that runs, while that is unlocked or was given up since."""
        if not plan.tag_off:
            return plan
        meeting = self._met.meeting
        self._waits_for = meeting.suspended_tag
        aside = self._waits_for is not None or meeting.tag_is_retired
        return replace(plan, tag_off=NOTHING_OFF, tag_rule="") if aside else plan

    def _waiting(self, locking: Locking) -> Locking:
        """Return what was locked with what it waits for, when it waits for nothing but the end of grants."""
        waits_for = list(locking.suspended)
        if self._waits_for is not None and (locking.finished or locking.suspended):
            waits_for.append(self._waits_for)
        waiting = replace(locking, suspended=tuple(waits_for))
        return waiting.lacking(self._met.suspends(waits_for, self._app))

    def _with_proof(self, plan: LockPlan) -> LockPlan:
        """Return the plan with what the rule of an earlier proof wants: a manifest wants what all that reach it want.

        A plan that may only report is left alone: it must not become one that enforces.
        """
        rule = self._rule_of_proof()
        if rule is None or (plan.mode is Mode.REPORT and not isinstance(self._subject, ImageRuns)):
            return plan
        return united([plan, plan_manifests(rule, mode=self._app.mode)])

    def _rule_of_proof(self) -> Rule | None:
        proof = self._known.proof
        rule = self._rules.rule(proof.rule) if proof is not None and self._rules is not None else None
        return rule if rule is not None and rule.action is Action.PROTECT and rule.scope is Scope.IMAGE else None

    def _relation(self, plan: LockPlan) -> Relation:
        known = self._known
        if not isinstance(self._subject, ImageRuns):
            return relate(self._subject, known.release, plan)
        relation = relate_running(self._subject, plan, release=known.release, proof=known.proof)
        # A proved root does not tell of referrers, or of a tag, that are still to be locked: due work goes on.
        return Relation.FRESH if relation is Relation.DUPLICATE and known.due is not None else relation

    @property
    def _known(self) -> Known:
        return self._memory.known if self._memory is not None else Known()

    async def _apply(self, plan: LockPlan) -> Locking:
        subject, due = self._subject, self._work.due
        image = Image(
            registry=subject.registry,
            repository=subject.repository,
            tag=subject.tag if plan.tag_off else None,
            digest=subject.digest,
            media_type=PRESUMED_IMAGE if isinstance(subject, ImageRuns) else subject.media_type,
            suspended=self._met.meeting.suspended,
        )
        registry = view(self._app.registries(subject.registry), plan.mode)
        recall = partial(self._recall_proofs, plan, due) if due is not None else None
        return await ImageLocker(registry, image, plan, self._work.budget).lock(recall)

    async def _recall_proofs(self, plan: LockPlan, due: DueWork, digests: Sequence[Digest]) -> Iterable[Digest]:
        return await recall_proofs(self._app, plan, due, self._met.meeting.unmarked(digests))

    async def _lock_repository(self) -> Failure | None:
        """Lock the repository itself if a rule says so, after the image and never in its way; return why it was not."""
        subject = self._subject
        if self._rules is None or isinstance(subject, ImageRuns) or self._met.meeting.repository_suspended:
            return None
        return await lock_repository_in_time(self._app, subject, self._rules, deadline=self._work.budget.deadline)

    async def _conclude(self, plan: LockPlan, relation: Relation, locking: Locking) -> Handled:
        attempt = Attempt(
            subject=self._subject,
            plan=plan,
            relation=relation,
            locking=locking,
            known=self._known,
            trigger=self._work.trigger,
            now=self._app.clock.now(),
        )
        conclusion = conclude(attempt, publishing=self._app.publisher is not None)
        await self._write([*self._met.taken_back(locking), *conclusion.changes], conclusion.events)
        return replace(self._handled(conclusion.outcome, locking=locking), seconds_to_lock=conclusion.seconds_to_lock)

    async def _write(self, changes: Sequence[Change], events: Sequence[OutboundEvent] = ()) -> None:
        await write(self._app, [*self._told.changes, *changes])
        await publish(self._app, [*self._told.events, *events])

    def _handled(self, outcome: str, *, decision: str = "protect", locking: Locking | None = None) -> Handled:
        locking = locking or Locking()
        return Handled(
            trigger=self._work.trigger,
            outcome=outcome,
            event_id=self._subject.event_id,
            image=self._subject.image,
            decision=decision,
            rule=self._plan.rule if self._plan else "",
            mode=self._plan.mode if self._plan else "",
            applied=len(locking.applied),
            already=len(locking.already) + locking.recalled,
            failed=len(locking.failures),
            problems=(*problems(locking), *(self._memory.problems if self._memory is not None else ())),
        )
