import os
import zipfile
from pathlib import Path

from tools.package.archive import MOMENT, write_archive


def laid(folder: Path, names: list[str]) -> Path:
    for number, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {name}")
        file.chmod(0o600 if number % 2 else 0o755)
        os.utime(file, (number * 86_400, number * 86_400))
    return folder


NAMES = ["b/c.py", "b.py", "b/a.py", "a.txt"]


def test_the_same_files_make_the_same_bytes_whatever_their_times_rights_and_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    write_archive(laid(tmp_path / "one", NAMES), first)
    write_archive(laid(tmp_path / "two", NAMES[::-1]), second)
    assert first.read_bytes() == second.read_bytes()


def test_other_content_makes_other_bytes(tmp_path: Path) -> None:
    folder = laid(tmp_path / "one", NAMES)
    write_archive(folder, tmp_path / "first.zip")
    (folder / "b.py").write_text("other")
    write_archive(folder, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() != (tmp_path / "second.zip").read_bytes()


def test_entries_are_sorted_regular_readable_and_whole(tmp_path: Path) -> None:
    folder = laid(tmp_path / "one", NAMES)
    names = write_archive(folder, tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.namelist() == list(names) == sorted(NAMES)
        assert {entry.date_time for entry in archive.infolist()} == {MOMENT}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert all(archive.read(name) == (folder / name).read_bytes() for name in names)
