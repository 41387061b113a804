"""CONTRIBUTING.md points to files that exist, and its picture is how the code is laid out."""

import re
from collections import defaultdict

from tests.architecture.sources import imports_of, is_within, module_name, python_files
from tests.documents.pages import ROOT, blocks, page

TEXT = page("CONTRIBUTING.md")
NODES = {
    "function_app": "function_app",
    "handlers": "handlers",
    "cli": "taglock.cli",
    "services": "taglock.services",
    "reporting": "taglock.reporting",
    "enforcement": "taglock.enforcement",
    "ports": "taglock.ports",
    "adapters": "taglock.adapters",
    "domain": "taglock.domain",
}
"""What stands for which modules in the picture."""


def test_every_file_and_folder_that_it_names_exists() -> None:
    named = set(re.findall(r"`([\w./-]+(?:\.(?:py|md|json|toml)|/))`", TEXT))
    named -= {"bench/results.json"}  # made by `make bench`
    assert len(named) > 15
    assert not {name for name in named if not (ROOT / name).exists()}


def drawn() -> set[tuple[str, str]]:
    (picture,) = [block.text for block in blocks(TEXT) if block.language == "mermaid"]
    return {
        (first, second) for first, second in re.findall(r'^ +(\w+)(?:\["[^"]*"\])? --> (\w+)', picture, re.MULTILINE)
    }


def node_of(module: str) -> str | None:
    return next((node for node, package in NODES.items() if is_within(module, package)), None)


def imported() -> set[tuple[str, str]]:
    found = {
        (node_of(module_name(file)), node_of(each.name))
        for file in python_files("function_app.py", "handlers/", "taglock/")
        for each in imports_of(file)
    }
    return {(first, second) for first, second in found if first and second and first != second}


def reached(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return every pair that is connected over one or more edges."""
    after = defaultdict(set)
    for first, second in edges:
        after[first].add(second)
    pairs = set()
    for start in list(after):
        waiting = list(after[start])
        while waiting:
            node = waiting.pop()
            if (start, node) not in pairs:
                pairs.add((start, node))
                waiting += after[node]
    return pairs


def test_the_picture_shows_imports_that_there_are_and_no_import_goes_elsewhere() -> None:
    assert {node for edge in drawn() for node in edge} == set(NODES)
    assert drawn() <= imported()
    assert imported() <= reached(drawn())


def test_nothing_points_upwards() -> None:
    assert not {pair for pair in reached(drawn()) if (pair[1], pair[0]) in reached(drawn())}
