"""The steps about quarantine: a release that runs is made impossible to pull, and is given back exactly as it was."""

from collections.abc import Mapping
from typing import Any

from demo.app_api import AppAnswer, AppApi
from demo.azure import container_app
from demo.checks import TABLE_TITLES, Checks, row
from demo.deploying import short_id
from demo.observed import Seen
from demo.pullers import DISALLOWED, Puller, pullers
from demo.releases import Release
from demo.table import aligned, short

WANTED = ("by tag", "by digest", "of a child")
WITHOUT_SKOPEO = "skopeo is not installed here, so only these two pull."


class Quarantining:
    """Deploy a release of several platforms, quarantine it although it runs, and lift that."""

    def __init__(self, checks: Checks, release: Release) -> None:
        self._checks = checks
        self._report = checks.report
        self._cloud = checks.cloud
        self._release = release
        self._api = AppApi(self._cloud.state)
        self._image = f"{self._cloud.login.name}/{release.name}"
        self._workload = f"{self._cloud.resources}/providers/Microsoft.App/containerApps/api"
        self._pullers = pullers(self._cloud, checks.client)

    def run(self) -> None:
        """Take the steps in their order."""
        self._report.step("Quarantine a release that runs")
        self.deploy()
        before = self._checks.shown((self._release,))
        self.refuse()
        self.preview(before)
        act = self.quarantine()
        self._report.step("Lift the quarantine")
        self.lift(act, before)

    def deploy(self) -> None:
        """Deploy the release; the app must know that it runs."""
        traffic = ({"latestRevision": True, "weight": 100},)
        self._cloud.deploy(container_app(self._workload, image=self._image, revision="api--v1", traffic=traffic))
        self._report.check_until(self._checks.patience_seconds, self._not_known_to_run)
        self._checks.settled()
        self._report.say(f"{short_id(self._workload)} runs {self._release.name} from now on.")

    def refuse(self) -> None:
        """Ask without acknowledging that it runs; nothing may be begun."""
        answer = self._asked()
        refusal = answer.document.get("type", "").rpartition(":")[2]
        told = (answer.status, refusal, answer.document.get("acknowledge"), answer.document.get("workloads"))
        expected = (409, "acknowledge-required", self._release.manifest.digest, [self._workload.lower()])
        lower = [each.lower() for each in told[3] or ()]
        self._report.check((*told[:3], lower) == expected, f"the answer is {told}, expected {expected}")
        self._report.say(f"\nPOST /api/quarantine: 409 {refusal}, as {short_id(self._workload)} runs it")

    def preview(self, before: Mapping[str, tuple[Seen, ...]]) -> None:
        """Ask what it would mean; all targets must be named, and nothing may change."""
        answer = self._asked(preview=True)
        targets = {named(each) for each in answer.document["targets"]}
        expected = {each.target for each in before[self._release.name]}
        self._report.check(
            (answer.status, targets) == (200, expected), f"{answer.status}, {targets}, expected {expected}"
        )
        self._checks.unchanged(before, (self._release,))
        self._report.say(f'with "preview": true: 200, {len(targets)} targets would lose read, and nothing changed')

    def quarantine(self) -> str:
        """Acknowledge the digest that runs; nobody may pull anything of it then. Return the id of the quarantine."""
        digest = self._release.manifest.digest
        answer = self._asked(acknowledge=digest)
        complete = (answer.status, answer.document.get("complete"))
        self._report.check(complete == (200, True), f"the answer is {answer}, expected 200 and complete")
        self._report.say(f'with "acknowledge": "{digest[:19]}...": 200, every target is proved\n')
        shown = self._checks.shown((self._release,))[self._release.name]
        open_still = [each.target for each in shown if each.switches.read or each.switches.delete]
        self._report.check(not open_still, f"read or delete is still on: {open_still}")
        self._report.say(f"\n{aligned(TABLE_TITLES[:-1], [row(each, '')[:-1] for each in shown])}")
        self._pull(dict.fromkeys(self._references(), DISALLOWED))
        self._report.check_until(self._checks.patience_seconds, lambda: self._unpublished("Taglock.ImageQuarantined"))
        return str(answer.document["act"]["id"])

    def lift(self, act: str, before: Mapping[str, tuple[Seen, ...]]) -> None:
        """Lift; every attribute must be as it was before, and everything must be pullable again."""
        answer = self._api.post(f"quarantine/{act}/lift", {"reason": "a false alarm"})
        outcomes = {each["outcome"] for each in answer.document.get("targets", ())}
        told = (answer.status, outcomes)
        self._report.check(told == (200, {"restored"}), f"the answer is {answer}, expected 200 and all restored")
        self._checks.unchanged(before, (self._release,))
        targets = len(answer.document["targets"])
        self._report.say(f"POST /api/quarantine/{{id}}/lift: 200, {targets} targets restored.")
        self._report.say("Every attribute is as it was before the quarantine: the locks are on, and read is too.")
        self._pull(
            {self._release.tag: self._release.manifest.digest, **{each: each for each in self._references()[1:]}}
        )
        self._checks.pulls(self._release)
        self._report.check_until(self._checks.patience_seconds, lambda: self._unpublished("Taglock.QuarantineLifted"))
        self._report.say("\nTaglock.ImageQuarantined and Taglock.QuarantineLifted were published.")

    def _asked(self, **members: object) -> AppAnswer:
        return self._api.post("quarantine", {"image": self._image, "reason": "CVE-2026-0001", **members})

    def _references(self) -> tuple[str, str, str]:
        child = self._release.manifest.closure()[0]
        return (self._release.tag, self._release.manifest.digest, child.digest)

    def _pull(self, expected: Mapping[str, str]) -> None:
        found = [(each, each.pull(self._release.repository, self._references())) for each in self._pullers]
        wrong = {each.name: came for each, came in found if came != expected}
        self._report.check(not wrong, f"pulled: {wrong}, expected {expected}")
        rows = [_row(each, came) for each, came in found]
        self._report.say(f"\n{aligned(('pulled with', *WANTED), rows)}")
        if "skopeo" not in {each.name for each in self._pullers}:
            self._report.say(WITHOUT_SKOPEO)

    def _not_known_to_run(self) -> list[str]:
        runs = self._asked(preview=True).document["surroundings"]["runs"]
        answers = [each["who"]["answer"] for each in runs[:1]]
        return [] if answers == ["yes"] else [f"whether {self._release.name} runs: {answers}, expected yes"]

    def _unpublished(self, event_type: str) -> list[str]:
        images = [image for each in self._cloud.published(event_type) for image in each["images"]]
        named_image = f"{self._image}@{self._release.manifest.digest}"
        return [] if named_image in images else [f"no event {event_type} names {named_image}: {images}"]


def _row(puller: Puller, came: Mapping[str, str]) -> tuple[str, ...]:
    return (puller.name, *("refused" if each == DISALLOWED else short(f"@{each}")[1:] for each in came.values()))


def named(target: Mapping[str, Any]) -> str:
    """Return a target of an answer as the checking client names it."""
    place = target["target"]
    return f"{place['repository']}{':' if place['kind'] == 'tag' else '@'}{place['name']}"
