"""The Python client of the OCI registry-as-storage project, unmodified, over HTTPS."""

import asyncio
from pathlib import Path

import oras.client
import pytest

from localcloud.registry.server import Registry
from localcloud.tls import Authority
from tests.localcloud.registry.caller import ADMIN, Caller


@pytest.fixture
def client(
    caller: Caller, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> oras.client.OrasClient:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca_file(tmp_path / "authority.pem")))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    made = oras.client.OrasClient(hostname=caller.service, auth_backend="basic")
    made.auth.set_basic_auth(*ADMIN)
    return made


@pytest.mark.parametrize("backend", ["basic", "token"])
async def test_artifact_comes_back_byte_for_byte(
    client: oras.client.OrasClient, caller: Caller, registry: Registry, tmp_path: Path, backend: str
) -> None:
    if backend == "token":
        client = oras.client.OrasClient(hostname=caller.service, auth_backend="token")
        # This client keeps its first token, which a look at a blob limits to pull: it must be given a wider one.
        client.auth.set_token_auth(await caller.token("owner", "repository:prod/report:pull,push"))
    (tmp_path / "report.txt").write_text("all is well")
    target = f"{caller.service}/prod/report:v1"
    pushed = await asyncio.to_thread(client.push, target=target, files=["report.txt"])
    assert pushed.status_code == 201
    await asyncio.to_thread(client.pull, target=target, outdir=str(tmp_path / "back"))
    assert (tmp_path / "back/report.txt").read_text() == "all is well"
    assert registry.store.tag("prod/report", "v1").digest == pushed.headers["Docker-Content-Digest"]
    taken = [each for each in registry.traffic.remembered if each.status < 400]
    schemes = {each.authorization for each in taken if each.required.endswith("pull,push")}
    assert schemes == {"Bearer" if backend == "token" else "Basic"}
