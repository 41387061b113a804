"""People, a clock, an outsider and crashes, drawn by Hypothesis; after every step the registry shows what it should."""

from copy import replace

from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from localcloud.registry.content import Manifest
from localcloud.registry.refusals import Refusal as Refused
from taglock.domain.acts.act import ActKind, Phase
from taglock.domain.acts.answer import ActAnswer
from taglock.domain.attributes import IMMUTABLE, UNDELETABLE
from taglock.domain.rule import RuleSet
from taglock.errors import InvalidConfiguration
from tests.acts.loosened import HALF_AN_HOUR, accepted, ended, retired, unlocked
from tests.acts.states_model import DELETE, WRITE_AND_DELETE, Grant, Hold, Off
from tests.acts.states_others import RELEASES, TAGS, Others
from tests.acts.states_world import CHILDREN, IMAGES, Drawn
from tests.acts.world import Killed
from tests.pushing.world import RULES

NO_RULES = RULES.replace("prod/**", "other/**")
crashes = st.one_of(st.none(), st.none(), st.tuples(st.sampled_from(["before", "after", "write"]), st.integers(0, 14)))
STEPS = (
    *("push", "push", "push", "quarantine", "quarantine", "lift", "lift", "hold", "end_hold", "unlock", "unlock"),
    *("end_unlock", "retire", "overwrite", "accept", "time_passes", "time_passes", "the_rules_change", "deploy"),
    *("audit", "audit"),
    *("an_outsider_turns_on", "an_outsider_turns_on", "an_outsider_turns_off", "delete_a_tag", "delete_a_manifest"),
)


drawn = st.builds(Drawn, which=st.integers(0, 60), other=st.integers(0, 60), flag=st.booleans(), crash=crashes)


class Acts(Others):
    """One repository, its facts as people know them, and the app that may die at any request and any write."""

    # -- those who push ---------------------------------------------------------------------------------------------

    @initialize(image=st.integers(0, 60))
    def there_is_a_release(self, image: int) -> None:
        self.push(Drawn(which=0, other=image, flag=False, crash=None))

    @rule(what=st.sampled_from(STEPS), draw=drawn)
    def somebody_does(self, what: str, draw: Drawn) -> None:
        """One step; a rule for each would be drawn too unevenly for short runs."""
        needed = {"lift": self.facts.quarantines, "end_hold": self.facts.holds, "end_unlock": self.facts.grants}
        needed |= {"accept": self._moved(), "push": {"any": 0}, "time_passes": {"any": 0}, "audit": {"any": 0}}
        waits = self.facts.pending and what in ("retire", "unlock", "accept", "overwrite", "audit")
        if needed.get(what, self.facts.tags) and not waits:
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
        if tag in RELEASES and self.rule_file == "there":
            self.facts.pushed(tag, image.digest)
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
            if currently_in_test_context():
                note(f"refused: {refused}")
            return None
        if image.digest not in self.facts.present and self.facts.covered(image.digest):
            self.facts.meddled.add(
                image.digest
            )  # an outsider deleted it, and it is there again: the next audit sees it
        self.facts.present.add(image.digest)
        if tag is not None:
            self.facts.given_up.discard(tag)
            self.facts.tags[tag] = image.digest
        return self.made.pushing.pushed[-1] if len(self.made.pushing.pushed) > before else ""

    def the_rules_change(self, draw: Drawn) -> None:
        """Let the rules protect, protect nothing here, or be broken."""
        if self.facts.pending or self.facts.grants:
            return  # what waits is decided by the rules that are there then
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

    # -- all of them -----------------------------------------------------------------------------------------------

    def all_is_undone(self) -> None:
        """End every act; each end is compared as any step is."""
        calm = Drawn(which=0, other=0, flag=False, crash=None)
        for end, left in (
            (self.lift, self.facts.quarantines),
            (self.end_hold, self.facts.holds),
            (self.end_unlock, self.facts.grants),
        ):
            while left:
                end(calm)


def _broken() -> RuleSet:
    raise InvalidConfiguration.at("$.rule[0].name", 1, "a text")
