"""Pictures are text: Mermaid in a document, or SVG; no bitmap is tracked, and each Mermaid block is complete."""

import re

import pytest

from tests.architecture.sources import project_files
from tests.documents.pages import ROOT, blocks, page

BITMAPS = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".ico", ".pdf", ".drawio"}
KINDS = ("flowchart", "sequenceDiagram", "stateDiagram-v2")
PICTURES = [
    (each.as_posix(), block.text)
    for each in project_files()
    if each.suffix == ".md"
    for block in blocks(page(each.as_posix()))
    if block.language == "mermaid"
]


def test_no_picture_is_a_bitmap() -> None:
    assert not [each for each in project_files() if each.suffix.lower() in BITMAPS]


@pytest.mark.parametrize(("document", "picture"), PICTURES)
def test_a_picture_begins_with_its_kind_and_closes_what_it_opens(document: str, picture: str) -> None:
    assert picture.startswith(KINDS), document
    plain = re.sub(r'"[^"\n]*"', "", picture)
    assert plain.count('"') == 0
    for opening, closing in ("[]", "()", "{}"):
        assert plain.count(opening) == plain.count(closing), document
    if picture.startswith("flowchart"):
        words = [line.split()[0] for line in picture.splitlines() if line.strip()]
        assert words.count("subgraph") == words.count("end"), document


def test_every_embedded_picture_exists() -> None:
    embedded = [
        (each, target)
        for each in project_files()
        if each.suffix == ".md"
        for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", page(each.as_posix()))
    ]
    assert not [(each, target) for each, target in embedded if not ((ROOT / each).parent / target).is_file()]
