"""Whoever begins at the README finds every document, and links to other sites name a whole, plain address."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.architecture.sources import project_files
from tests.documents.pages import FENCE, ROOT, page

LINK = re.compile(r"\]\(([^)\s]+)\)")
DOCUMENTS = [each for each in project_files() if each.suffix == ".md"]


def linked_from(document: Path) -> set[Path]:
    """Return the documents to which a document links."""
    targets = (target.partition("#")[0] for target in LINK.findall(FENCE.sub("", page(document.as_posix()))))
    found = {((ROOT / document).parent / target).resolve() for target in targets if target.endswith(".md")}
    return {each.relative_to(ROOT) for each in found if each.is_relative_to(ROOT) and each.is_file()}


def test_every_document_is_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [Path("README.md")]
    while waiting:
        document = waiting.pop()
        if document not in reached:
            reached.add(document)
            waiting += linked_from(document)
    assert not {each for each in DOCUMENTS if each.parts[0] == "docs"} - reached


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_to_other_sites_are_whole_addresses(document: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page(document.as_posix()))):
        if re.match(r"[a-z]+:", target):
            parts = urlsplit(target)
            assert (parts.scheme, "." in parts.netloc, parts.username) == ("https", True, None), target
            assert "localhost" not in parts.netloc, target


def test_what_others_do_is_said_with_a_source_and_a_date() -> None:
    text = page("docs/comparison.md")
    assert re.search(r"Looked up in \w+ 20\d\d", text)
    rows = [line for line in text.splitlines() if line.startswith("| ") and "](https://" in line]
    assert len(rows) >= 9
    for product in ("Harbor", "Amazon ECR", "Red Hat Quay", "GitLab"):
        assert product in text
    documented = next(line for line in rows if line.startswith("| where it is documented"))
    assert all(
        host in documented for host in ("goharbor.io", "docs.aws.amazon.com", "docs.redhat.com", "docs.gitlab.com")
    )
