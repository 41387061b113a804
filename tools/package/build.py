"""Build what is deployed: a folder for azd, and the same as a zip."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.package.archive import write_archive
from tools.package.compiled import compile_all
from tools.package.dependencies import Installed, installed
from tools.package.selection import IGNORE_FILE, selected

PACKAGES = Path(".python_packages/lib/site-packages")
"""Where the platform looks for packages that were not installed by a remote build:
https://learn.microsoft.com/azure/azure-functions/python-build-options#local-build
"""

_NOTHING_IGNORED = "# Everything here is deployed. Without this file azd would leave out __pycache__.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What was built: the folder, its zip, the names in it, and what of other people is in it."""

    folder: Path
    archive: Path
    names: tuple[str, ...]
    dependencies: Installed


def build(root: Path, target: Path) -> Package:
    """Build the package of a project below `target`: the folder `app` and `taglock.zip`.

    ToolFailed when something unexpected would be deployed, when a package has no file for Azure's machines, or when
    this is not the Python of `.python-version`.
    """
    python = (root / ".python-version").read_text(encoding="utf-8").strip()
    folder, archive = target / "app", target / "taglock.zip"
    files = selected(root)
    dependencies = installed(root / "requirements.txt", python=python, cache=target)
    shutil.rmtree(folder, ignore_errors=True)
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, folder / file)
    shutil.copytree(dependencies.folder, folder / PACKAGES)
    compile_all(folder, python=python)
    names = write_archive(folder, archive)
    (folder / IGNORE_FILE).write_text(_NOTHING_IGNORED, encoding="utf-8")
    return Package(folder=folder, archive=archive, names=names, dependencies=dependencies)
