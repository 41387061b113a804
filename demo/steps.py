"""The steps of the demonstration; each says what it does and checks it at the registry."""

from demo.apps import apps
from demo.attack import attacks
from demo.checks import TABLE_TITLES, Checks, Shown, row
from demo.cloud import Cloud
from demo.deploying import Deploying
from demo.granting import Granting
from demo.loosening import Loosening
from demo.observed import FREE, IMMUTABLE, UNDELETABLE, Lock, Seen, differences
from demo.quarantining import Quarantining
from demo.releases import Release, Releases, RootLayers, releases, root_layers
from demo.report import Report
from demo.table import aligned, short

PATIENCE_SECONDS = 60.0
ANSWERS = """\
405 is REGISTRY_DISALLOWED_OPERATION: the lock. 400 is DIGEST_INVALID: other bytes under a digest that is not theirs,
refused with or without a lock."""


class Demonstration:
    """The steps in their order, over one cloud and one client."""

    def __init__(self, cloud: Cloud, report: Report, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.cloud = cloud
        self.report = report
        self.checks = Checks(cloud, report, patience_seconds=patience_seconds)
        self.client = self.checks.client

    def run(self) -> None:
        """Take every step; raise CheckFailed as soon as one shows something else than it must."""
        layers = self.build()
        built, deployed = releases(layers), apps(layers)
        self.push(built)
        self.lock(built)
        self.attack(built)
        self.move(built)
        Deploying(self.checks, deployed).run()
        Loosening(self.checks, locked=built.first()).run(tag_of=built.plain, child_of=built.two_platforms)
        self.repeat((*built.first(), *deployed.first()))
        Quarantining(self.checks, built.two_platforms).run()
        Granting(self.checks, built.full_lock).run()

    def build(self) -> RootLayers:
        """Read the root file systems and say what they are."""
        self.report.step("Build images from a real root file system")
        layers = root_layers()
        for role, source in zip(("first platform", "second platform"), layers.sources, strict=True):
            self.report.say(f"{role}: {source}")
        return layers

    def push(self, built: Releases) -> None:
        """Push every release of the first round."""
        self.report.step("Push them, as a pipeline does")
        self.checks.push(built.first())

    def lock(self, built: Releases) -> None:
        """Wait until the registry shows every lock, and nothing locked that no rule protects; show all of it."""
        self.report.step("Read from the registry what taglock locked")
        seconds = self.checks.patience_seconds
        self.report.check_until(seconds, lambda: self._not_as_wanted(built))
        self.checks.settled()
        self.report.check_until(seconds, lambda: self._unpublished(built))
        rules, shown = self.cloud.rules_of_locked_images(), self.checks.shown(built.first())
        rows = [row(each, rules.get(release.name, "")) for release, each in pairs(built, shown)]
        self.report.say(aligned(TABLE_TITLES, rows))
        self.report.check(not self._not_as_wanted(built), "a free tag was locked after its event was handled")

    def attack(self, built: Releases) -> None:
        """Try to overwrite and to delete everything that is locked; all of it must still be there afterwards."""
        self.report.step("Try to overwrite and to delete every locked tag, index and child")
        before = self.checks.shown(built.first())
        rows = [
            self.checks.refused(each)
            for release in built.protected()
            for each in attacks(self.client, release, built.intruder)
        ]
        self.report.say(aligned(("target", "overwrite", "delete"), rows))
        self.checks.unchanged(before, built.first())
        for release in built.protected():
            self.checks.pulls(release)
        self.report.say(f"\n{2 * len(rows)} attempts, all refused; every manifest and layer still pulls byte for byte.")
        self.report.say(ANSWERS)

    def move(self, built: Releases) -> None:
        """Move what must stay free: the floating tag and the prerelease."""
        self.report.step("Move the tags that no rule protects")
        for release in (built.next_latest, built.next_prerelease):
            self.client.push(release.repository, release.tag, release.manifest)
            self.checks.pulls(release)
            self.report.say(f"{release.name} now is {short(f'{release.repository}@{release.manifest.digest}')}")
        digest = self.client.tag(built.plain.repository, built.plain.tag).digest
        self.report.check(digest == built.plain.manifest.digest, f"{built.plain.name} moved to {digest}")
        self.report.say(f"{built.plain.name} still is {short(f'{built.plain.repository}@{digest}')}")

    def repeat(self, pushed: tuple[Release, ...]) -> None:
        """Deliver every event again; nothing may change, and nothing may even be asked of the registry."""
        self.report.step("Deliver the same events again")
        self.checks.settled()
        before, mark = self.checks.shown(pushed), self.cloud.mark()
        count = self.cloud.deliver_again()
        self.report.check(count >= len(pushed), f"only {count} events were delivered again")
        self.checks.settled()
        asked = self.cloud.requests_since(mark)
        self.report.check(not asked, f"the registry was asked again: {asked}, expected no request")
        self.checks.unchanged(before, pushed)
        self.report.say(f"{count} events delivered again: no attribute changed, the registry was not even asked")

    def _not_as_wanted(self, built: Releases) -> list[str]:
        shown = self.checks.shown(built.first())
        return [each for release in built.first() for each in differences(shown[release.name], lock_of(built, release))]

    def _unpublished(self, built: Releases) -> list[str]:
        rules = self.cloud.rules_of_locked_images()
        missing = [release.name for release in built.protected() if release.name not in rules]
        return [f"no published event names the rule that locked {name}" for name in missing]


def lock_of(built: Releases, release: Release) -> Lock:
    """Return what a release of the first round must show once its event was handled."""
    if release == built.full_lock:
        return Lock(tag=IMMUTABLE, manifests=IMMUTABLE)
    if release == built.latest:  # a free tag of an image that is locked under another name
        return Lock(tag=FREE, manifests=UNDELETABLE)
    if release == built.prerelease:
        return Lock(tag=FREE, manifests=FREE)
    return Lock(tag=IMMUTABLE, manifests=UNDELETABLE)


def pairs(built: Releases, shown: Shown) -> list[tuple[Release, Seen]]:
    """Return every target with its release; a manifest of two tags belongs to the release that protects it."""
    ordered = sorted(built.first(), key=lambda release: release not in built.protected())
    found: dict[str, tuple[Release, Seen]] = {}
    for release in ordered:
        for each in shown[release.name]:
            found.setdefault(each.target, (release, each))
    return list(found.values())
