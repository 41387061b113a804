"""The step about an unlock for a few seconds: it locks again by itself."""

from datetime import UTC, datetime
from time import sleep

from demo.app_api import AppApi
from demo.checks import TABLE_TITLES, Checks, row
from demo.observed import FREE
from demo.releases import Release
from demo.table import aligned

SECONDS = 5
TIMER = "due_work"
NOT_WAITED_FOR = """\
The timer due_work looks twice a minute for grants whose time is over; this demonstration does not wait for the next
half minute and has the Functions host run it."""


class Granting:
    """Unlock a release for five seconds, and look that it is locked again afterwards."""

    def __init__(self, checks: Checks, release: Release) -> None:
        self._checks = checks
        self._report = checks.report
        self._release = release
        self._api = AppApi(checks.cloud.state)

    def run(self) -> None:
        """Take the step."""
        self._report.step(f"Unlock a release for {SECONDS} seconds")
        before = self._checks.shown((self._release,))
        self._push(405)
        until = self._unlock()
        self._push(201)
        self._checks.settled()  # the event of that push changes nothing while the grant lasts
        self._still_on(until)
        self._wait(until)
        self._report.check_until(self._checks.patience_seconds, self._not_relocked)
        self._checks.unchanged(before, (self._release,))
        self._push(405)
        self._report.say(f"\nIts {SECONDS} seconds are over: locked as before, and the same push is refused (405).")
        self._report.say(NOT_WAITED_FOR)

    def _unlock(self) -> datetime:
        """Unlock and return until when."""
        image = f"{self._checks.cloud.login.name}/{self._release.name}"
        body = {"image": image, "reason": "rebuilt with a patched base", "expires_in": f"PT{SECONDS}S"}
        answer = self._api.post("unlock", body)
        complete = (answer.status, answer.document.get("complete"))
        self._report.check(complete == (200, True), f"the answer is {answer}, expected 200 and complete")
        self._report.say(f'POST /api/unlock with "expires_in": "PT{SECONDS}S": 200\n')
        shown = self._all_on()
        self._report.say(f"\n{shown}\n\nA push of {self._release.name}, refused before (405), is taken (201).")
        return datetime.fromisoformat(answer.document["act"]["expires_at"])

    def _all_on(self) -> str:
        seen = self._checks.shown((self._release,))[self._release.name]
        locked = [each.target for each in seen if each.switches != FREE]
        self._report.check(not locked, f"still locked while unlocked: {locked}")
        return aligned(TABLE_TITLES[:-1], [row(each, "")[:-1] for each in seen])

    def _still_on(self, until: datetime) -> None:
        seen = self._checks.shown((self._release,))[self._release.name]
        locked = [each.target for each in seen if each.switches != FREE]
        is_over = datetime.now(UTC) >= until  # on a slow machine, and the timer may have locked it by then
        self._report.check(not locked or is_over, f"locked before its time: {locked}")

    def _push(self, status: int) -> None:
        """Push the same image under its tag once more."""
        release = self._release
        answer = self._checks.client.put_manifest(release.repository, release.tag, release.manifest)
        self._report.check(answer.status == status, f"push of {release.name}: {answer}, expected {status}")

    def _wait(self, until: datetime) -> None:
        sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()))
        self._checks.cloud.run_function(TIMER)

    def _not_relocked(self) -> list[str]:
        found = [each["images"] for each in self._checks.cloud.published("Taglock.ImageRelocked")]
        return [] if found else [f"no event Taglock.ImageRelocked tells that {self._release.name} is locked again"]
