"""The steps about deployments: what runs is locked whatever it is called, and its tags stay free."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from demo.apps import Apps
from demo.attack import Attack, Attempt
from demo.azure import container_app, web_app
from demo.checks import TABLE_TITLES, Checks, row
from demo.observed import FREE, UNDELETABLE, Lock, differences
from demo.releases import Release
from demo.table import aligned, short

OPEN = Lock(tag=FREE, manifests=FREE)
RUNNING = Lock(tag=FREE, manifests=UNDELETABLE)
ELSEWHERE = "docker.io/library/redis:7"


class Deploying:
    """Deploy, look what is locked and what is known, and push over a tag that was deployed."""

    def __init__(self, checks: Checks, apps: Apps) -> None:
        self._checks = checks
        self._cloud = checks.cloud
        self._report = checks.report
        self._apps = apps
        self._shop = f"{self._cloud.resources}/providers/Microsoft.App/containerApps/shop"
        self._portal = f"{self._cloud.resources}/providers/Microsoft.Web/sites/portal"

    def run(self) -> None:
        """Take the steps in their order."""
        self.push()
        self.deploy()
        self.tell()
        self.move()

    def push(self) -> None:
        """Push what no rule protects; nothing of it may be locked."""
        self._report.step("Push what no push rule protects, and deploy it to Azure")
        self._checks.push(self._apps.first())
        self._checks.settled()
        locked = self._not_as_wanted({release.name: OPEN for release in self._apps.first()})
        self._report.check(not locked, f"locked before it was deployed: {locked[:1]}")

    def deploy(self) -> None:
        """Deploy; exactly the closures of what runs must get locked."""
        for body in self._bodies():
            self._cloud.deploy(body)
        self._report.say(f"\n{aligned(('deployed', 'what runs', 'image'), list(self._deployed()))}")
        wanted = {release.name: RUNNING for release in self._apps.running()} | {self._apps.aside.name: OPEN}
        seconds = self._checks.patience_seconds
        self._report.check_until(seconds, lambda: self._not_as_wanted(wanted))
        self._checks.settled()
        self._report.check_until(seconds, self._unpublished)
        self._report.say(f"\n{aligned(TABLE_TITLES, list(self._rows()))}")
        self._report.check(not self._not_as_wanted(wanted), "something else was locked after the events were handled")

    def tell(self) -> None:
        """Ask the app's own command who runs what; it must name every digest, and who confirmed it."""
        self._report.step("Ask who runs what: python -m taglock deployed --refresh --json, digests cut")
        ran = self._cloud.command("taglock", "deployed", "--refresh", "--json")
        self._report.check(ran.returncode == 0, f"`taglock deployed` ended with {ran.returncode}: {ran.stderr}")
        found = json.loads(ran.stdout)
        rows = [each for workload in found["workloads"] for each in self._told(workload)]
        for release, resource in self._running():
            told = (short_id(resource), short(f"{release.repository}@{release.manifest.digest}"))
            self._report.check(any(told == each[:2] for each in rows), f"{told} is not told: {ran.stdout}")
        self._report.say(aligned(("workload", "runs", "deployed as", "confirmed by"), rows))
        (listed,) = found["coverage"]
        self._report.check(listed["workloads"] == 2, f"listed {listed}, expected two workloads")
        self._report.say(f"\nThe subscription was listed: {listed['workloads']} workloads, and there are no others.")

    def move(self) -> None:
        """Push another image over `latest`: the tag moves, and what runs can still not be deleted."""
        self._report.step("Push another image over latest while the one before runs")
        newer, following = self._apps.newer, self._apps.next_newer
        self._checks.push((following,))
        self._checks.settled()
        tag = self._checks.client.tag(newer.repository, newer.tag)
        self._report.check(tag.digest == following.manifest.digest, f"{newer.name} is {tag.digest} and did not move")
        rows = [self._checks.refused(each) for release in self._apps.running() for each in self._deletions(release)]
        self._report.say(f"\n{aligned(('what runs', 'delete'), rows)}")
        for release in self._apps.running():
            self._checks.pulls_closure(release)
        new = short(f"{following.repository}@{following.manifest.digest}")
        self._report.say(f"\n{newer.name} now is {new}; the index that runs has no tag any more, and stays.")

    def _bodies(self) -> Iterator[Mapping[str, object]]:
        apps, all_of_it = self._apps, ({"latestRevision": True, "weight": 100},)
        split = ({"revisionName": "shop--v1", "weight": 20}, {"latestRevision": True, "weight": 80})
        older, newer = self._image(apps.older), self._image(apps.newer)
        yield container_app(self._shop, image=older, revision="shop--v1", traffic=all_of_it)
        yield container_app(self._shop, image=newer, revision="shop--v2", traffic=split)
        page = f"{self._cloud.login.name}/{apps.portal.repository}@{apps.portal.manifest.digest}"
        yield web_app(self._portal, images={"web": page, "cache": ELSEWHERE})

    def _image(self, release: Release) -> str:
        return f"{self._cloud.login.name}/{release.name}"

    def _deployed(self) -> Iterator[tuple[str, str, str]]:
        apps = self._apps
        yield (short_id(self._shop), "revision shop--v1, 20 % of the traffic", apps.older.name)
        yield (short_id(self._shop), "revision shop--v2, 80 % of the traffic", apps.newer.name)
        digest = short(f"{apps.portal.repository}@{apps.portal.manifest.digest}")
        yield (short_id(self._portal), "compose file, service web", digest)
        yield (short_id(self._portal), "compose file, service cache", ELSEWHERE)

    def _running(self) -> tuple[tuple[Release, str], ...]:
        apps = self._apps
        return ((apps.older, self._shop), (apps.newer, self._shop), (apps.portal, self._portal))

    def _rows(self) -> Iterator[tuple[str, ...]]:
        rules = self._cloud.rules_of_running_images()
        for release, seen in zip(self._apps.first(), self._checks.shown(self._apps.first()).values(), strict=True):
            rule = rules.get(f"{release.repository}@{release.manifest.digest}", "")
            yield from (row(each, "" if each.kind == "tag" else rule) for each in seen)

    def _told(self, workload: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
        name = short_id(workload["workload"])
        for run in workload["runs"]:
            image = run["image"].removeprefix(f"{self._cloud.login.name}/")
            repository = image.partition("@")[0].partition(":")[0]
            yield (name, short(f"{repository}@{run['digest']}"), short(image), run["confirmedBy"])
        for image in workload["elsewhere"]:
            yield (name, "(another registry)", image, "")

    def _deletions(self, release: Release) -> Iterator[Attack]:
        repository, delete_manifest = release.repository, self._checks.client.delete_manifest
        for digest in (manifest.digest for manifest in reversed(release.manifest.closure())):
            delete = Attempt(what="delete", send=partial(delete_manifest, repository, digest))
            yield Attack(target=f"{repository}@{digest}", attempts=(delete,))

    def _not_as_wanted(self, wanted: Mapping[str, Lock]) -> list[str]:
        shown = self._checks.shown(self._apps.first())
        return [each for name, lock in wanted.items() for each in differences(shown[name], lock)]

    def _unpublished(self) -> list[str]:
        rules = self._cloud.rules_of_running_images()
        running = [f"{release.repository}@{release.manifest.digest}" for release in self._apps.running()]
        return [f"no published event names the rule that locked {name}" for name in running if name not in rules]


def short_id(resource_id: str) -> str:
    """Return the type and the name at the end of a resource id, in lower case as the app keeps them."""
    return "/".join(resource_id.lower().split("/")[-2:])
