"""Words that say nothing are not used in names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import CODE, python_files, tree_of

FORBIDDEN = frozenset(
    {
        *("manager", "managers", "helper", "helpers", "util", "utils"),
        *("data", "info", "infos", "process", "processes", "do"),
    }
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
ALLOWED = {
    "data": "the name of the field in Event Grid's and CloudEvents' own schemas, and of a file handed to a library",
    "data_version": "Event Grid's own field `dataVersion`",
    "text_data": "whether Event Grid's field `data` is delivered as text",
}
"""Whole names that are allowed, each with the reason; a longer name that contains the word is not."""

ALLOWED_PHRASES = {"data_plane": "Azure's own term for the API of a resource, as opposed to its control plane"}
ALLOWED_FILES = {
    Path("localcloud/functions/protos.py"): "Microsoft's worker library looks these names up; they are not ours",
}


def words_of(name: str) -> list[str]:
    for phrase in ALLOWED_PHRASES:
        name = re.sub(phrase, "", name, flags=re.IGNORECASE)
    return [word.lower() for word in WORD.findall(name)]


def defined_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each name that a file defines with its line: functions, classes, arguments, variables, fields, aliases."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.Import() | ast.ImportFrom():
                yield from ((node.lineno, alias.asname) for alias in node.names if alias.asname)


def forbidden_names(file: Path, tree: ast.AST) -> list[str]:
    named = [*defined_names(tree), *((1, part) for part in file.with_suffix("").parts)]
    return [
        f"{file}:{line}: {name}"
        for line, name in named
        if name not in ALLOWED and not FORBIDDEN.isdisjoint(words_of(name))
    ]


def test_no_name_uses_a_word_that_says_nothing() -> None:
    files = [file for file in python_files(*CODE) if file not in ALLOWED_FILES]
    found = [each for file in files for each in forbidden_names(file, tree_of(file))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("TokenManager", ["token", "manager"]),
        ("process_event", ["process", "event"]),
        ("HTTPData", ["http", "data"]),
        ("_do", ["do"]),
        ("domain", ["domain"]),
        ("information", ["information"]),
        ("add_data_plane_headers", ["add", "headers"]),
    ],
)
def test_names_are_split_into_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words


def test_each_kind_of_definition_is_seen() -> None:
    source = (
        "import json as a_data\n"
        "class BData: c_data: int = 0\n"
        "def d_data(e_data): self.f_data = 0\n"
        "async def g_data(*, h_data): i_data = 1"
    )
    found = {name.partition(": ")[2] for name in forbidden_names(Path("x.py"), ast.parse(source))}
    assert found == {"a_data", "BData", "c_data", "d_data", "e_data", "f_data", "g_data", "h_data", "i_data"}
