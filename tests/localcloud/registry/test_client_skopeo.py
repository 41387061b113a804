"""skopeo, unmodified, copies images in and out over HTTPS."""

import asyncio
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from localcloud.registry.content import digest_of
from localcloud.registry.events import RegistryEvent
from localcloud.registry.records import Reference
from localcloud.registry.synthetic import config, image, index, layer
from localcloud.tls import Authority
from tests.localcloud.registry.caller import ADMIN, Caller

SKOPEO = shutil.which("skopeo")
pytestmark = pytest.mark.skipif(SKOPEO is None, reason="skopeo is not installed")
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
PLATFORMS = {"linux/amd64": 11, "linux/arm64": 12}


class Skopeo:
    """Runs skopeo against one registry, which it trusts by the authority's certificate alone."""

    def __init__(self, caller: Caller, folder: Path, authority: Authority) -> None:
        self.registry = f"docker://{caller.service}"
        self._certificates = folder / "certificates"
        self._certificates.mkdir()
        authority.ca_file(self._certificates / "authority.crt")

    async def copy(self, source: str, target: str, *more: str) -> None:
        side = "dest" if target.startswith("docker://") else "src"
        options = (f"--{side}-cert-dir={self._certificates}", f"--{side}-creds={':'.join(ADMIN)}")
        await self.run("copy", *options, *more, source, target)

    async def run(self, *arguments: str) -> str:
        assert SKOPEO is not None
        process = await asyncio.create_subprocess_exec(
            *(SKOPEO, "--insecure-policy", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()

    async def ask(self, command: str, *arguments: str) -> str:
        options = (f"--cert-dir={self._certificates}", f"--creds={':'.join(ADMIN)}")
        return await self.run(command, *options, *arguments)


class Layout:
    """An OCI layout on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, body: bytes) -> str:
        (self.folder / "blobs/sha256" / hashlib.sha256(body).hexdigest()).write_bytes(body)
        return digest_of(body)

    def root(self, body: bytes, media_type: str) -> None:
        entry = {"mediaType": media_type, "digest": self.blob(body), "size": len(body)}
        entry["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))

    def contents(self) -> dict[str, bytes]:
        return contents(self.folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "blobs/sha256").iterdir()}


@pytest.fixture
def skopeo(caller: Caller, tmp_path: Path, authority: Authority) -> Skopeo:
    return Skopeo(caller, tmp_path, authority)


@pytest.fixture
def plain(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "plain")
    for body in (config(11), layer()):
        layout.blob(body)
    layout.root(image(11), OCI)
    return layout


@pytest.fixture
def multi(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "multi")
    layout.blob(layer())
    references = []
    for platform, number in PLATFORMS.items():
        layout.blob(config(number, platform))
        system, _, architecture = platform.partition("/")
        digest = layout.blob(image(number, platform))
        references.append(Reference(digest=digest, architecture=architecture, os=system))
    layout.root(index(references), OCI_INDEX)
    return layout


async def test_image_comes_back_byte_for_byte(
    skopeo: Skopeo, plain: Layout, tmp_path: Path, events: list[RegistryEvent]
) -> None:
    await skopeo.copy(f"oci:{plain.folder}:v1", f"{skopeo.registry}/prod/api:v1")
    await skopeo.copy(f"{skopeo.registry}/prod/api:v1", f"oci:{tmp_path}/back:v1")
    assert contents(tmp_path / "back") == plain.contents()
    assert [(each.tag, each.digest) for each in events] == [("v1", digest_of(image(11)))]
    assert "containers/image" in events[0].user_agent or "skopeo" in events[0].user_agent


async def test_index_comes_back_byte_for_byte_with_all_children(
    skopeo: Skopeo, multi: Layout, tmp_path: Path, events: list[RegistryEvent]
) -> None:
    await skopeo.copy(f"oci:{multi.folder}:v1", f"{skopeo.registry}/prod/api:v1", "--all")
    await skopeo.copy(f"{skopeo.registry}/prod/api:v1", f"oci:{tmp_path}/back:v1", "--all")
    assert contents(tmp_path / "back") == multi.contents()
    assert [each.tag for each in events] == [None, None, "v1"]


async def test_blobs_are_mounted_from_another_repository(skopeo: Skopeo, plain: Layout, caller: Caller) -> None:
    await skopeo.copy(f"oci:{plain.folder}:v1", f"{skopeo.registry}/prod/api:v1")
    await skopeo.copy(f"oci:{plain.folder}:v1", f"{skopeo.registry}/prod/other:v2")
    got = await caller.ask("GET", "/acr/v1/prod%2Fother/_tags/v2")
    assert got.json["tag"]["digest"] == digest_of(image(11))


async def test_tags_are_listed_and_images_inspected_and_deleted(skopeo: Skopeo, plain: Layout, caller: Caller) -> None:
    await skopeo.copy(f"oci:{plain.folder}:v1", f"{skopeo.registry}/prod/api:v1")
    listed = json.loads(await skopeo.ask("list-tags", f"{skopeo.registry}/prod/api"))
    assert listed["Tags"] == ["v1"]
    shown = json.loads(await skopeo.ask("inspect", f"{skopeo.registry}/prod/api:v1"))
    assert (shown["Digest"], shown["Architecture"]) == (digest_of(image(11)), "amd64")
    await skopeo.ask("delete", f"{skopeo.registry}/prod/api:v1")
    assert (await caller.ask("GET", "/acr/v1/prod%2Fapi/_tags/v1")).status == 404


async def test_push_to_a_locked_tag_fails_with_the_registrys_words(
    skopeo: Skopeo, plain: Layout, multi: Layout, caller: Caller
) -> None:
    await skopeo.copy(f"oci:{plain.folder}:v1", f"{skopeo.registry}/prod/api:v1")
    await caller.ask("PATCH", "/acr/v1/prod%2Fapi/_tags/v1", {"writeEnabled": False})
    with pytest.raises(AssertionError, match="The operation is disallowed on this registry"):
        await skopeo.copy(f"oci:{multi.folder}:v1", f"{skopeo.registry}/prod/api:v1", "--all")
    got = await caller.ask("GET", "/acr/v1/prod%2Fapi/_tags/v1")
    assert got.json["tag"]["digest"] == digest_of(image(11))
