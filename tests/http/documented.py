"""The requests and answers that documents show, read as a person would copy them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from taglock.domain.acts.act import FUNCTION_KEY
from taglock.domain.http import bodies
from taglock.domain.http.bodies import Reader, decode
from taglock.domain.http.operations import OPERATIONS, Operation
from taglock.domain.reference import LoginServer
from tests.architecture.sources import ROOT

REGISTRIES = frozenset({LoginServer("contoso.azurecr.io")})
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACT = "00000000-0000-0000-0000-000000000000"
CURL = re.compile(r'curl [^\n]*?"\$APP/api/([^"\s]+)"((?:(?!\ncurl|```).)*)', re.DOTALL)
DATA = re.compile(r"-d '([^']*)'")
POWERSHELL = re.compile(r"""Invoke-RestMethod -Method (\w+) -Uri "\$App/api/([^"\s]+)"(?:[^\n]*?-Body '([^']*)')?""")
CONTINUED = "`\n"
FENCED = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One request that a document shows."""

    where: str
    method: str
    path: str
    body: str | None


def of_rest_client(file: str) -> Iterator[Shown]:
    """Yield the requests of a file for REST clients: parted by ###, the body behind an empty line."""
    for part in (ROOT / file).read_text().split("###")[1:]:
        _, _, request = part.partition("\n")
        head, _, body = request.strip().partition("\n\n")
        method, _, url = head.partition("\n")[0].partition(" ")
        path = url.removeprefix("{{app}}/api/").partition("?")[0]
        yield Shown(where=file, method=method, path=path, body=body.strip() or None)


def of_page(file: str) -> Iterator[Shown]:
    """Yield the requests of a page's shell and PowerShell lines."""
    for language, text in FENCED.findall((ROOT / file).read_text()):
        if language == "sh":
            for path, rest in CURL.findall(text):
                data = DATA.search(rest)
                method = "GET" if data is None else "POST"
                yield Shown(where=file, method=method, path=path.partition("?")[0], body=data[1] if data else None)
        if language == "powershell":
            for method, path, body in POWERSHELL.findall(text.replace(CONTINUED, "")):
                yield Shown(where=file, method=method.upper(), path=path.partition("?")[0], body=body or None)


def commands_of(file: str) -> list[list[str]]:
    """Return the arguments of each `python -m taglock` that a page shows, in its blocks and within its text."""
    text = (ROOT / file).read_text()
    shown = [line for _, block in FENCED.findall(text) for line in block.splitlines()]
    shown += re.findall(r"`([^`]+)`", FENCED.sub("", text))
    found = [shlex.split(each.partition("   #")[0])[3:] for each in shown if "python -m taglock " in each]
    return [each for each in found if each]


def answers(file: str) -> list[bytes]:
    """Return the JSON blocks of a page: what the app answers."""
    return [text.encode() for language, text in FENCED.findall((ROOT / file).read_text()) if language == "json"]


def operation_of(shown: Shown) -> Operation | None:
    """Return the operation that a request calls, None when there is none."""
    return next((each for each in OPERATIONS if each.method == shown.method and _fits(each, shown.path)), None)


def _fits(operation: Operation, path: str) -> bool:
    template = re.escape(operation.path).replace(r"\{id\}", r"(\{\{act\}\}|\$ID)")
    return re.fullmatch(template.replace(r"\{registry\}", "[a-z.]+"), path) is not None


def read_body(operation: Operation, body: str) -> object:
    """Read a body as the app does, into what is asked for; raise InvalidRequest for one that it would refuse."""
    assert operation.body is not None
    found = decode(operation.body, body.encode())
    reader = Reader(by=FUNCTION_KEY, now=NOW, registries=REGISTRIES)
    match found:
        case bodies.QuarantineBody():
            return reader.quarantine(found)
        case bodies.UnlockBody():
            return reader.unlock(found)
        case bodies.HoldBody():
            return reader.hold(found)
        case bodies.RetireBody():
            return reader.retire(found)
        case bodies.RetireManyBody():
            return reader.retire_many(found)
        case bodies.AcceptBody():
            return reader.accept(found)
        case bodies.EndBody():
            return reader.end(found, ACT)
        case _:
            return found
