"""What documents show of the HTTP functions is what the app takes and answers."""

import argparse
import re

import msgspec
import pytest

from taglock.__main__ import COMMANDS
from taglock.domain.acts.answer import ManyRetired
from taglock.domain.http.answers import ActBody, ActsBody
from taglock.domain.http.operations import OPERATIONS
from taglock.domain.http.problem import TITLES
from taglock.domain.ledger import FindingKind
from taglock.errors import InvalidRequest, Refusal
from tests.architecture.sources import ROOT
from tests.documents.pages import page
from tests.http.documented import Shown, answers, commands_of, of_page, of_rest_client, operation_of, read_body

REQUESTS = "docs/requests.http"
PAGES = ("docs/quarantine.md", "docs/runbook.md")
SHOWN = (*of_rest_client(REQUESTS), *(each for file in PAGES for each in of_page(file)))
ANSWERS = [(file, text) for file in PAGES for text in answers(file)]


def named(shown: Shown) -> str:
    return f"{shown.where}: {shown.method} {shown.path}"


@pytest.mark.parametrize("shown", SHOWN, ids=named)
def test_every_request_that_is_shown_is_one_that_the_app_takes(shown: Shown) -> None:
    operation = operation_of(shown)
    assert operation is not None
    if shown.body is not None:
        read_body(operation, shown.body)
    else:
        assert operation.body is None or not operation.body_required


def test_there_is_a_request_to_copy_for_every_operation() -> None:
    assert {operation_of(each) for each in of_rest_client(REQUESTS)} == set(OPERATIONS)


def test_the_page_about_acts_shows_a_call_of_each() -> None:
    shown = {operation.name for each in of_page(PAGES[0]) if (operation := operation_of(each)) is not None}
    assert {operation.name for operation in OPERATIONS[:11]} <= shown


def test_a_request_that_the_app_would_refuse_is_found() -> None:
    wrong = '{"image": "contoso.azurecr.io/prod/api:1", "reason": "x", "previw": true}'
    with pytest.raises(InvalidRequest, match="did you mean preview"):
        read_body(OPERATIONS[0], wrong)


@pytest.mark.parametrize(("file", "text"), ANSWERS, ids=[file for file, _ in ANSWERS])
def test_every_answer_that_is_shown_has_the_members_that_the_app_answers(file: str, text: bytes) -> None:
    members = set(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
    if "type" in members:
        assert msgspec.json.decode(text)["type"].rpartition(":")[2] in {*TITLES, *Refusal}
        return
    kind = ActBody if "act" in members else ManyRetired if "plan" in members else ActsBody
    msgspec.json.decode(text, type=kind)


def test_every_kind_of_finding_has_an_entry_in_the_runbook() -> None:
    entries = set(re.findall(r"^### ([A-Z_]+)$", page("docs/runbook.md"), re.MULTILINE))
    assert entries == {str(kind) for kind in FindingKind}


def test_every_type_of_problem_is_explained() -> None:
    explained = set(re.findall(r"`([a-z-]+)`", page("docs/http.md")))
    assert {*TITLES, *(str(each) for each in Refusal)} <= explained


@pytest.mark.parametrize("arguments", [each for file in PAGES for each in commands_of(file)], ids=" ".join)
def test_every_command_that_is_shown_has_the_options_that_it_takes(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for command in COMMANDS:
        command.add_to(subparsers)
    if "--help" not in arguments and len(arguments) > 1:
        parser.parse_args(arguments)


def test_az_updates_name_a_tag_a_digest_or_a_whole_repository() -> None:
    lines = [line for file in PAGES for line in page(file).splitlines() if "az acr repository update" in line]
    images = [found[1] for line in lines if (found := re.search(r"--image (\S+)", line)) is not None]
    assert len(images) > 5
    assert all(re.fullmatch(r'"?[\w/-]+(:|@)\S+', each) for each in images)  # without either the repository is locked
    assert (ROOT / REQUESTS).is_file()
