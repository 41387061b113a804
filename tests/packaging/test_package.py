"""What is in the package, and that nothing else has to be there for it to be imported."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tools.package.__main__ import listing
from tools.package.build import PACKAGES, Package, build
from tools.package.selection import selected
from tools.pins import PROJECT, RUNTIME, read_pins

pytestmark = pytest.mark.long

IMPORTS = """
import asyncio, importlib, importlib.machinery, json, pathlib, sys
before, app = set(sys.modules), pathlib.Path.cwd()
compiled = []
def compile_again(loader, content, path, **options):
    compiled.append(str(path))
    return original(loader, content, path, **options)
original = importlib.machinery.SourceFileLoader.source_to_code
importlib.machinery.SourceFileLoader.source_to_code = compile_again
import azure.functions
floor = sorted(set(sys.modules) - before)
import function_app
indexed = sorted(set(sys.modules) - before)
if sys.argv[1:] == ["everything"]:
    for file in sorted([*app.glob("handlers/*.py"), *app.glob("taglock/**/*.py")]):
        importlib.import_module(".".join(file.relative_to(app).with_suffix("").parts).removesuffix(".__init__"))
    import azure.identity, azure.data.tables, azure.eventgrid, azure.containerregistry, aiohttp, re2, jinja2
files = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
print(json.dumps({"floor": floor, "indexed": indexed, "files": files, "compiled": compiled}))
"""


def own(names: tuple[str, ...]) -> list[PurePosixPath]:
    return [path for path in map(PurePosixPath, names) if not path.is_relative_to(PACKAGES.as_posix())]


def test_the_same_project_makes_the_same_bytes(package: Package, project: Path, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(project, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("dist"))
    assert build(elsewhere, tmp_path / "dist").archive.read_bytes() == package.archive.read_bytes()


def test_the_zip_holds_the_selected_files_their_compiled_ones_and_packages(package: Package, project: Path) -> None:
    compiled = {path for path in own(package.names) if path.suffix == ".pyc"}
    rest = {str(path) for path in own(package.names)} - {str(path) for path in compiled}
    assert rest == {file.as_posix() for file in selected(project)}
    sources = {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in compiled}
    assert {str(path) for path in sources} == {name for name in rest if name.endswith(".py")}


def test_no_test_bench_tool_or_local_stand_in_is_in_it(package: Package) -> None:
    unwanted = {"tests", "bench", "demo", "localcloud", "tools", "docs", "infra", ".venv", "dist", "node_modules"}
    assert not {path.parts[0] for path in own(package.names)} & unwanted


def test_every_pinned_package_is_in_it_in_its_version_and_no_other(package: Package, project: Path) -> None:
    pins = read_pins(project / RUNTIME.name)
    assert set(package.dependencies.hashes) == {pin.name for pin in pins}
    assert all(package.dependencies.hashes[pin.name] in pin.hashes for pin in pins)
    versions = {each.name.partition(".dist-info")[0] for each in package.dependencies.folder.glob("*.dist-info")}
    assert {name.replace("_", "-").replace(".", "-").lower() for name in versions} == {
        f"{pin.name}-{pin.version}".replace(".", "-") for pin in pins
    }


def test_the_zip_fits_what_azure_takes_many_times_over(package: Package) -> None:
    assert package.archive.stat().st_size < 100_000_000


def test_nothing_in_it_names_the_machine_that_built_it(package: Package) -> None:
    here = (str(PROJECT).encode(), str(package.folder).encode())
    with zipfile.ZipFile(package.archive) as archive:
        found = [name for name in package.names for path in here if path in archive.read(name)]
    assert not found


def test_the_listing_shows_each_own_file_and_sums_of_the_packages(package: Package) -> None:
    lines = [line.split(maxsplit=1)[1] for line in listing(package)]
    assert {str(path) for path in own(package.names)} <= set(lines)
    assert any(line.startswith(f"{PACKAGES.as_posix()}/aiohttp (") for line in lines)


def imported(python: Path, unpacked: Path, *arguments: str) -> dict[str, object]:
    environment = {**os.environ, "PYTHONPATH": str(unpacked / PACKAGES), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [str(python), "-c", IMPORTS, *arguments],
        cwd=unpacked,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_everything_is_imported_from_the_package_and_nothing_is_compiled_again(python: Path, unpacked: Path) -> None:
    found = imported(python, unpacked, "everything")
    files = found["files"]
    assert isinstance(files, dict)
    standard = (sys.base_prefix, str(unpacked))
    assert not {name: file for name, file in files.items() if file and not file.startswith(standard)}
    assert {"taglock.services", "handlers.image_pushed", "msgspec", "re2"} <= set(files)
    assert found["compiled"] == []


def test_indexing_loads_the_app_alone_on_top_of_what_every_app_loads(python: Path, unpacked: Path) -> None:
    found = imported(python, unpacked)
    floor, indexed = found["floor"], found["indexed"]
    assert isinstance(floor, list)
    assert isinstance(indexed, list)
    more = {name.partition(".")[0] for name in set(indexed) - set(floor)}
    assert more == {"function_app"}
    assert found["compiled"] == []
