"""What the doctor says: checks, each with what was found and what to do, and the worst of them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec


class CheckState(StrEnum):
    """How a check went; from harmless to grave."""

    OK = "ok"
    UNKNOWN = "unknown"  # the check could not be made: never taken for ok
    WARN = "warn"
    FAIL = "fail"


GRAVITY = (CheckState.OK, CheckState.UNKNOWN, CheckState.WARN, CheckState.FAIL)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check: what was found, and what to do about it."""

    name: str
    state: CheckState
    found: str
    advice: str = ""
    source: str = ""
    """Where it was read."""
    subject: str = ""
    """The registry that it is about; '' when it is about the app."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a check asks and where the answer is read; its methods build the checks that answer it."""

    name: str
    source: str
    subject: str = ""

    def ok(self, found: str, advice: str = "") -> Check:
        """Build the check of something that is as it should be."""
        return self._answered(CheckState.OK, found, advice)

    def unknown(self, reason: str, advice: str = "") -> Check:
        """Build the check that could not be made."""
        return self._answered(CheckState.UNKNOWN, reason, advice)

    def warn(self, found: str, advice: str) -> Check:
        """Build the check of something that may defeat locks, or soon will."""
        return self._answered(CheckState.WARN, found, advice)

    def fail(self, found: str, advice: str) -> Check:
        """Build the check of something that does not work."""
        return self._answered(CheckState.FAIL, found, advice)

    def _answered(self, state: CheckState, found: str, advice: str) -> Check:
        return Check(name=self.name, state=state, found=found, advice=advice, source=self.source, subject=self.subject)


class DoctorReport(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of one examination."""

    checks: tuple[Check, ...]

    @property
    def state(self) -> CheckState:
        """The worst of the checks, ok for none."""
        return max((each.state for each in self.checks), key=GRAVITY.index, default=CheckState.OK)


def in_order(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return checks as they are shown: the app first, then registry by registry, each as it was asked."""
    return tuple(sorted(checks, key=lambda check: check.subject))


def report_json(report: DoctorReport) -> dict[str, Any]:
    """Return a report as JSON values: the worst state, and every check with its six members."""
    return {"state": report.state.value, "checks": [msgspec.to_builtins(each) for each in report.checks]}
