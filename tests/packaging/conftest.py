"""The package as `make package` builds it, once; and unpacked elsewhere, as the platform has it."""

import zipfile
from pathlib import Path

import pytest

from tools.package.build import Package, build
from tools.pins import PROJECT


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(PROJECT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def unpacked(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wwwroot")
    with zipfile.ZipFile(package.archive) as archive:
        archive.extractall(folder)
    return folder
