"""The packages that are deployed with the app: pip takes the pinned files for Azure's machines, checked by hash."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tools.errors import ToolFailed

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64")
"""What runs on Flex Consumption (x86_64, a glibc newer than these), whatever machine builds the package."""

_SCRIPTS = "bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A folder of importable packages, and by normalised name the SHA-256 of the file that each was installed from."""

    folder: Path
    hashes: Mapping[str, str]


def installed(requirements: Path, *, python: str, cache: Path) -> Installed:
    """Install the requirements below the cache unless they are there; `python` is a version such as 3.13."""
    recipe = "\n".join((requirements.read_text(encoding="utf-8"), python, *PLATFORMS))
    place = cache / f"packages-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if not place.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".installing-") as folder:
            half = Path(folder) / "whole"
            _install(requirements, python, half)
            half.rename(place)
    report = json.loads((place / "report.json").read_text(encoding="utf-8"))
    return Installed(folder=place / "site-packages", hashes=_hashes(report))


def _install(requirements: Path, python: str, place: Path) -> None:
    target, report = place / "site-packages", place / "report.json"
    place.mkdir()
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
            *("--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"),
            *(option for platform in PLATFORMS for option in ("--platform", platform)),
            *("--implementation", "cp", "--python-version", python),
            *("--target", str(target), "--report", str(report), "--requirement", str(requirements)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise ToolFailed(f"pip could not install {requirements.name!r} for Azure: {ran.stderr.strip()[-2000:]}")
    _forget_scripts(target)


def _forget_scripts(target: Path) -> None:
    """Remove the command-line scripts: nobody calls them, and they name the interpreter of the building machine."""
    shutil.rmtree(target / _SCRIPTS, ignore_errors=True)
    for record in target.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.lstrip("./").startswith(f"{_SCRIPTS}/")]
        record.write_text("".join(kept), encoding="utf-8")


def _hashes(report: Mapping[str, Any]) -> Mapping[str, str]:
    """Read pip's report: https://pip.pypa.io/en/stable/reference/installation-report/."""
    return {
        canonicalize_name(each["metadata"]["name"]): each["download_info"]["archive_info"]["hashes"]["sha256"]
        for each in report["install"]
    }
