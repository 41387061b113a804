import platform
import sys
from pathlib import Path

import pytest

from demo.images import Platform, image, layer
from demo.root_files import (
    busybox_place,
    is_static,
    machine_architecture,
    machine_root_files,
    other_architecture,
    portable_root_files,
)


def test_the_two_architectures_differ() -> None:
    assert machine_architecture() != other_architecture()


def test_this_machine_is_named_as_image_platforms_spell_it() -> None:
    if platform.machine() in {"x86_64", "aarch64"}:
        assert machine_architecture() in {"amd64", "arm64"}


def test_busybox_makes_a_root_file_system_with_its_commands_as_links() -> None:
    place = busybox_place()
    if place is None:
        pytest.skip("busybox-static is not installed")
    found = {entry.path: entry for entry in machine_root_files().files}
    assert found["bin/busybox"].content == place.read_bytes()
    assert found["bin/sh"].link == "busybox"


def test_the_portable_root_file_system_has_real_files_of_the_standard_library() -> None:
    found = {entry.path: entry.content for entry in portable_root_files().files}
    decoder = sys.modules["json.decoder"].__file__
    assert decoder is not None
    assert found["usr/lib/python3/json/decoder.py"] == Path(decoder).read_bytes()


def test_without_busybox_the_portable_root_file_system_serves_this_machine_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("demo.root_files.BUSYBOX_PLACES", (tmp_path / "busybox",))
    assert machine_root_files() == portable_root_files()
    assert "Python's standard library" in machine_root_files().source


def test_a_dynamically_linked_binary_is_not_taken_for_a_static_one() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux binaries are ELF files")
    assert not is_static(Path("/bin/ls").read_bytes())
    assert not is_static(b"#!/bin/sh\n")


def test_root_files_pack_into_the_same_layer_every_time() -> None:
    first, second = layer(portable_root_files().files), layer(portable_root_files().files)
    built = [image(each, platform=Platform(architecture="arm64")) for each in (first, second)]
    assert built[0].digest == built[1].digest
