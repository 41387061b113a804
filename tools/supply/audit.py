"""`python -m tools.supply.audit`: ask OSV for known vulnerabilities of every package, runtime and development.

Where OSV cannot be reached the audit is skipped, and says why; that is no failure of the packages. Findings are one.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tools.pins import DEVELOPMENT

OSV = "https://api.osv.dev/v1/query"
"""https://google.github.io/osv.dev/post-v1-query/, which pip-audit asks with `--vulnerability-service osv`."""

_ANYTHING = b'{"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "26.0"}'
_SECONDS = 15


def main() -> int:
    """Audit, print what pip-audit found or why nothing was asked, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.supply.audit", description="Look for vulnerable packages.")
    parser.add_argument("--osv", default=OSV, help=f"where to ask (default {OSV})")
    parser.add_argument("--requirements", type=Path, default=DEVELOPMENT, help="a compiled file with hashes")
    arguments = parser.parse_args()
    reason = unreachable(arguments.osv)
    if reason is not None:
        print(f"audit-packages: skipped, because {arguments.osv} could not be asked: {reason}")
        return 0
    return audited(arguments.requirements, osv=arguments.osv)


def unreachable(osv: str) -> str | None:
    """Return why a service cannot be asked, None when it answers."""
    try:
        with urlopen(Request(osv, data=_ANYTHING, headers={"Content-Type": "application/json"}), timeout=_SECONDS):
            return None
    except HTTPError as error:
        return f"it answered {error.code}"
    except (URLError, OSError) as error:
        return str(error)


def audited(requirements: Path, *, osv: str) -> int:
    """Have pip-audit ask for every package of a file; without pip, since the file names every package and version."""
    command = (sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off")
    return subprocess.run(
        [*command, "--vulnerability-service", "osv", "--osv-url", osv, "--requirement", str(requirements)], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
