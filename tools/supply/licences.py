"""`python -m tools.supply.licences`: fail by name for each package whose licence is not allowed."""

import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from tools.pins import DEVELOPMENT, Pin, read_pins
from tools.supply.licence import Policy, read_policy


def main() -> int:
    """Judge every pinned package, runtime and development, print what is wrong, and return the exit code."""
    pins = read_pins(DEVELOPMENT)
    problems = list(judged(pins, read_policy()))
    for problem in problems:
        print(f"licences: {problem}", file=sys.stderr)
    if not problems:
        print(f"licences: {len(pins)} packages, all allowed by tools/supply/allowed.toml")
    return 1 if problems else 0


def judged(pins: Sequence[Pin], policy: Policy) -> Iterator[str]:
    """Yield a sentence for each package that is not allowed, and for each decision that nothing needs any more."""
    for pin in pins:
        package = _installed(pin)
        if package is None:
            yield f"{pin.name} {pin.version} is not installed: expected it in this environment"
        elif (licence := policy.licence(package)) is None:
            yield f"{pin.name}: no licence that is understood, expected one of SPDX or a line in [mended]"
        elif not policy.allows(pin.name, licence):
            yield f"{pin.name}: {licence!r} is not allowed: expected {', '.join(sorted(policy.allowed))}"
    for name in sorted({*policy.mended, *policy.exceptions} - {pin.name for pin in pins}):
        yield f"{name}: allowed.toml decides on it, but it is not used any more"


def _installed(pin: Pin) -> Distribution | None:
    try:
        found = distribution(pin.name)
    except PackageNotFoundError:
        return None
    return found if found.version == pin.version else None


if __name__ == "__main__":
    sys.exit(main())
