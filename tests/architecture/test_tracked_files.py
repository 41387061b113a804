"""Nothing in the project speaks of the machine that it was written on."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, project_files

# Each pattern is put together from parts, or this file would be found by it.
TOP_FOLDERS = "|".join(("work", "farm", "home", "Users"))
MACHINE_PATH = re.compile(rf"/(?:{TOP_FOLDERS})/(?!site/)[a-z][\w.-]*/|/root/" + "[.]")
"""`site` is left out: the Functions host keeps the app below /home/site."""

INDEX_OPTION = re.compile(r"--(?:extra-)?index-" + r"url|--find-" + r"links|--trusted-" + "host")
RESOLVED_URL = re.compile('"res' + 'olved":')
MAXIMUM_BYTES = 1_000_000


def found_in(name: str, text: str) -> list[str]:
    """Return each line of a file that names a path of a machine or a package index."""
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for number, line in enumerate(text.splitlines(), 1)
        if any(pattern.search(line) for pattern in (MACHINE_PATH, INDEX_OPTION, RESOLVED_URL))
    ]


def text_of(file: Path) -> str:
    """Return a file's text, '' when it is binary."""
    try:
        return (ROOT / file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_file_names_a_path_of_a_machine_or_a_package_index() -> None:
    found = [line for file in project_files() for line in found_in(str(file), text_of(file))]
    assert not found, "\n".join(found)


def test_no_file_is_larger_than_a_megabyte() -> None:
    sizes = {file: (ROOT / file).stat().st_size for file in project_files()}
    assert not {str(file): size for file, size in sizes.items() if size > MAXIMUM_BYTES}


DEPLOYED = {"function_app.py", "handlers", "host.json", "lock_rules.toml", "requirements.txt", "taglock"}


def test_only_the_app_is_deployed() -> None:
    patterns = [line for line in text_of(Path(".funcignore")).split("\n") if line and not line.startswith("#")]
    names = {file.parts[0] for file in project_files()}
    kept = {name for name in names if not any(fnmatch(name, pattern) for pattern in patterns)}
    assert kept <= DEPLOYED


@pytest.mark.parametrize(
    "line",
    ["/ho" + "me/someone/project", "/wo" + "rk/main/x", "/ro" + "ot/.cache", "--index-" + "url https://example.com"],
)
def test_such_a_line_is_found(line: str) -> None:
    assert found_in("x.txt", line)
