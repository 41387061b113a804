import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.errors import ToolFailed
from tools.package.compiled import ON_AZURE, compile_all

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def imported(folder: Path, name: str) -> str:
    program = f"import {name} as m; print(m.value, m.__cached__)"
    return subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def test_a_compiled_file_is_believed_whatever_the_time_of_its_source(tmp_path: Path) -> None:
    source = tmp_path / "one.py"
    source.write_text("value = 'compiled'")
    compile_all(tmp_path, python=RUNNING)
    source.write_text("value = 'source'")  # only to see which of the two is loaded
    os.utime(source, (1, 1))
    assert imported(tmp_path, "one").startswith("compiled ")


def test_compiled_files_are_the_same_in_every_folder(tmp_path: Path) -> None:
    found = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "one.py").write_text("words = {'b', 'a', 'c'}\nprint(x in {'d', 'e', 'f'}) if False else None\n")
        compile_all(folder, python=RUNNING)
        (cached,) = folder.rglob("*.pyc")
        found.append(cached.read_bytes())
    assert found[0] == found[1]
    assert f"{ON_AZURE}/one.py".encode() in found[0]
    assert str(tmp_path).encode() not in found[0]


def test_a_file_that_cannot_be_compiled_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def :")
    with pytest.raises(ToolFailed, match=r"broken\.py"):
        compile_all(tmp_path, python=RUNNING)


def test_another_python_than_that_of_azure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"expected 3\.1, with which the app runs"):
        compile_all(tmp_path, python="3.1")
