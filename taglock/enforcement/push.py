"""Lock a pushed image: decide, plan, apply, record. Push events and due work both come through here."""

import asyncio
from functools import partial

import msgspec

from taglock.domain.conclusion import conclude
from taglock.domain.event import ImagePushed
from taglock.domain.handled import Handled
from taglock.domain.ledger import DueWork
from taglock.domain.outcome import Failure, Locking, Relation, relate
from taglock.domain.plan import LockPlan, undecided_plan
from taglock.domain.record import Attempt, due_ended, problems
from taglock.domain.rule import Ignore
from taglock.enforcement.context import Enforcement
from taglock.enforcement.deciding import Later, decide_push
from taglock.enforcement.locking import Budget, Image, ImageLocker
from taglock.enforcement.memory import Memory, recall_known, recall_proofs
from taglock.enforcement.recording import publish, write
from taglock.enforcement.report_mode import view
from taglock.enforcement.repository import lock_repository
from taglock.errors import HandOverFailed, InvalidConfiguration, LedgerConflict, LedgerError, RegistryError

CONFLICTS = 3


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Why a push is looked at now, and how far this attempt may go."""

    trigger: str
    budget: Budget
    due: DueWork | None = None
    """The due work that is resumed, None for an event."""


async def lock_push(app: Enforcement, push: ImagePushed, work: Work) -> Handled:
    """Lock a pushed image, or store what is left as due work; raise HandOverFailed when neither was possible."""
    attempt = _PushLock(app, push, work)
    for _ in range(CONFLICTS):
        try:
            return await attempt.run()
        except LedgerConflict:
            continue  # somebody recorded the same tag meanwhile: look again at what is known
        except LedgerError as error:
            raise HandOverFailed(f"{push.image}: the ledger does not answer: {error}") from error
    raise HandOverFailed(f"{push.image}: its ledger rows changed {CONFLICTS} times in a row")


class _PushLock:
    def __init__(self, app: Enforcement, push: ImagePushed, work: Work) -> None:
        self._app = app
        self._push = push
        self._work = work

    async def run(self) -> Handled:
        decision = await self._decide()
        if isinstance(decision, Ignore):
            await write(self._app, due_ended(self._push, self._work.due))
            return self._handled("ignored", decision=decision.reason)
        memory = await recall_known(self._app, self._push, self._work.due)
        if isinstance(decision, Failure):
            plan = undecided_plan(self._app.mode)
            return await self._conclude(plan, Relation.FRESH, Locking(failures=(decision,)), memory)
        return await self._lock(decision, memory)

    async def _decide(self) -> LockPlan | Ignore | Failure:
        """Return what to do; a Failure when it cannot be told now."""
        image = self._push.image
        try:
            rules = self._app.rules()
            async with asyncio.timeout_at(self._work.budget.deadline):
                decision = await decide_push(self._app, self._push, rules, resumed=self._work.due is not None)
                await lock_repository(self._app, self._push, rules)
        except InvalidConfiguration as error:
            return Failure(target=image, message=f"the rules cannot be used: {error}", transient=True)
        except RegistryError as error:
            return Failure.of(image, error, may_be_gone=True)
        except TimeoutError:
            return Failure(target=image, message="the time was used up", transient=True)
        if isinstance(decision, Later):
            return Failure(target=image, message=decision.reason, transient=True, retry_after=decision.seconds)
        return decision

    async def _lock(self, plan: LockPlan, memory: Memory) -> Handled:
        relation = relate(self._push, memory.known.release, plan)
        if relation is Relation.DUPLICATE:
            await write(self._app, due_ended(self._push, memory.known.due))
            return self._handled("already", plan=plan, memory=memory)
        locking = Locking()
        if relation is not Relation.SUPERSEDED:
            locking = await self._apply(plan)
        return await self._conclude(plan, relation, locking, memory)

    async def _apply(self, plan: LockPlan) -> Locking:
        push, due = self._push, self._work.due
        image = Image(
            registry=push.registry,
            repository=push.repository,
            tag=push.tag,
            digest=push.digest,
            media_type=push.media_type,
        )
        registry = view(self._app.registries(push.registry), plan.mode)
        recall = partial(recall_proofs, self._app, push, plan, due) if due is not None else None
        return await ImageLocker(registry, image, plan, self._work.budget).lock(recall)

    async def _conclude(self, plan: LockPlan, relation: Relation, locking: Locking, memory: Memory) -> Handled:
        attempt = Attempt(
            push=self._push,
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
            event_id=self._push.event_id,
            image=self._push.image,
            decision=decision,
            rule=plan.rule if plan else "",
            mode=plan.mode if plan else "",
            applied=len(locking.applied),
            already=len(locking.already) + locking.recalled,
            failed=len(locking.failures),
            problems=(*problems(locking), *(memory.problems if memory else ())),
        )
