from collections.abc import Callable
from pathlib import Path

import pytest

from tools.errors import ToolFailed
from tools.package.selection import EXPECTED, selected
from tools.pins import PROJECT

type Laid = Callable[..., Path]


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    def lay(*names: str, ignored: str = "") -> Path:
        (tmp_path / ".funcignore").write_text(f".funcignore\n{ignored}")
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        return tmp_path

    return lay


def names(root: Path) -> list[str]:
    return [file.as_posix() for file in selected(root)]


def test_what_is_not_ignored_is_deployed_sorted(laid: Laid) -> None:
    root = laid("taglock/b.py", "taglock/a.py", "function_app.py", "docs/x.md", ignored="docs\n")
    assert names(root) == ["function_app.py", "taglock/a.py", "taglock/b.py"]


def test_patterns_mean_what_they_mean_for_git(laid: Laid) -> None:
    root = laid("taglock/x.log", "taglock/keep.log", "taglock/tests/y.py", ignored="*.log\n!keep.log\n/tests\n")
    assert names(root) == ["taglock/keep.log", "taglock/tests/y.py"]


@pytest.mark.parametrize("stranger", [".env", "key.pem", "notes/todo.txt", "lock_rules.yaml"])
def test_what_is_no_part_of_the_app_is_refused_by_name(laid: Laid, stranger: str) -> None:
    with pytest.raises(ToolFailed, match=repr(Path(stranger).parts[0])):
        selected(laid("function_app.py", stranger))


def test_rules_may_have_another_name(laid: Laid) -> None:
    assert names(laid("production.toml")) == ["production.toml"]


def test_a_link_is_refused(laid: Laid, tmp_path: Path) -> None:
    root = laid("function_app.py")
    (root / "taglock.py").symlink_to("/etc/hostname")
    with pytest.raises(ToolFailed, match=r"'taglock\.py' is a link"):
        selected(root)


def test_the_project_deploys_its_app_and_nothing_else() -> None:
    files = selected(PROJECT)
    assert {file.parts[0] for file in files} == EXPECTED | {"lock_rules.toml"}
    own = {".py", ".toml", ".json", ".txt", ".css", ".js", ".j2"}
    assert {file.suffix for file in files} <= own
