import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from demo.images import digest_of
from demo.layout import blob_path, write_layout
from demo.releases import Releases

SKOPEO = shutil.which("skopeo")
UMOCI = shutil.which("umoci")


@pytest.fixture(scope="module")
def layout(built: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "layout"
    named = {"plain": built.plain, "platforms": built.two_platforms, "nested": built.nested}
    write_layout(folder, {name: release.manifest for name, release in named.items()})
    return folder


def run(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_every_file_of_a_layout_is_named_by_the_digest_of_its_content(layout: Path) -> None:
    files = list((layout / "blobs" / "sha256").iterdir())
    assert files
    assert all(digest_of(each.read_bytes()) == f"sha256:{each.name}" for each in files)


def test_a_layout_holds_all_that_its_manifests_name(layout: Path) -> None:
    pending = [each["digest"] for each in json.loads((layout / "index.json").read_bytes())["manifests"]]
    while pending:
        content = blob_path(layout, pending.pop()).read_bytes()
        document = json.loads(content)
        pending.extend(child["digest"] for child in document.get("manifests", ()))
        for blob in (*document.get("layers", ()), *([document["config"]] if "config" in document else ())):
            assert blob_path(layout, blob["digest"]).stat().st_size == blob["size"]


@pytest.mark.skipif(SKOPEO is None, reason="skopeo is not installed")
@pytest.mark.parametrize("name", ["plain", "platforms"])
def test_skopeo_reads_the_layout_and_copies_it_byte_for_byte(layout: Path, tmp_path: Path, name: str) -> None:
    run("skopeo", "copy", "--quiet", "--all", f"oci:{layout}:{name}", f"oci:{tmp_path / 'copy'}:{name}")
    copied = list((tmp_path / "copy" / "blobs" / "sha256").iterdir())
    assert copied
    assert all(each.read_bytes() == blob_path(layout, f"sha256:{each.name}").read_bytes() for each in copied)
    assert run("skopeo", "inspect", "--raw", f"oci:{tmp_path / 'copy'}:{name}") == run(
        "skopeo", "inspect", "--raw", f"oci:{layout}:{name}"
    )


@pytest.mark.skipif(SKOPEO is None, reason="skopeo is not installed")
def test_skopeo_reads_the_raw_nested_index(layout: Path, built: Releases) -> None:
    assert run("skopeo", "inspect", "--raw", f"oci:{layout}:nested") == built.nested.manifest.content


@pytest.mark.skipif(UMOCI is None, reason="umoci is not installed")
def test_umoci_unpacks_the_plain_image_into_a_root_file_system_that_runs(layout: Path, tmp_path: Path) -> None:
    rootless = ["--rootless"] if os.geteuid() else []
    run("umoci", "unpack", *rootless, "--image", f"{layout}:plain", tmp_path / "bundle")
    root = tmp_path / "bundle" / "rootfs"
    assert (root / "etc" / "version").read_text() == "api 1.4.2\n"
    if (root / "bin" / "busybox").is_file():
        assert run(root / "bin" / "busybox", "echo", "it runs") == b"it runs\n"
