"""Lock an image that was pushed or runs: decide, plan, apply, record. Events and due work both come through here."""

import asyncio
import logging
from copy import replace
from functools import partial

import msgspec

from taglock.domain.attempt import Attempt, Known, problems
from taglock.domain.closure import PRESUMED_IMAGE
from taglock.domain.conclusion import already_done, conclude
from taglock.domain.due import due_ended
from taglock.domain.handled import Handled
from taglock.domain.ledger import DueWork
from taglock.domain.outcome import Failure, Locking, Relation, relate, relate_answer, relate_running
from taglock.domain.plan import LockPlan, plan_manifests, undecided_plan, united
from taglock.domain.reference import repository_target
from taglock.domain.rule import Action, Ignore, Mode, Rule, RuleSet, Scope
from taglock.domain.subject import ImageRuns, Subject
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deciding import Later, decide_push, decide_running
from taglock.enforcement.locking import Budget, Image, ImageLocker
from taglock.enforcement.memory import Memory, recall_known, recall_proofs
from taglock.enforcement.recording import publish, write
from taglock.enforcement.report_mode import view
from taglock.enforcement.repository import lock_repository
from taglock.errors import (
    HandOverFailed,
    InvalidConfiguration,
    LedgerConflict,
    LedgerError,
    RegistryError,
    shortened,
)

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
        self._memory = Memory(known=Known())
        self._plan: LockPlan | None = None

    async def run(self) -> Handled:
        self._memory, self._plan = Memory(known=Known()), None
        try:
            return await self._run()
        except LedgerError:
            raise
        except Exception as error:  # a defect: the image must not be lost with the event, and somebody must hear of it
            logger.exception("%s: unexpected %s", self._subject.image, type(error).__name__)
            message = f"unexpected {type(error).__name__}: {shortened(str(error), 200)}"
            return await self._give_back(Failure(target=self._subject.image, message=message, transient=True))

    async def _run(self) -> Handled:
        decision = await self._decide()
        if isinstance(decision, Ignore):
            refused = await self._lock_repository()
            if refused is not None:
                return await self._give_back(refused)
            await write(self._app, due_ended(self._subject, self._work.due))
            return self._handled("ignored", decision=decision.reason)
        if isinstance(decision, Failure):
            return await self._give_back(decision)
        return await self._lock(decision)

    async def _decide(self) -> LockPlan | Ignore | Failure:
        """Return what to do; a Failure when it cannot be told now."""
        if self._work.setback is not None:
            return self._work.setback
        image = self._subject.image
        try:
            self._rules = self._app.rules()
            async with asyncio.timeout_at(self._work.budget.deadline):
                decision = await self._decide_by(self._rules)
        except InvalidConfiguration as error:
            return Failure(target=image, message=f"the rules cannot be used: {error}", transient=True)
        except RegistryError as error:
            return Failure.of(image, error, may_be_gone=True)
        except TimeoutError:
            return Failure(target=image, message="the time was used up", transient=True)
        if isinstance(decision, Later):
            return Failure(target=image, message=decision.reason, transient=True, retry_after=decision.seconds)
        return decision

    async def _decide_by(self, rules: RuleSet) -> LockPlan | Ignore | Later:
        if isinstance(self._subject, ImageRuns):
            return await decide_running(self._app, self._subject, rules)
        return await decide_push(self._app, self._subject, rules, resumed=self._work.due is not None)

    async def _lock(self, wanted: LockPlan) -> Handled:
        await self._recall()
        plan = self._plan = self._with_proof(wanted)
        relation = self._relation(plan)
        locking = await self._apply(plan) if relation in (Relation.FRESH, Relation.MOVED) else Locking()
        if relation is not Relation.SUPERSEDED and (refused := await self._lock_repository()) is not None:
            locking = replace(locking, failures=(*locking.failures, refused), finished=False)
        elif relation is Relation.DUPLICATE:
            await write(self._app, already_done(self._subject, self._memory.known, now=self._app.clock.now()))
            return self._handled("already")
        return await self._conclude(plan, relate_answer(relation, self._memory.known.release, locking.tag), locking)

    async def _recall(self) -> None:
        self._memory = await recall_known(self._app, self._subject, self._work.due)

    async def _give_back(self, failure: Failure) -> Handled:
        """Make due work of an image for which nothing could be done, or report it when that cannot help."""
        await self._recall()
        self._plan = undecided_plan(self._app.mode)
        return await self._conclude(self._plan, Relation.FRESH, Locking(failures=(failure,)))

    def _with_proof(self, plan: LockPlan) -> LockPlan:
        """Return the plan with what the rule of an earlier proof wants: a manifest wants what all that reach it want.

        A plan that may only report is left alone: it must not become one that enforces.
        """
        rule = self._rule_of_proof()
        if rule is None or (plan.mode is Mode.REPORT and not isinstance(self._subject, ImageRuns)):
            return plan
        return united([plan, plan_manifests(rule, mode=self._app.mode)])

    def _rule_of_proof(self) -> Rule | None:
        proof = self._memory.known.proof
        rule = self._rules.rule(proof.rule) if proof is not None and self._rules is not None else None
        return rule if rule is not None and rule.action is Action.PROTECT and rule.scope is Scope.IMAGE else None

    def _relation(self, plan: LockPlan) -> Relation:
        known = self._memory.known
        if not isinstance(self._subject, ImageRuns):
            return relate(self._subject, known.release, plan)
        relation = relate_running(self._subject, plan, release=known.release, proof=known.proof)
        # A proved root does not tell of referrers that are still to be locked: due work goes on.
        return Relation.FRESH if relation is Relation.DUPLICATE and known.due is not None else relation

    async def _apply(self, plan: LockPlan) -> Locking:
        subject, due = self._subject, self._work.due
        image = Image(
            registry=subject.registry,
            repository=subject.repository,
            tag=subject.tag if plan.tag_off else None,
            digest=subject.digest,
            media_type=PRESUMED_IMAGE if isinstance(subject, ImageRuns) else subject.media_type,
        )
        registry = view(self._app.registries(subject.registry), plan.mode)
        recall = partial(recall_proofs, self._app, plan, due) if due is not None else None
        return await ImageLocker(registry, image, plan, self._work.budget).lock(recall)

    async def _lock_repository(self) -> Failure | None:
        """Lock the repository itself if a rule says so, after the image and never in its way; return why it was not."""
        subject = self._subject
        if self._rules is None or isinstance(subject, ImageRuns):
            return None
        target = str(repository_target(subject.registry, subject.repository))
        try:
            async with asyncio.timeout_at(self._work.budget.deadline):
                await lock_repository(self._app, subject, self._rules)
        except RegistryError as error:
            return Failure.of(f"repository {target}", error, may_be_gone=True)
        except TimeoutError:
            return Failure(target=f"repository {target}", message="the time was used up", transient=True)
        return None

    async def _conclude(self, plan: LockPlan, relation: Relation, locking: Locking) -> Handled:
        attempt = Attempt(
            subject=self._subject,
            plan=plan,
            relation=relation,
            locking=locking,
            known=self._memory.known,
            trigger=self._work.trigger,
            now=self._app.clock.now(),
        )
        conclusion = conclude(attempt, publishing=self._app.publisher is not None)
        await write(self._app, conclusion.changes)
        await publish(self._app, conclusion.events)
        return replace(self._handled(conclusion.outcome, locking=locking), seconds_to_lock=conclusion.seconds_to_lock)

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
            problems=(*problems(locking), *self._memory.problems),
        )
