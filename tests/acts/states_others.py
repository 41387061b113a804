"""Everybody but those who act: workloads, audits, time, and outsiders who change and delete what they like."""

import json
from contextlib import suppress

from handlers.image_deployed import image_deployed
from localcloud.registry.refusals import Refusal as Refused
from tests.acts.states_model import NOTHING, WRITE_AND_DELETE
from tests.acts.states_world import CHILDREN, Drawn, Watched
from tests.acts.world import Killed
from tests.pushing.world import ORIGIN, REPOSITORY

RELEASES = ("1.0.0", "1.1.0")
TAGS = (*RELEASES, "dev", "edge")


class Others(Watched):
    """What happens to a repository without anybody's act."""

    # -- those who run and those who look ----------------------------------------------------------------------------

    def deploy(self, draw: Drawn) -> None:
        """Let one of two workloads run something; no rule locks what runs."""
        digest, workload = self._one(self.facts.present, draw.which), f"shop-{draw.flag}"
        image = f"{self.made.pushing.login_server}/{REPOSITORY}@{digest}"
        now = self.made.later(seconds=1)
        event = {
            "specversion": "1.0",
            "id": f"{workload} at {now.isoformat()}",
            "source": "/pipelines/shop",
            "type": "Taglock.ImageDeployed",
            "time": now.isoformat(),
            "data": {"workload": workload, "images": [image], "environment": "production"},
        }
        for crash in (draw.crash, None):
            if not isinstance(
                self._run(lambda: image_deployed(self.made.pushing.app, json.dumps(event)), crash), Killed
            ):
                break
        self.facts.workloads[workload] = digest
        self._settled()

    def audit(self, draw: Drawn) -> None:
        """Audit the registry; with repair, what releases and acts want is locked again."""
        repair = draw.flag
        self.runner.run(self._audited(repair=repair))
        if repair and self.rule_file == "there":
            self._missed_are_released()
        self._settle()
        for target in list(self.facts.meddled):
            wanted = self.facts.quarantined(target)
            if repair and self.rule_file != "broken" and self.facts.grant_of(target) is None:
                wanted |= self.facts.held(target)
                wanted |= self.facts.recorded(target) if self.rule_file == "there" else NOTHING
            assert wanted <= self._shown(target), f"an audit left {target} as {self._shown(target)}"
            if self._shown(target) == self.facts.expected(target):
                self.facts.meddled.discard(target)
        for target in [each for each in self.facts.loosened if repair and each not in self._moved()]:
            recorded = self.facts.recorded(target)
            if self.rule_file == "there" or recorded <= self._shown(target):  # else the audit may leave it
                self.facts.lock_also(target, recorded)
        self._settled()

    def _missed_are_released(self) -> None:
        """What was pushed while no rule wanted it is a release now, unless it was given up."""
        for tag in RELEASES:
            unknown = tag in self.facts.tags and tag not in self.facts.releases and tag not in self.facts.given_up
            if unknown and self.facts.grant_of(tag) is None:
                self.facts.released(tag, self.facts.tags[tag])

    # -- everybody else ---------------------------------------------------------------------------------------------

    def time_passes(self, draw: Drawn) -> None:
        """Let time pass, and the timer fire once."""
        self.made.later(minutes=draw.which % 40 + 1)
        killed = isinstance(self._run(self._tick, draw.crash), Killed)
        ended = self._time_is_over()
        for target in () if killed else ended:  # no grant outlives its time by more than this tick
            assert self.facts.base.get(target, NOTHING) <= self._shown(target), target
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
        """Delete a manifest that no index names and nobody runs, with its tags."""
        digest = self._one(self.facts.present, draw.which)
        if digest in self.facts.workloads.values():
            return
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

    def _moved(self) -> dict[str, str]:
        known = self.facts.releases
        return {tag: root for tag, root in self.facts.tags.items() if known.get(tag, root) != root}
