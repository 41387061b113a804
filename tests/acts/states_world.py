"""A repository that is watched: what the app did to it, what may be pulled, and a process that dies when it is told to.

After every step each target is compared with the facts, and everything that is quarantined is pulled.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from hypothesis import currently_in_test_context, note
from hypothesis.stateful import RuleBasedStateMachine

from localcloud.registry.flags import Change
from localcloud.tls import Authority
from taglock.adapters.acr_registry import AcrRegistry
from taglock.domain.acts.act import Act, ActKind, Phase
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.event import ImagePushed
from taglock.domain.http.queries import ActsQuery
from taglock.domain.ledger import ActDue, DueWork, Purpose
from taglock.enforcement.acts.listing import listed
from taglock.enforcement.audit.context import Auditing, AuditLimits
from taglock.errors import ActRefused, Refusal
from tests.acts.states_model import Facts, Off
from tests.acts.world import ACCEPT, ActWorld, Killed, acting
from tests.auditing.audit_world import Audits
from tests.pushing.images import index, plain
from tests.pushing.world import REPOSITORY

LEAVES = [plain("a"), plain("b"), plain("c")]
IMAGES = [*LEAVES, index(LEAVES[0], LEAVES[1], name="ab"), index(LEAVES[1], LEAVES[2], name="bc")]
IMAGES.append(index(IMAGES[3], LEAVES[2], name="nested"))
NAMES = {image.digest: name for image, name in zip(IMAGES, ("a", "b", "c", "ab", "bc", "nested"), strict=True)}
CHILDREN = {
    IMAGES[3].digest: (LEAVES[0].digest, LEAVES[1].digest),
    IMAGES[4].digest: (LEAVES[1].digest, LEAVES[2].digest),
    IMAGES[5].digest: (IMAGES[3].digest, LEAVES[2].digest),
}
TICK = timedelta(seconds=31)
"""Longer than the lease of a call that died."""
MOST_TICKS = 40

LOOKS, WAITS = timedelta(0), timedelta(minutes=2)
"""What is due later than this waits for a grant to end: a look at the act itself, and whatever else."""
Crash = tuple[str, int] | None
"""Where the process dies, and before or after how many requests or writes."""


@dataclass(frozen=True)
class Drawn:
    """What Hypothesis drew for one step; each takes what it needs."""

    which: int
    other: int
    flag: bool
    crash: Crash


class Begun:
    """What was answered, if the process lived, and the new acts."""

    def __init__(self, answer: ActAnswer | None, new: list[Act]) -> None:
        self.answer = answer
        self.new = new


class Watched(RuleBasedStateMachine):
    """One repository, its facts as people know them, and the app that may die at any request and any write."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.made: ActWorld = self.runner.run(self.stack.enter_async_context(acting(authority)))
        registry = self.made.pushing.app.registries(self.made.pushing.login_server)
        assert isinstance(registry, AcrRegistry)
        self.auditing = Auditing(
            app=self.made.pushing.app,
            listings=lambda _login_server: registry.listing(),
            background=lambda _login_server: registry.background(),
            grace=timedelta(0),
            max_actions=1000,
            limits=AuditLimits(checkpoint_seconds=0.0),
        )
        self.facts = Facts(children=CHILDREN)
        self.rule_file = "there"
        self.deaths = 0
        """How often the process died."""

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    # -- what must be -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Compare every attribute with the facts, and pull what nobody may pull."""
        facts = self.facts
        store = self.made.pushing.emulator.store.repositories.get(REPOSITORY)
        assert store is None or set(store.tags) == set(facts.tags)
        different = {
            NAMES.get(target, target): (sorted(self._shown(target)), "expected", sorted(facts.expected(target)))
            for target in facts.targets()
            if target not in facts.meddled and self._shown(target) != facts.expected(target)
            if not (
                facts.may_wait(target) and facts.quarantined(target) <= self._shown(target) < facts.expected(target)
            )
        }
        assert not different, different
        unlocked = {
            NAMES.get(target, target)
            for target in facts.targets()
            if target not in facts.meddled | facts.loosened and facts.grant_of(target) is None
            if not facts.may_wait(target)
            if not facts.recorded(target) <= self._shown(target)
        }
        assert not unlocked, f"wanted and off-lock: {unlocked}"
        closed = [each for each in facts.targets() if facts.quarantined(each) and each not in facts.meddled]
        pulled = [each for each in self.runner.run(self._pulls(closed)) if facts.tags.get(each) not in facts.meddled]
        assert not pulled, f"pulled under quarantine: {pulled}"

    async def _pulls(self, references: list[str]) -> list[str]:
        """Return which of some tags and digests somebody who may pull everything gets."""
        context = ssl.create_default_context()  # trusts SSL_CERT_FILE
        if not references:
            return []
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            headers = {"Accept": ACCEPT, "Authorization": f"Bearer {await self.made._token(session, REPOSITORY)}"}
            got = []
            for reference in references:
                url = f"https://{self.made.pushing.login_server}/v2/{REPOSITORY}/manifests/{reference}"
                async with session.get(url, headers=headers) as answer:
                    assert answer.status in (200, 405), await answer.text()
                    got += [reference] if answer.status == 200 else []
            return got

    def _shown(self, target: str) -> Off:
        store = self.made.pushing.emulator.store
        found = store.manifest(REPOSITORY, target) if ":" in target else store.tag(REPOSITORY, target)
        flags = found.flags
        return frozenset(name for name in ("delete", "write", "read", "list") if not getattr(flags, name))

    def _set(self, target: str, attribute: str, value: bool) -> None:
        store = self.made.pushing.emulator.store
        change = Change(flags={attribute: value}, quarantine={})
        if ":" in target:
            store.change_manifest(REPOSITORY, target, change)
        else:
            store.change_tag(REPOSITORY, target, change)

    # -- dying, and going on ----------------------------------------------------------------------------------------

    async def _audited(self, *, repair: bool) -> None:
        audits = Audits(self.made.pushing, self.auditing)
        await audits.audit(after=timedelta(seconds=1), repair=repair)

    def _run[T](self, call: Callable[[], Awaitable[T]], crash: Crash = None) -> T | Killed | ActRefused:
        """Make a call that may die; a refusal is an answer."""

        async def made() -> T | Killed | ActRefused:
            try:
                if crash is not None:
                    self._let_die(*crash)
                return await call()
            except Killed as killed:
                self.deaths += 1
                return killed
            except ActRefused as refused:
                if currently_in_test_context():
                    note(f"refused: {refused}")
                return refused
            except BaseExceptionGroup as group:
                if group.split(Killed)[1] is None:
                    self.deaths += 1
                    return Killed()
                raise
            finally:
                self.made.restarted()

        return self.runner.run(made())

    def _let_die(self, where: str, number: int) -> None:
        if where == "write":
            self.made.rows.die_before_write = number
        else:
            self.made.dying(number, after=where == "after")

    async def _tick(self) -> None:
        await self.made.pushing.tick()

    def _settled(self, *, at_least: int = 0) -> None:
        self._settle(at_least=at_least)
        self._time_is_over()
        self._pending_are_released()
        self.check()

    def _settle(self, *, at_least: int = 0) -> None:
        """Let the timer fire until only what waits for its time is left."""
        for tick in range(MOST_TICKS):
            if tick >= at_least and not self.runner.run(self._unfinished()):
                return
            self.runner.run(self.made.pushing.tick(after=TICK))
        raise AssertionError(f"work is still due: {self.runner.run(self._unfinished())}")

    async def _unfinished(self) -> list[str]:
        now = self.made.pushing.clock.now()
        return [
            f"{due.subject}: {due.reason}"
            for due in await self.made.due()
            if due.due_at <= now + (LOOKS if _looks(due) else WAITS)
        ]

    def _time_is_over(self) -> set[str]:
        """Note which grants have ended, and return what they had unlocked and is there."""
        now, over = self.made.pushing.clock.now(), set()
        for act in [act for act, grant in self.facts.grants.items() if grant.ends <= now]:
            over |= set(self.facts.grants[act].shows) & set(self.facts.targets())
            self.facts.relocked(act)
        return over

    def _pending_are_released(self) -> None:
        waiting = self.runner.run(self._waiting())
        for tag in [tag for tag in self.facts.pending if tag not in waiting]:
            self.facts.released(tag, self.facts.pending.pop(tag))

    async def _waiting(self) -> set[str]:
        return {str(due.subject.tag) for due in await self.made.due() if isinstance(due.subject, ImagePushed)}

    # -- acts by name -----------------------------------------------------------------------------------------------

    def _begun(self, kind: ActKind, call: Callable[[], Awaitable[ActAnswer]], crash: Crash) -> "Begun":
        """Begin an act, perhaps die, and return the acts that are there once due work is done."""
        before = {act.id for act in self.runner.run(self._acts(kind))}
        answer = self._run(call, crash)
        done = answer if isinstance(answer, ActAnswer) else None
        self._settle()
        acts = self.runner.run(self._acts(kind))
        new = [act for act in acts if act.id not in before and act.phase is not Phase.ENDING]
        assert len(new) <= 1
        assert done is not None or isinstance(answer, Killed) or not new
        return Begun(done, new)

    def _ended(
        self, kind: ActKind, act: str, call: Callable[[], Awaitable[ActAnswer]], about: tuple[set[str], Drawn]
    ) -> bool:
        """End an act, perhaps die, and tell whether it has ended once due work is done."""
        targets, draw = about
        answer = self._run(call, draw.crash)
        if isinstance(answer, ActRefused):
            assert answer.refusal is Refusal.CHANGED_MEANWHILE
            assert not draw.flag
            assert any(each in self.facts.meddled or self.facts.may_wait(each) for each in targets), str(answer)
        self._settle()
        phase = self.runner.run(self._act(kind, act)).phase
        assert phase in (Phase.OPEN, Phase.ENDED)
        assert phase is Phase.ENDED or not isinstance(answer, ActAnswer)
        return phase is Phase.ENDED

    async def _acts(self, kind: ActKind) -> tuple[Act, ...]:
        return (await listed(self.made.pushing.app, kind, ActsQuery(limit=1000))).acts

    async def _act(self, kind: ActKind, act_id: str) -> Act:
        return (await self.made.shown(act_id, kind)).act

    def _one(self, found: "object", which: int) -> str:
        names = sorted(found)  # type: ignore[call-overload]
        return str(names[which % len(names)])


def _looks(due: DueWork) -> bool:
    return isinstance(due.subject, ActDue) and due.subject.purpose is Purpose.LOOK
