"""The acts from a terminal: the real commands in processes of their own, against the app in Microsoft's worker."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud.registry.principal import Principal
from taglock.domain.http.principal import Role
from tests.http.caller import AUDIENCE, Callers, Keyed
from tests.pushing.images import index, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = frozenset(Role)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def ran(environment: Mapping[str, str], *arguments: str) -> Ran:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "taglock", *arguments),
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await running.communicate()
    return Ran(code=running.returncode or 0, out=out.decode(), err=err.decode())


def with_key(keyed: Keyed, function: str) -> dict[str, str]:
    return {"TAGLOCK_API": keyed.endpoint, "TAGLOCK_API_KEY": keyed.functions.keys.functions[function]}


def signed_in(entra: Callers, client_id: str) -> dict[str, str]:
    """The environment of a person: a managed identity of the local tenant stands for their sign-in."""
    return {
        "TAGLOCK_API": entra.endpoint,
        "TAGLOCK_API_SCOPE": f"{AUDIENCE}/.default",
        "IDENTITY_ENDPOINT": entra.cloud.state.identity.endpoint,
        "IDENTITY_HEADER": entra.cloud.state.identity.header,
        "AZURE_CLIENT_ID": client_id,
    }


async def test_a_quarantine_with_a_key_is_previewed_begun_shown_and_listed(keyed: Keyed) -> None:
    children = [plain("terminal-amd64"), plain("terminal-arm64")]
    for child in children:
        keyed.push(None, child)
    root = index(*children, name="terminal")
    keyed.push("terminal", root)
    image, why = keyed.image(":terminal"), ("--reason", "CVE-2026-1")
    environment = with_key(keyed, "quarantine")
    preview = await ran(environment, "quarantine", image, *why, "--preview")
    assert (preview.code, preview.out.splitlines()[0].partition(": ")[2]) == (0, "preview, nothing was changed")
    assert children[0].digest in preview.out
    refused = await ran(environment, "quarantine", image, *why)
    assert refused.code == 1
    assert refused.err.startswith("409 ")
    assert root.digest in refused.err
    begun = await ran(environment, "quarantine", image, *why, "--acknowledge", root.digest, "--json")
    assert (begun.code, begun.json["complete"]) == (0, True), begun.err
    assert not keyed.cloud.registry.store.manifest("prod/api", children[1].digest).flags.read
    act = begun.json["act"]["id"]
    shown = await ran(with_key(keyed, "quarantine_shown"), "quarantine", "--show", act)
    assert (shown.code, shown.out.splitlines()[0]) == (0, f"quarantine {act}: open")
    assert "az acr" in shown.out
    listed = await ran(with_key(keyed, "quarantines"), "quarantine", "--list", "--phase", "open")
    assert act in listed.out
    lifted = await ran(with_key(keyed, "quarantine_lift"), "lift", act, "--reason", "false alarm")
    assert (lifted.code, lifted.out.splitlines()[0]) == (0, f"quarantine {act}: ended")
    assert keyed.cloud.registry.store.manifest("prod/api", root.digest).flags.read


async def test_two_persons_hold_and_end_a_hold_under_their_own_names(entra: Callers) -> None:
    entra.push("held", plain("held"))
    ada = entra.cloud.identity.add(Principal(name="ada"), app_roles=EVERYTHING)
    grace = entra.cloud.identity.add(Principal(name="grace"), app_roles=EVERYTHING)
    held = await ran(signed_in(entra, ada), "hold", entra.image(":held"), "--reason", "evidence", "--json")
    assert held.code == 0, held.err
    ended = await ran(
        signed_in(entra, grace), "hold", "--end", held.json["act"]["id"], "--reason", "case closed", "--json"
    )
    assert ended.code == 0, ended.err
    by, ended_by = ended.json["act"]["by"], ended.json["act"]["ended_by"]
    assert by["kind"] == ended_by["kind"] == "principal"
    assert by["id"] != ended_by["id"]


async def test_a_missing_role_is_named(entra: Callers) -> None:
    reader = entra.cloud.identity.add(Principal(name="reader"), app_roles=frozenset({Role.READ}))
    found = await ran(signed_in(entra, reader), "unlock", entra.image(":x"), "--reason", "a test")
    assert found.code == 1
    assert "Taglock.BreakGlass" in found.err


async def test_an_unlock_is_begun_and_ended(keyed: Keyed) -> None:
    keyed.push("unlocking", plain("unlocking"))
    image = keyed.image(":unlocking")
    held = await ran(with_key(keyed, "hold"), "hold", image, "--reason", "evidence", "--json")
    assert held.code == 0, held.err
    ended = await ran(with_key(keyed, "hold_end"), "hold", "--end", held.json["act"]["id"], "--reason", "over")
    assert ended.code == 0, ended.err
    begun = await ran(
        with_key(keyed, "unlock"), "unlock", image, "--reason", "rebuild", "--for", "2m", "--force", "--json"
    )
    assert begun.code == 0, begun.err
    end = await ran(with_key(keyed, "unlock_end"), "unlock", "--end", begun.json["act"]["id"], "--reason", "over")
    assert (end.code, end.out.splitlines()[0].partition(": ")[2]) == (0, "ended"), end.err


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "TAGLOCK_API: ''"),
        ({"TAGLOCK_API": "http://example.com"}, "TAGLOCK_API: 'http://example.com'"),
        ({"TAGLOCK_API": "https://x.azurewebsites.net"}, "exactly one of TAGLOCK_API_SCOPE and TAGLOCK_API_KEY"),
        (
            {"TAGLOCK_API": "https://x.azurewebsites.net", "TAGLOCK_API_SCOPE": "a", "TAGLOCK_API_KEY": "b"},
            "exactly one of TAGLOCK_API_SCOPE and TAGLOCK_API_KEY",
        ),
    ],
    ids=["nothing", "no https", "no sign-in", "two sign-ins"],
)
async def test_an_environment_that_cannot_be_used_is_told(environment: dict[str, str], said: str) -> None:
    found = await ran(environment, "accept", "contoso.azurecr.io/prod/api:1", "sha256:" + "0" * 64, "--reason", "x")
    assert found.code == 2
    assert said in found.err


async def test_what_the_app_cannot_understand_ends_with_2_and_its_path(keyed: Keyed) -> None:
    for arguments in (("a:b", "--reason", "x"), (keyed.image(":1.0.0"),), ("--reason", "x")):
        found = await ran(with_key(keyed, "hold"), "hold", *arguments)
        assert found.code == 2, arguments
        assert "$" in found.err


async def test_an_app_that_does_not_answer_and_a_wrong_key_are_told(keyed: Keyed) -> None:
    nobody = {"TAGLOCK_API": "http://127.0.0.1:1", "TAGLOCK_API_KEY": "secret-key"}
    unreachable = await ran(nobody, "lift", "00000000-0000-0000-0000-000000000000", "--reason", "x")
    assert unreachable.code == 1
    assert "http://127.0.0.1:1/api/quarantine/" in unreachable.err
    wrong = await ran({**nobody, "TAGLOCK_API": keyed.endpoint}, "lift", "0", "--reason", "x")
    assert wrong.code == 1
    assert "the key is wrong" in wrong.err
    assert "secret-key" not in unreachable.err + unreachable.out + wrong.err + wrong.out
