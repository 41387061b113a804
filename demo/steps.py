"""The steps of the demonstration; each says what it does and checks it at the registry."""

from collections.abc import Mapping

from demo.attack import Attack, attacks, refusal_of
from demo.client import RegistryClient
from demo.cloud import Cloud
from demo.images import digest_of
from demo.observed import FREE, IMMUTABLE, UNDELETABLE, Lock, Seen, changes, differences, observe
from demo.releases import Release, Releases, releases, root_layers
from demo.report import Report
from demo.table import aligned, short

PATIENCE_SECONDS = 60.0
TABLE_TITLES = ("target", "kind", "delete", "write", "list", "read", "rule")
ANSWERS = """\
405 is REGISTRY_DISALLOWED_OPERATION: the lock. 400 is DIGEST_INVALID: other bytes under a digest that is not theirs,
refused with or without a lock."""

type Shown = Mapping[str, tuple[Seen, ...]]
"""What the registry shows of each release, by the release's name."""


class Demonstration:
    """The steps in their order, over one cloud and one client."""

    def __init__(self, cloud: Cloud, report: Report, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.cloud = cloud
        self.patience_seconds = patience_seconds
        self.report = report
        self.client = RegistryClient(cloud.login)

    def run(self) -> None:
        """Take every step; raise CheckFailed as soon as one shows something else than it must."""
        built = self.build()
        self.push(built)
        self.lock(built)
        self.attack(built)
        self.move(built)
        self.repeat(built)

    def build(self) -> Releases:
        """Build the images and say what they are made of."""
        self.report.step("Build images from a real root file system")
        layers = root_layers()
        for role, source in zip(("first platform", "second platform"), layers.sources, strict=True):
            self.report.say(f"{role}: {source}")
        return releases(layers)

    def push(self, built: Releases) -> None:
        """Push every release of the first round."""
        self.report.step("Push them, as a pipeline does")
        rows = []
        for release in built.first():
            self.client.push(release.repository, release.tag, release.manifest)
            self._check_bytes(release)
            rows.append((release.name, release.shows, str(len(release.manifest.closure()))))
        self.report.say(aligned(("pushed", "what it is", "manifests"), rows))

    def lock(self, built: Releases) -> None:
        """Wait until the registry shows every lock, and nothing locked that no rule protects; show all of it."""
        self.report.step("Read from the registry what taglock locked")
        self.report.check_until(self.patience_seconds, lambda: self._not_as_wanted(built))
        self.report.check_until(self.patience_seconds, self.cloud.undelivered)
        self.report.check_until(self.patience_seconds, lambda: self._unpublished(built))
        rules, shown = self.cloud.rules_of_locked_images(), self._shown(built)
        rows = [row(each, rules.get(release.name, "")) for release, each in pairs(built, shown)]
        self.report.say(aligned(TABLE_TITLES, rows))
        self.report.check(not self._not_as_wanted(built), "a free tag was locked after its event was handled")

    def attack(self, built: Releases) -> None:
        """Try to overwrite and to delete everything that is locked; all of it must still be there afterwards."""
        self.report.step("Try to overwrite and to delete every locked tag, index and child")
        before = self._shown(built)
        rows = [
            self._refused(each)
            for release in built.protected()
            for each in attacks(self.client, release, built.intruder)
        ]
        self.report.say(aligned(("target", "overwrite", "delete"), rows))
        self._check_unchanged(before, built)
        for release in built.protected():
            self._check_bytes(release)
        self.report.say(f"\n{2 * len(rows)} attempts, all refused; every manifest and layer still pulls byte for byte.")
        self.report.say(ANSWERS)

    def _refused(self, attack: Attack) -> tuple[str, str, str]:
        """Make both attempts on a target; each must be refused."""
        answers = []
        for attempt in attack.attempts:
            answer = refusal_of(attempt.send())
            expected = " or ".join(sorted(attempt.refusals))
            self.report.check(
                answer in attempt.refusals, f"{attempt.what} {attack.target}: {answer}, expected {expected}"
            )
            answers.append(f"refused ({answer.partition(' ')[0]})")
        return (short(attack.target), answers[0], answers[1])

    def move(self, built: Releases) -> None:
        """Move what must stay free: the floating tag and the prerelease."""
        self.report.step("Move the tags that no rule protects")
        for release in (built.next_latest, built.next_prerelease):
            self.client.push(release.repository, release.tag, release.manifest)
            self._check_bytes(release)
            self.report.say(f"{release.name} now is {short(f'{release.repository}@{release.manifest.digest}')}")
        digest = self.client.tag(built.plain.repository, built.plain.tag).digest
        self.report.check(digest == built.plain.manifest.digest, f"{built.plain.name} moved to {digest}")
        self.report.say(f"{built.plain.name} still is {short(f'{built.plain.repository}@{digest}')}")

    def repeat(self, built: Releases) -> None:
        """Deliver every event again; nothing may change, and nothing may even be asked of the registry."""
        self.report.step("Deliver the same events again")
        self.report.check_until(self.patience_seconds, self.cloud.undelivered)
        before, mark = self._shown(built), self.cloud.mark()
        count = self.cloud.deliver_again()
        self.report.check(count >= len(built.first()), f"only {count} events were delivered again")
        self.report.check_until(self.patience_seconds, self.cloud.undelivered)
        asked = self.cloud.requests_since(mark)
        self.report.check(not asked, f"the registry was asked again: {asked}, expected no request")
        self._check_unchanged(before, built)
        self.report.say(f"{count} events delivered again: no attribute changed, the registry was not even asked")

    def _shown(self, built: Releases) -> Shown:
        return {release.name: observe(self.client, release) for release in built.first()}

    def _not_as_wanted(self, built: Releases) -> list[str]:
        shown = self._shown(built)
        return [each for release in built.first() for each in differences(shown[release.name], lock_of(built, release))]

    def _unpublished(self, built: Releases) -> list[str]:
        rules = self.cloud.rules_of_locked_images()
        missing = [release.name for release in built.protected() if release.name not in rules]
        return [f"no published event names the rule that locked {name}" for name in missing]

    def _check_unchanged(self, before: Shown, built: Releases) -> None:
        changed = changes(before, self._shown(built))
        self.report.check(not changed, f"the registry shows other attributes or digests than before for {changed}")

    def _check_bytes(self, release: Release) -> None:
        """Pull a release by its tag, and its whole closure by digest; the bytes must be those that were built."""
        content = self.client.pull_manifest(release.repository, release.tag)
        self.report.check(content == release.manifest.content, f"{release.name} is not what was pushed")
        for manifest in release.manifest.closure():
            content = self.client.pull_manifest(release.repository, manifest.digest)
            self.report.check(content == manifest.content, f"{release.repository}@{manifest.digest}: other bytes")
            for blob in manifest.blobs:
                digest = digest_of(blob.content)
                pulled = self.client.pull_blob(release.repository, digest)
                self.report.check(pulled == blob.content, f"{release.repository}@{digest}: other bytes")


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


def row(seen: Seen, rule: str) -> tuple[str, ...]:
    """Return a target as a row of the table."""
    return (short(seen.target), seen.kind, *seen.switches.words(), rule or "(none: free)")
