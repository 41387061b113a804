"""Run the demonstration: `python -m demo`; exit code 0 only when every check held."""

import os
import signal
import sys
import tempfile
from pathlib import Path
from time import monotonic, time

from demo.client import UnexpectedAnswer
from demo.cloud import CloudFailed, running
from demo.report import CheckFailed, Report
from demo.steps import Demonstration

RULES = Path(__file__).parent / "lock_rules.toml"


def main() -> int:
    """Run every step, say how it went, and return the exit code."""
    report, began = Report(), monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):  # leave through the same door, or the local cloud would stay behind
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    print("taglock demo: push real images to a local registry and see releases become immutable")
    try:
        demonstrate(report)
    except (CheckFailed, CloudFailed, UnexpectedAnswer, OSError) as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; everything that was started has ended", file=sys.stderr)
        return 130
    print(f"\nAll {report.checks} checks held. {durations(monotonic() - began)}")
    return 0


def demonstrate(report: Report) -> None:
    """Take every step in a cloud of its own, which ends with it."""
    with tempfile.TemporaryDirectory(prefix="taglock-demo-") as folder:
        report.step("Start the local cloud with the app in it")
        with running(Path(folder), rules=RULES) as cloud:
            report.say(cloud.described())
            Demonstration(cloud, report).run()


def durations(own_seconds: float) -> str:
    """Return how long it took; `make demo` says when it began, so that installation counts too."""
    text = f"The demo took {own_seconds:.1f} s"
    started = os.environ.get("DEMO_STARTED", "")
    if started.isdecimal():
        text += f", with installation {max(time() - int(started), own_seconds):.0f} s"
    return f"{text}."


if __name__ == "__main__":
    sys.exit(main())
