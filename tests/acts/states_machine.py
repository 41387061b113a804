"""People, a clock, an outsider and crashes, drawn by Hypothesis; after every step the registry shows what it should."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from copy import replace
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from localcloud.registry.content import Manifest
from localcloud.registry.flags import Change
from localcloud.registry.refusals import Refusal as Refused
from localcloud.tls import Authority
from taglock.domain.acts.act import Act, ActKind, Phase
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.attributes import IMMUTABLE, UNDELETABLE
from taglock.domain.http.queries import ActsQuery
from taglock.domain.ledger import ActDue, Purpose
from taglock.domain.rule import RuleSet
from taglock.enforcement.acts.listing import listed
from taglock.errors import ActRefused, InvalidConfiguration, Refusal, TaglockError
from tests.acts.loosened import HALF_AN_HOUR, accepted, ended, retired, unlocked
from tests.acts.states_model import DELETE, NOTHING, WRITE_AND_DELETE, Facts, Grant, Hold, Off
from tests.acts.world import ACCEPT, ActWorld, Killed, acting
from tests.pushing.images import index, plain
from tests.pushing.world import ORIGIN, REPOSITORY, RULES

LEAVES = [plain("a"), plain("b"), plain("c")]
IMAGES = [*LEAVES, index(LEAVES[0], LEAVES[1], name="ab"), index(LEAVES[1], LEAVES[2], name="bc")]
IMAGES.append(index(IMAGES[3], LEAVES[2], name="nested"))
NAMES = {image.digest: name for image, name in zip(IMAGES, ("a", "b", "c", "ab", "bc", "nested"), strict=True)}
CHILDREN = {
    IMAGES[3].digest: (LEAVES[0].digest, LEAVES[1].digest),
    IMAGES[4].digest: (LEAVES[1].digest, LEAVES[2].digest),
    IMAGES[5].digest: (IMAGES[3].digest, LEAVES[2].digest),
}
RELEASES = ("1.0.0", "1.1.0")
TAGS = (*RELEASES, "dev", "edge")
NO_RULES = RULES.replace("prod/**", "other/**")
TICK = timedelta(seconds=31)
"""Longer than the lease of a call that died."""
MOST_TICKS = 40

Crash = tuple[str, int] | None
"""Where the process dies, and before or after how many requests or writes."""
crashes = st.one_of(st.none(), st.none(), st.tuples(st.sampled_from(["before", "after", "write"]), st.integers(0, 14)))
STEPS = (
    *("push", "push", "push", "quarantine", "quarantine", "lift", "lift", "hold", "end_hold", "unlock", "unlock"),
    *("end_unlock", "retire", "overwrite", "accept", "time_passes", "time_passes", "the_rules_change"),
    *("an_outsider_turns_on", "an_outsider_turns_on", "an_outsider_turns_off", "delete_a_tag", "delete_a_manifest"),
)


@dataclass(frozen=True)
class Drawn:
    """What Hypothesis drew for one step; each takes what it needs."""

    which: int
    other: int
    flag: bool
    crash: Crash


drawn = st.builds(Drawn, which=st.integers(0, 60), other=st.integers(0, 60), flag=st.booleans(), crash=crashes)


class Acts(RuleBasedStateMachine):
    """One repository, its facts as people know them, and the app that may die at any request and any write."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.made: ActWorld = self.runner.run(self.stack.enter_async_context(acting(authority)))
        self.facts = Facts(children=CHILDREN)
        self.rule_file = "there"

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    # -- those who push ---------------------------------------------------------------------------------------------

    @initialize(image=st.integers(0, 60))
    def there_is_a_release(self, image: int) -> None:
        self.push(Drawn(which=0, other=image, flag=False, crash=None))

    @rule(what=st.sampled_from(STEPS), draw=drawn)
    def somebody_does(self, what: str, draw: Drawn) -> None:
        """One step; a rule for each would be drawn too unevenly for short runs."""
        needed = {"lift": self.facts.quarantines, "end_hold": self.facts.holds, "end_unlock": self.facts.grants}
        needed |= {"accept": self._moved(), "push": {"any": 0}, "time_passes": {"any": 0}}
        if needed.get(what, self.facts.tags):
            getattr(self, what)(draw)

    def push(self, draw: Drawn) -> None:
        """Push an image under a tag, and let the app hear of it."""
        tag, image = TAGS[draw.which % len(TAGS)], IMAGES[draw.other % len(IMAGES)]
        if self.rule_file == "broken":
            return
        known = self.facts.releases.get(tag)
        granted = self.facts.grant_of(tag) is not None
        if known is not None and known != image.digest and not granted:
            return  # the release would have moved: `overwrite` does that
        event = self._pushed(tag, image)
        if event is None:
            return
        done = self._run(lambda: self.made.pushing.deliver(event), draw.crash)
        if isinstance(done, Killed):
            self._run(lambda: self.made.pushing.deliver(event))
        if tag in RELEASES and self.rule_file == "there" and not granted:
            self.facts.released(tag, image.digest)
        self._settled()

    def _pushed(self, tag: str | None, image: Manifest) -> str | None:
        """Push an image with all it names; return the event, None when the registry refuses."""
        before = len(self.made.pushing.pushed)
        try:
            named = CHILDREN.get(image.digest, ())
            for child in (each for each in IMAGES if each.digest in named and each.digest not in self.facts.present):
                if self._pushed(None, child) is None:
                    return None
            self.made.push(tag, image)
        except Refused as refused:
            note(f"refused: {refused}")
            return None
        self.facts.present.add(image.digest)
        if tag is not None:
            self.facts.tags[tag] = image.digest
        return self.made.pushing.pushed[-1] if len(self.made.pushing.pushed) > before else ""

    def the_rules_change(self, draw: Drawn) -> None:
        """Let the rules protect, protect nothing here, or be broken."""
        self.rule_file = ("there", "none", "broken")[draw.which % 3]
        if self.rule_file == "broken":
            self.made.pushing.app = replace(self.made.pushing.app, rules=_broken)
        else:
            self.made.pushing.with_rules(RULES if self.rule_file == "there" else NO_RULES)

    # -- those who tighten ------------------------------------------------------------------------------------------

    def quarantine(self, draw: Drawn) -> None:
        """Quarantine by tag or by digest."""
        tag = self._one(self.facts.tags, draw.which)
        by_digest = draw.flag
        root = self._one(self.facts.present, draw.which) if by_digest else self.facts.tags[tag]
        place = {"digest": root} if by_digest else {"tag": tag}
        known = [act for act, digest in self.facts.quarantines.items() if digest == root]
        begun = self._begun(ActKind.QUARANTINE, lambda: self.made.quarantine(**place, acknowledge=root), draw.crash)
        if begun.answer is not None:
            assert begun.answer.complete
            assert begun.answer.joined == bool(known)
        for act in begun.new:
            assert not known
            self.facts.quarantines[act.id] = root
        self._settled()

    def lift(self, draw: Drawn) -> None:
        """Lift a quarantine."""
        act = self._one(self.facts.quarantines, draw.which)
        closure = self.facts.closure(self.facts.quarantines[act])
        targets = {*closure, *(tag for tag, digest in self.facts.tags.items() if digest in closure)}
        if self._ended(ActKind.QUARANTINE, act, lambda: self.made.lift(act, force=draw.flag), (targets, draw)):
            self.facts.quarantines.pop(act)
            self.facts.restored(targets, exactly=draw.flag)
        self._settled()

    def hold(self, draw: Drawn) -> None:
        """Hold by tag or by digest."""
        tag = self._one(self.facts.tags, draw.which)
        by_digest = draw.flag
        root = self._one(self.facts.present, draw.which) if by_digest else self.facts.tags[tag]
        about = root if by_digest else tag
        known = [act for act, hold in self.facts.holds.items() if hold.about == about]
        off: dict[str, Off] = dict.fromkeys(self.facts.closure(root), WRITE_AND_DELETE if by_digest else DELETE)
        off |= {} if by_digest else {tag: WRITE_AND_DELETE}
        place = {"digest": root} if by_digest else {"tag": tag}

        async def hold() -> ActAnswer:
            return await self.made.hold(**place, profile=IMMUTABLE, manifest_profile=UNDELETABLE)

        begun = self._begun(ActKind.HOLD, hold, draw.crash)
        if begun.answer is not None:
            assert begun.answer.complete
            assert begun.answer.joined == bool(known)
        for act in begun.new:
            self.facts.holds[act.id] = Hold(about, off)
        self._settled()

    def end_hold(self, draw: Drawn) -> None:
        """End a hold."""
        act = self._one(self.facts.holds, draw.which)
        targets = set(self.facts.holds[act].off)
        if self._ended(ActKind.HOLD, act, lambda: self.made.end_hold(act, force=draw.flag), (targets, draw)):
            self.facts.holds.pop(act)
            self.facts.restored(targets, exactly=draw.flag)
        self._settled()

    # -- those who loosen -------------------------------------------------------------------------------------------

    def unlock(self, draw: Drawn) -> None:
        """Unlock by tag, or extend that."""
        tag = self._one(self.facts.tags, draw.which)
        root, now = self.facts.tags[tag], self.made.pushing.clock.now()
        own = next((act for act, grant in self.facts.grants.items() if tag in grant.shows and grant.tag == tag), None)
        free = own is not None or not self._taken(tag, root)
        begun = self._begun(ActKind.UNLOCK, lambda: unlocked(self.made, tag, force=True), draw.crash)
        assert begun.answer is None or free
        if own is not None:
            self.facts.grants[own].ends = self.runner.run(self._act(ActKind.UNLOCK, own)).expires_at or now
        for act in begun.new:
            assert free
            self.facts.unlocked(Grant(tag=tag, root=root, began=now, ends=now + HALF_AN_HOUR, shows={}), act.id)
        self._settled(at_least=3)  # a lock that was under way has its minute

    def _taken(self, tag: str, root: str) -> bool:
        return any(self.facts.quarantined(each) or self.facts.grant_of(each) is not None for each in (tag, root))

    def end_unlock(self, draw: Drawn) -> None:
        """End an unlock."""
        act = self._one(self.facts.grants, draw.which)
        self._run(lambda: ended(self.made, act), draw.crash)
        self._settle()
        if act in self.facts.grants and self.runner.run(self._act(ActKind.UNLOCK, act)).phase is Phase.ENDED:
            self.facts.relocked(act)
        self._settled()

    def retire(self, draw: Drawn) -> None:
        """Retire by tag."""
        tag = self._one(self.facts.tags, draw.which)
        root = self.facts.tags[tag]
        free = not self._taken(tag, root)
        begun = self._begun(ActKind.RETIRE, lambda: retired(self.made, tag, force=True), draw.crash)
        assert begun.answer is None or free
        for _ in begun.new:
            self.facts.retired(tag, root)
        self._settled(at_least=3)

    def accept(self, draw: Drawn) -> None:
        """Accept what a release's tag was moved to."""
        tag = self._one(self._moved(), draw.which)
        root = self.facts.tags[tag]
        image = next(image for image in IMAGES if image.digest == root)
        if any(self.facts.grant_of(each) for each in self.facts.closure(root)):
            return
        begun = self._begun(ActKind.ACCEPT, lambda: accepted(self.made, tag, image), draw.crash)
        for _ in begun.new:
            assert not self._taken(tag, root)
            self.facts.released(tag, root)
        self._settled()

    def _moved(self) -> dict[str, str]:
        known = self.facts.releases
        return {tag: root for tag, root in self.facts.tags.items() if known.get(tag, root) != root}

    # -- everybody else ---------------------------------------------------------------------------------------------

    def time_passes(self, draw: Drawn) -> None:
        """Let time pass, and the timer fire once."""
        self.made.later(minutes=draw.which % 40 + 1)
        killed = isinstance(self._run(self._tick, draw.crash), Killed)
        self._time_is_over()
        if not killed:
            self.check()  # no grant outlives its time by more than this tick
        self._settled()

    def an_outsider_turns_on(self, draw: Drawn) -> None:
        """Turn something on that is off."""
        attribute = ("read", "write", "delete")[draw.other % 3]
        target = self._one(self.facts.targets(), draw.which)
        if attribute not in self._shown(target):
            return
        self._set(target, attribute, True)
        grant = self.facts.grant_of(target)
        if self.facts.covered(target):
            self.facts.meddled.add(target)
        if grant is not None:
            grant.shows[target] -= {attribute}
        elif not self.facts.covered(target):
            self.facts.base[target] -= {attribute}
            self.facts.loosened.add(target)

    def an_outsider_turns_off(self, draw: Drawn) -> None:
        """Turn something off where no act is."""
        attribute = ("write", "delete", "list")[draw.other % 3]
        target = self._one(self.facts.targets(), draw.which)
        if attribute in self._shown(target) or self.facts.covered(target) or self.facts.grant_of(target):
            return
        self._set(target, attribute, False)
        self.facts.base[target] = self.facts.base.get(target, NOTHING) | {attribute}

    def overwrite(self, draw: Drawn) -> None:
        """Import over a release without an event that anybody hears of."""
        onto, tag = self._one(self.facts.tags, draw.which), self._one(self.facts.tags, draw.other)
        root = self.facts.tags[tag]
        concerned = {onto, self.facts.tags[onto], root, *self.facts.closure(root)}
        if onto not in self.facts.releases or any(self.facts.covered(e) or self.facts.grant_of(e) for e in concerned):
            return
        self.made.pushing.emulator.store.import_image(REPOSITORY, onto, source=f"{REPOSITORY}@{root}", force=True)
        self.facts.tags[onto] = root

    def delete_a_tag(self, draw: Drawn) -> None:
        """Delete a tag, if the registry lets anybody."""
        tag = self._one(self.facts.tags, draw.which)
        with suppress(Refused):
            self.made.pushing.emulator.store.untag(REPOSITORY, tag)
            assert not self.facts.expected(tag) & WRITE_AND_DELETE or tag in self.facts.meddled
            self._deleted(tag)

    def delete_a_manifest(self, draw: Drawn) -> None:
        """Delete a manifest that no index names, with its tags."""
        digest = self._one(self.facts.present, draw.which)
        if any(digest in CHILDREN.get(each, ()) for each in self.facts.present):
            return
        if any(grant.root == digest for grant in self.facts.grants.values()):
            return  # its tags would be gone with it
        with suppress(Refused):
            self.made.pushing.emulator.store.delete_manifest(REPOSITORY, digest, ORIGIN)
            for tag in [tag for tag, held in self.facts.tags.items() if held == digest]:
                self._deleted(tag)
            self._deleted(digest)

    def _deleted(self, target: str) -> None:
        self.facts.gone(target)

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
        }
        assert not different, different
        unlocked = {
            NAMES.get(target, target)
            for target in facts.targets()
            if target not in facts.meddled | facts.loosened and facts.grant_of(target) is None
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

    def _run[T](self, call: Callable[[], Awaitable[T]], crash: Crash = None) -> T | Killed | ActRefused:
        """Make a call that may die; a refusal is an answer."""

        async def made() -> T | Killed | ActRefused:
            try:
                if crash is not None:
                    self._let_die(*crash)
                return await call()
            except Killed as killed:
                return killed
            except ActRefused as refused:
                note(f"refused: {refused}")
                return refused
            except BaseExceptionGroup as group:
                if group.split(Killed)[1] is None:
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
            if due.due_at <= now or not (isinstance(due.subject, ActDue) and due.subject.purpose is Purpose.LOOK)
        ]

    def _time_is_over(self) -> None:
        now = self.made.pushing.clock.now()
        for act in [act for act, grant in self.facts.grants.items() if grant.ends <= now]:
            self.facts.relocked(act)

    # -- acts by name -----------------------------------------------------------------------------------------------

    def _begun(self, kind: ActKind, call: Callable[[], Awaitable[ActAnswer]], crash: Crash) -> "Begun":
        """Begin an act, perhaps die, and return the acts that are there once due work is done."""
        before = {act.id for act in self.runner.run(self._acts(kind))}
        try:
            answer = self._run(call, crash)
        except TaglockError as error:
            raise AssertionError(f"{type(error).__name__}: {error}") from error
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
            assert targets & self.facts.meddled, str(answer)
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


class Begun:
    """What was answered, if the process lived, and the new acts."""

    def __init__(self, answer: ActAnswer | None, new: list[Act]) -> None:
        self.answer = answer
        self.new = new


def _broken() -> RuleSet:
    raise InvalidConfiguration.at("$.rule[0].name", 1, "a text")
