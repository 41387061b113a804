"""The types of outbound events: those in the code, and what docs/events.md says of each."""

import ast
import re
from functools import cache

from tests.architecture.sources import python_files, tree_of
from tests.documents.pages import page, sections, tables

EVENT_TYPE = re.compile(r"Taglock\.(?!Read$|Operate$|BreakGlass$)[A-Z][A-Za-z]+")  # but for the roles of callers
INBOUND = {"Taglock.ImageDeployed"}
ANNOUNCED = {
    "Taglock.ImageUnlocked",
    "Taglock.ImageRelocked",
    "Taglock.ImageRetired",
    "Taglock.TagAccepted",
}
"""What acts of people publish. A type leaves this set when docs/events.md has its members."""


@cache
def types_in_code() -> frozenset[str]:
    """Return every outbound type that the code names."""
    return (
        frozenset(
            node.value
            for file in python_files("taglock/")
            for node in ast.walk(tree_of(file))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and EVENT_TYPE.fullmatch(node.value)
        )
        - INBOUND
    )


@cache
def members_in_document() -> dict[str, dict[str, str]]:
    """Return the members of each type of docs/events.md, and when each is there."""
    found = {}
    for title, body in sections(page("docs/events.md"), 2).items():
        (rows,) = tables(body)
        found[title] = {row["member"].strip("`"): row["when"] for row in rows}
    return found
