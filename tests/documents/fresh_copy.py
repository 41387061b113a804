"""A copy of the project as a clone would be: its tracked files, and an environment that is installed already."""

import os
import shutil
import sys
from pathlib import Path

from tests.architecture.sources import ROOT, project_files


def fresh_copy(folder: Path) -> Path:
    """Copy the project below a folder and return where it is; the copy changes nothing of the original."""
    copy = folder / "taglock"
    for file in project_files():
        target = copy / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target)
    _environment(copy / ".venv")
    return copy


def _environment(folder: Path) -> None:
    """Stand in for `pip install`: the packages that run this test, and the mark by which make knows of them."""
    (folder / "bin").mkdir(parents=True)
    installed = Path(sys.prefix)
    for name in ("lib", "pyvenv.cfg"):
        (folder / name).symlink_to(installed / name)
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(Path(sys.executable).resolve())
    (folder / "bin/activate").write_text('PATH="$PWD/.venv/bin:$PATH"\n')
    (folder / "installed").touch()


def plain_environment() -> dict[str, str]:
    """Return the environment of a newcomer: no settings of the app, of Azure or of this test run."""
    foreign = ("taglock_", "azure", "identity_", "msi_", "website_", "ssl_cert", "requests_ca", "pytest", "make", "mfl")
    kept = {name: value for name, value in os.environ.items() if not name.lower().startswith(foreign)}
    return {**kept, "PYTHONUNBUFFERED": "1"}
