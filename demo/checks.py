"""The checks that several steps make, each at the registry with the checking client."""

from collections.abc import Iterable, Mapping, Sequence

from demo.attack import Attack, refusal_of
from demo.client import RegistryClient
from demo.cloud import Cloud
from demo.images import digest_of
from demo.observed import Seen, changes, observe
from demo.releases import Release
from demo.report import Report
from demo.table import aligned, short

TABLE_TITLES = ("target", "kind", "delete", "write", "list", "read", "rule")

type Shown = Mapping[str, tuple[Seen, ...]]
"""What the registry shows of each release, by the release's name."""


class Checks:
    """One cloud, one client and one report; every check counts."""

    def __init__(self, cloud: Cloud, report: Report, *, patience_seconds: float) -> None:
        self.cloud = cloud
        self.report = report
        self.client = RegistryClient(cloud.login)
        self.patience_seconds = patience_seconds

    def push(self, pushes: Iterable[Release]) -> None:
        """Push releases, pull each again and show them."""
        rows = []
        for release in pushes:
            self.client.push(release.repository, release.tag, release.manifest)
            self.pulls(release)
            rows.append((release.name, release.shows, str(len(release.manifest.closure()))))
        self.report.say(aligned(("pushed", "what it is", "manifests"), rows))

    def pulls(self, release: Release) -> None:
        """Pull a release by its tag, and its whole closure by digest; the bytes must be those that were built."""
        content = self.client.pull_manifest(release.repository, release.tag)
        self.report.check(content == release.manifest.content, f"{release.name} is not what was pushed")
        self.pulls_closure(release)

    def pulls_closure(self, release: Release) -> None:
        """Pull a release's whole closure by digest, wherever its tag points to now."""
        for manifest in release.manifest.closure():
            content = self.client.pull_manifest(release.repository, manifest.digest)
            self.report.check(content == manifest.content, f"{release.repository}@{manifest.digest}: other bytes")
            for blob in manifest.blobs:
                digest = digest_of(blob.content)
                pulled = self.client.pull_blob(release.repository, digest)
                self.report.check(pulled == blob.content, f"{release.repository}@{digest}: other bytes")

    def settled(self) -> None:
        """Wait until Event Grid has delivered everything."""
        self.report.check_until(self.patience_seconds, self.cloud.undelivered)

    def shown(self, releases: Iterable[Release]) -> Shown:
        """Read what the registry shows of each release now."""
        return {release.name: observe(self.client, release) for release in releases}

    def refused(self, attack: Attack) -> tuple[str, ...]:
        """Make every attempt on a target; each must be refused. Return a row with the answers."""
        answers = []
        for attempt in attack.attempts:
            answer = refusal_of(attempt.send())
            expected = " or ".join(sorted(attempt.refusals))
            self.report.check(
                answer in attempt.refusals, f"{attempt.what} {attack.target}: {answer}, expected {expected}"
            )
            answers.append(f"refused ({answer.partition(' ')[0]})")
        return (short(attack.target), *answers)

    def unchanged(self, before: Shown, releases: Sequence[Release]) -> None:
        """Compare what the registry shows now with what it showed."""
        changed = changes(before, self.shown(releases))
        self.report.check(not changed, f"the registry shows other attributes or digests than before for {changed}")


def row(seen: Seen, rule: str) -> tuple[str, ...]:
    """Return a target as a row of the table."""
    return (short(seen.target), seen.kind, *seen.switches.words(), rule or "(none: free)")
