"""The project's own files and what their syntax trees say; shared by the architecture tests."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("function_app.py", "handlers/", "taglock/")
CODE = (*SHIPPED, "localcloud/", "demo/", "bench/", "tools/")


@cache
def project_files() -> tuple[Path, ...]:
    """Return every tracked file of the project, relative to its root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return tuple(Path(name) for name in sorted(listing.stdout.split("\0")) if name and (ROOT / name).is_file())


def python_files(*starts: str) -> tuple[Path, ...]:
    """Return the Python files whose path starts with one of these."""
    return tuple(each for each in project_files() if each.suffix == ".py" and each.as_posix().startswith(starts))


@cache
def tree_of(file: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse((ROOT / file).read_text(), filename=str(file))


def module_name(file: Path) -> str:
    """Return the dotted name under which a file is imported."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported name: where, of which module, and whether importing the file runs it."""

    file: Path
    line: int
    name: str
    eager: bool
    """False inside a function, and under `if TYPE_CHECKING`."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {module_name(self.file)} imports {self.name}"


def imports_of(file: Path) -> Iterator[Import]:
    """Yield every import of a file; `from a import b` is the name `a.b`."""
    yield from _imports(file, tree_of(file), eager=True)


def _imports(file: Path, node: ast.AST, *, eager: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for name in _imported_names(file, child):
                yield Import(file=file, line=child.lineno, name=name, eager=eager)
        yield from _imports(file, child, eager=eager and not _is_lazy(child))


def _imported_names(file: Path, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    package = module_name(file).split(".")[: -node.level] if node.level else []
    source = ".".join([*package, *([node.module] if node.module else [])])
    return [f"{source}.{alias.name}" for alias in node.names]


def _is_lazy(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def is_within(name: str, *modules: str) -> bool:
    """Tell whether a dotted name is one of these modules or lies below one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)
