"""The package as `make package` builds it, once; and unpacked elsewhere, as the platform has it."""

import platform
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.clean_python import clean_python
from tools.package.build import Package, build
from tools.package.selection import IGNORE_FILE, selected
from tools.pins import PROJECT

BUILT_FOR_THIS_MACHINE = (sys.platform, platform.machine()) == ("linux", "x86_64")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in another folder, as it is now: somebody may be working on it."""
    root = tmp_path_factory.mktemp("a project")
    for file in (*selected(PROJECT), Path(IGNORE_FILE), Path(".python-version")):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / file, root / file)
    with (root / IGNORE_FILE).open("a") as ignored:
        ignored.write("/dist*\n")
    return root


@pytest.fixture(scope="session")
def package(project: Path) -> Package:
    return build(project, project / "dist")


@pytest.fixture(scope="session")
def unpacked(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wwwroot")
    with zipfile.ZipFile(package.archive) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with Microsoft's worker and without the packages of the app."""
    if not BUILT_FOR_THIS_MACHINE:
        pytest.skip("the packages in the zip are for Linux on x86_64")
    return clean_python(tmp_path_factory.mktemp("clean"))
