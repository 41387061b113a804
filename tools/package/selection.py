"""Which files of the project are deployed: all that .funcignore does not name, and nothing unexpected among them."""

import os
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from tools.errors import ToolFailed

IGNORE_FILE = ".funcignore"
EXPECTED = frozenset({"function_app.py", "handlers", "host.json", "requirements.txt", "taglock"})
RULES_SUFFIX = ".toml"
"""Rules may have any name in the root: the setting TAGLOCK_RULES says which file it is."""


def selected(root: Path) -> tuple[Path, ...]:
    """Return the deployed files, relative to the root and sorted.

    Patterns have the meaning that they have for git and azd (https://github.com/Azure/azure-dev/pull/5383). What is
    left and yet is no part of the app is refused: a key or a dump that lies around must not be deployed by accident.
    """
    spec = GitIgnoreSpec.from_lines((root / IGNORE_FILE).read_text(encoding="utf-8").splitlines())
    files = sorted(_kept(root, spec))
    strangers = sorted({file.parts[0] for file in files if not _is_expected(file)})
    if strangers:
        raise ToolFailed(
            f"{', '.join(map(repr, strangers))} would be deployed: expected only {', '.join(sorted(EXPECTED))} "
            f"and rule files; name what is not deployed in {IGNORE_FILE}"
        )
    return tuple(files)


def _kept(root: Path, spec: GitIgnoreSpec) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if not spec.match_file(f"{(here / name).as_posix()}/")]
        for file in (here / name for name in names):
            if not spec.match_file(file.as_posix()):
                yield _regular(root, file)


def _regular(root: Path, file: Path) -> Path:
    if (root / file).is_symlink():
        raise ToolFailed(f"{file.as_posix()!r} is a link: expected a file, since a zip holds no links")
    return file


def _is_expected(file: Path) -> bool:
    return file.parts[0] in EXPECTED or (len(file.parts) == 1 and file.suffix == RULES_SUFFIX)
