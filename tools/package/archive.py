"""A zip of a folder that has the same bytes whenever and wherever the folder has the same files."""

import zipfile
from pathlib import Path

MOMENT = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a zip can hold."""

_UNIX = 3
_REGULAR_FILE = 0o100644
_LEVEL = 9


def write_archive(folder: Path, target: Path) -> tuple[str, ...]:
    """Write all files of a folder into a zip and return their names, sorted; owners, rights and times are not kept."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(_entry(name), (folder / name).read_bytes(), compresslevel=_LEVEL)
    return tuple(names)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, MOMENT)
    entry.create_system = _UNIX
    entry.external_attr = _REGULAR_FILE << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
