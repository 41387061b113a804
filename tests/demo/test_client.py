import asyncio
import dataclasses
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.attack import LOCKED, OTHER_BYTES, attacks, refusal_of
from demo.client import Login, RegistryClient, Request, UnexpectedAnswer
from demo.images import digest_of
from demo.layout import blob_path, write_layout
from demo.observed import FREE, IMMUTABLE, UNDELETABLE, Lock, Switches, differences, observe
from demo.releases import Release, Releases

SKOPEO = shutil.which("skopeo")
needs_skopeo = pytest.mark.skipif(SKOPEO is None, reason="skopeo is not installed")


async def ask[T](call: Callable[[], T]) -> T:
    """Run a blocking call while the registry serves in this loop."""
    return await asyncio.to_thread(call)


async def run(*command: str | Path) -> bytes:
    return (await ask(lambda: subprocess.run(command, check=True, capture_output=True))).stdout


def push(login: Login, *wanted: Release) -> RegistryClient:
    client = RegistryClient(login)
    for release in wanted:
        client.push(release.repository, release.tag, release.manifest)
    return client


def update(client: RegistryClient, target: str, switches: Switches) -> None:
    """Lock the way an operator's script does."""
    repository, path = target.rsplit("@", 1) if "@" in target else target.rsplit(":", 1)
    path = f"_manifests/{path}" if "@" in target else f"_tags/{path}"
    body = {"deleteEnabled": switches.delete, "writeEnabled": switches.write}
    request = Request(
        method="PATCH",
        api="acr/v1",
        repository=repository,
        path=path,
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert client.ask(request).status == 200


async def test_every_shape_that_is_pushed_pulls_byte_for_byte(login: Login, built: Releases) -> None:
    def check() -> None:
        client = push(login, *built.first())
        for release in built.first():
            assert client.pull_manifest(release.repository, release.tag) == release.manifest.content
            for manifest in release.manifest.closure():
                assert client.pull_manifest(release.repository, manifest.digest) == manifest.content
                for blob in manifest.blobs:
                    assert client.pull_blob(release.repository, digest_of(blob.content)) == blob.content

    await ask(check)


async def test_what_was_just_pushed_is_free(login: Login, built: Releases) -> None:
    def check() -> None:
        client = push(login, built.nested)
        seen = observe(client, built.nested)
        assert [each.kind for each in seen[:3]] == ["tag", "index", "index"]
        assert len(seen) == 1 + len(built.nested.manifest.closure())
        assert differences(seen, Lock(tag=FREE, manifests=FREE)) == []

    await ask(check)


async def test_a_lock_that_an_operator_sets_is_observed(login: Login, built: Releases) -> None:
    def check() -> None:
        client = push(login, built.plain)
        update(client, built.plain.name, IMMUTABLE)
        update(client, f"{built.plain.repository}@{built.plain.manifest.digest}", UNDELETABLE)
        assert differences(observe(client, built.plain), Lock(tag=IMMUTABLE, manifests=UNDELETABLE)) == []

    await ask(check)


async def test_every_attack_on_a_locked_closure_is_refused(login: Login, built: Releases) -> None:
    def check() -> None:
        release = built.two_platforms
        client = push(login, release)
        for each in observe(client, release):
            update(client, each.target, IMMUTABLE if each.kind == "tag" else UNDELETABLE)
        answers = {
            (attempt.what, attack.target): refusal_of(attempt.send())
            for attack in attacks(client, release, built.intruder)
            for attempt in attack.attempts
        }
        assert len(answers) == 2 * (1 + len(release.manifest.closure()))
        assert answers["overwrite", release.name] in LOCKED
        assert set(answers.values()) <= OTHER_BYTES

    await ask(check)


async def test_an_attack_on_a_free_tag_succeeds_and_so_would_be_noticed(login: Login, built: Releases) -> None:
    def check() -> None:
        client = push(login, built.plain)
        on_tag, *_ = attacks(client, built.plain, built.intruder)
        assert refusal_of(on_tag.attempts[0].send()) == "201"
        assert client.pull_manifest(built.plain.repository, built.plain.tag) == built.intruder.content

    await ask(check)


async def test_a_wrong_password_is_told_with_the_registrys_answer(login: Login, built: Releases) -> None:
    stranger = dataclasses.replace(login, password="wrong")
    with pytest.raises(UnexpectedAnswer, match="expected 200"):
        await ask(lambda: push(stranger, built.plain))


@needs_skopeo
@pytest.mark.parametrize("name", ["plain", "platforms"])
async def test_skopeo_pushes_the_layout_and_pulls_it_back_byte_for_byte(
    login: Login, built: Releases, tmp_path: Path, name: str
) -> None:
    manifest = {"plain": built.plain, "platforms": built.two_platforms}[name].manifest
    write_layout(tmp_path / "layout", {name: manifest})
    image = f"docker://{login.name}/prod/skopeo:{name}"
    access = (login.ca_file.parent, f"{login.username}:{login.password}")
    copy = ("skopeo", "copy", "--quiet", "--all", "--preserve-digests")
    there = ("--dest-cert-dir", access[0], "--dest-creds", access[1], f"oci:{tmp_path / 'layout'}:{name}", image)
    back = ("--src-cert-dir", access[0], "--src-creds", access[1], image, f"oci:{tmp_path / 'back'}:{name}")
    await run(*copy, *there)
    await run(*copy, *back)
    client = RegistryClient(login)
    assert await ask(lambda: client.pull_manifest("prod/skopeo", name)) == manifest.content
    pulled = {each.name: each.read_bytes() for each in (tmp_path / "back" / "blobs" / "sha256").iterdir()}
    pushed = {each.name: each.read_bytes() for each in blob_path(tmp_path / "layout", "sha256:").iterdir()}
    assert pulled == pushed
