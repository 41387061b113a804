"""The documents say what the code does: settings, links, words, commands."""

import ast
import json
import re
import unicodedata
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, project_files, python_files, tree_of

SETTINGS = Path("taglock/settings.py")
SETTING = re.compile(r"TAGLOCK_[A-Z0-9_]+")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TERM = re.compile(r"^\*\*([^*]+)\*\*", re.MULTILINE)
SHOWN_TO_OPERATORS = {"Action", "Attribute", "FindingKind", "Mode", "Scope", "Severity", "TargetKind", "Trigger"}
"""The enumerations of the domain whose values appear in rules, findings, events or tables."""

DOCUMENTS = tuple(each for each in project_files() if each.suffix == ".md")


def text_of(file: Path | str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def string_literals(file: Path) -> list[str]:
    return [
        node.value for node in ast.walk(tree_of(file)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def settings_in_code() -> set[str]:
    return {literal for literal in string_literals(SETTINGS) if SETTING.fullmatch(literal)}


def of_commands() -> set[str]:
    """What the commands that call the app read from the environment."""
    return {
        literal for literal in string_literals(Path("taglock/domain/http/own_api.py")) if SETTING.fullmatch(literal)
    }


def headings(text: str) -> list[str]:
    return HEADING.findall(FENCE.sub("", text))


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    kept = (letter for letter in heading.lower() if letter in "-_ " or unicodedata.category(letter)[0] in "LN")
    return "".join(kept).strip().replace(" ", "-")


def broken_links(document: Path) -> list[str]:
    targets = LINK.findall(FENCE.sub("", text_of(document)))
    internal = (target for target in targets if not re.match(r"[a-z]+:", target))
    return [f"{document}: {target}" for target in internal if not resolves(document, target)]


def resolves(document: Path, target: str) -> bool:
    path, _, fragment = target.partition("#")
    found = (ROOT / document).parent / path if path else ROOT / document
    if not found.exists():
        return False
    return not fragment or fragment in {anchor(each) for each in headings(found.read_text(encoding="utf-8"))}


def test_every_setting_has_a_heading_in_the_settings_document_and_the_reverse() -> None:
    documented = {name for heading in headings(text_of("docs/settings.md")) for name in SETTING.findall(heading)}
    assert documented == settings_in_code()


def test_every_setting_is_in_the_sample_settings_and_the_reverse() -> None:
    values = json.loads(text_of("local.settings.sample.json"))["Values"]
    assert {name for name in values if SETTING.fullmatch(name)} == settings_in_code()


def test_no_other_module_names_a_setting_that_does_not_exist() -> None:
    named = {
        literal: file
        for file in python_files("function_app.py", "handlers/", "taglock/", "localcloud/", "demo/")
        for literal in string_literals(file)
        if SETTING.fullmatch(literal)
    }
    unknown = {f"{file}: {name}" for name, file in named.items() if name not in settings_in_code() | of_commands()}
    assert not unknown


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_internal_link_leads_somewhere(document: Path) -> None:
    assert not broken_links(document)


def test_every_decision_is_listed() -> None:
    listed = set(LINK.findall(text_of("docs/decisions/README.md")))
    decisions = {each.name for each in DOCUMENTS if each.parent == Path("docs/decisions")} - {"README.md"}
    assert decisions <= listed


def test_a_link_to_a_missing_file_or_heading_is_found() -> None:
    assert resolves(Path("README.md"), "docs/glossary.md#words")
    assert not resolves(Path("README.md"), "docs/glossary.md#no-such-heading")
    assert not resolves(Path("README.md"), "docs/no-such-file.md")


def test_the_glossary_explains_each_term_once_in_alphabetical_order() -> None:
    terms = TERM.findall(text_of("docs/glossary.md"))
    assert len(terms) > 40
    assert terms == sorted(set(terms), key=str.lower)


def test_the_glossary_has_every_value_that_operators_read() -> None:
    text = text_of("docs/glossary.md").lower().replace("_", " ")
    missing = {
        f"{file}: {value}"
        for file in python_files("taglock/domain/")
        for value in enumeration_values(file)
        if re.search(rf"(?<![a-z]){re.escape(value.lower().replace('_', ' '))}(?![a-z])", text) is None
    }
    assert not missing


def enumeration_values(file: Path) -> list[str]:
    """Return the values of the enumerations of a file that operators read."""
    return [
        statement.value.value
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.ClassDef) and node.name in SHOWN_TO_OPERATORS
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    ]


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    named = {name for document in DOCUMENTS for name in re.findall(r"`make ([a-z]+)`", text_of(document))}
    assert named <= targets
    assert {"demo", "test", "run", "bench", "check", "quick", "pins", "help"} <= targets
