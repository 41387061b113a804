"""Lock an image that was pushed or runs: decide, plan, apply, record. Events and due work both come through here."""

import asyncio
from functools import partial

import msgspec

from taglock.domain.attempt import Attempt, Known, problems
from taglock.domain.closure import PRESUMED_IMAGE
from taglock.domain.conclusion import conclude
from taglock.domain.due import due_ended
from taglock.domain.handled import Handled
from taglock.domain.ledger import DueWork
from taglock.domain.outcome import Failure, Locking, Relation, relate, relate_running
from taglock.domain.plan import LockPlan, plan_manifests, undecided_plan, united
from taglock.domain.rule import Action, Ignore, RuleSet, Scope
from taglock.domain.subject import ImageRuns, Subject
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deciding import Later, decide_push, decide_running
from taglock.enforcement.locking import Budget, Image, ImageLocker
from taglock.enforcement.memory import Memory, recall_known, recall_proofs
from taglock.enforcement.recording import publish, write
from taglock.enforcement.report_mode import view
from taglock.enforcement.repository import lock_repository
from taglock.errors import HandOverFailed, InvalidConfiguration, LedgerConflict, LedgerError, RegistryError

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

    async def run(self) -> Handled:
        decision = await self._decide()
        if isinstance(decision, Ignore):
            await write(self._app, due_ended(self._subject, self._work.due))
            return self._handled("ignored", decision=decision.reason)
        memory = await recall_known(self._app, self._subject, self._work.due)
        if isinstance(decision, Failure):
            plan = undecided_plan(self._app.mode)
            return await self._conclude(plan, Relation.FRESH, Locking(failures=(decision,)), memory)
        return await self._lock(decision, memory)

    async def _decide(self) -> LockPlan | Ignore | Failure:
        """Return what to do; a Failure when it cannot be told now."""
        if self._work.setback is not None:
            return self._work.setback
        image = self._subject.image
        try:
            rules = self._app.rules()
            async with asyncio.timeout_at(self._work.budget.deadline):
                decision = await self._decide_by(rules)
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
        decision = await decide_push(self._app, self._subject, rules, resumed=self._work.due is not None)
        await lock_repository(self._app, self._subject, rules)
        return decision

    async def _lock(self, plan: LockPlan, memory: Memory) -> Handled:
        plan = self._with_proof(plan, memory.known)
        relation = self._relation(plan, memory.known)
        if relation is Relation.DUPLICATE:
            await write(self._app, due_ended(self._subject, memory.known.due))
            return self._handled("already", plan=plan, memory=memory)
        locking = Locking()
        if relation is not Relation.SUPERSEDED:
            locking = await self._apply(plan)
        return await self._conclude(plan, relation, locking, memory)

    def _with_proof(self, plan: LockPlan, known: Known) -> LockPlan:
        """Return the plan with what the rule of an earlier proof wants: recording a deployment must not forget it."""
        proof = known.proof if isinstance(self._subject, ImageRuns) else None
        rule = self._app.rules().rule(proof.rule) if proof is not None else None
        if rule is None or rule.action is not Action.PROTECT or rule.scope is not Scope.IMAGE:
            return plan
        return united([plan, plan_manifests(rule, mode=self._app.mode)])

    def _relation(self, plan: LockPlan, known: Known) -> Relation:
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
        recall = partial(recall_proofs, self._app, subject, plan, due) if due is not None else None
        return await ImageLocker(registry, image, plan, self._work.budget).lock(recall)

    async def _conclude(self, plan: LockPlan, relation: Relation, locking: Locking, memory: Memory) -> Handled:
        attempt = Attempt(
            subject=self._subject,
            plan=plan,
            relation=relation,
            locking=locking,
            known=memory.known,
            trigger=self._work.trigger,
            now=self._app.clock.now(),
        )
        conclusion = conclude(attempt, publishing=self._app.publisher is not None)
        await write(self._app, conclusion.changes)
        await publish(self._app, conclusion.events)
        return self._handled(conclusion.outcome, plan=plan, memory=memory, locking=locking)

    def _handled(
        self,
        outcome: str,
        *,
        decision: str = "protect",
        plan: LockPlan | None = None,
        memory: Memory | None = None,
        locking: Locking | None = None,
    ) -> Handled:
        locking = locking or Locking()
        return Handled(
            trigger=self._work.trigger,
            outcome=outcome,
            event_id=self._subject.event_id,
            image=self._subject.image,
            decision=decision,
            rule=plan.rule if plan else "",
            mode=plan.mode if plan else "",
            applied=len(locking.applied),
            already=len(locking.already) + locking.recalled,
            failed=len(locking.failures),
            problems=(*problems(locking), *(memory.problems if memory else ())),
        )
