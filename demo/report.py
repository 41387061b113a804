"""What the demonstration says, and the checks it counts."""

from collections.abc import Callable
from time import monotonic, sleep


class CheckFailed(Exception):
    """Something is not as the demonstration says it is."""


class Report:
    """Numbered steps on standard output, and a count of the checks that held."""

    def __init__(self) -> None:
        self.checks = 0
        self._steps = 0

    def step(self, title: str) -> None:
        """Begin the next step."""
        self._steps += 1
        print(f"\n{self._steps}. {title}\n", flush=True)

    def say(self, text: str) -> None:
        """Print lines of the present step."""
        print("\n".join(f"   {line}".rstrip() for line in text.splitlines()), flush=True)

    def check(self, holds: bool, otherwise: str) -> None:
        """Count a check that holds, raise CheckFailed for one that does not."""
        if not holds:
            raise CheckFailed(otherwise)
        self.checks += 1

    def check_until(self, seconds: float, problems: Callable[[], list[str]], *, pause_seconds: float = 0.2) -> None:
        """Ask until there are no problems; CheckFailed with the first of them when the time is over."""
        deadline = monotonic() + seconds
        while found := problems():
            if monotonic() >= deadline:
                raise CheckFailed(
                    f"after {seconds:g} s: {found[0]}" + (f" (and {len(found) - 1} more)" * (len(found) > 1))
                )
            sleep(pause_seconds)
        self.checks += 1
