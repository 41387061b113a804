import gzip
import io
import json
import tarfile

from demo.images import (
    EMPTY,
    INDEX,
    Blob,
    Entry,
    Manifest,
    Platform,
    artifact,
    attestation,
    digest_of,
    image,
    index,
    layer,
)
from demo.releases import Releases, RootLayers, releases
from demo.root_files import FileEntry

FILES = (FileEntry(path="etc/os-release", content=b"ID=test\n"), FileEntry(path="bin/sh", link="busybox"))
AMD64 = Platform(architecture="amd64")


def small_releases() -> Releases:
    own, other = layer(FILES), layer((*FILES, FileEntry(path="etc/other", content=b"x")))
    return releases(RootLayers(own=own, other=other, sources=("test", "test")))


def small_image(content: bytes = b"1") -> Manifest:
    return image(layer((FileEntry(path="etc/version", content=content),)), platform=AMD64)


def test_the_same_files_give_the_same_bytes() -> None:
    assert layer(FILES) == layer(FILES)
    assert small_releases() == small_releases()


def test_other_files_give_another_digest() -> None:
    assert small_image(b"1").digest != small_image(b"2").digest


def test_a_layer_holds_its_files_and_links_owned_by_root_without_times() -> None:
    packed = layer(FILES)
    plain = gzip.decompress(packed.content)
    assert packed.diff_id == digest_of(plain)
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        members = archive.getmembers()
        assert [(member.name, member.linkname, member.uid, member.mtime) for member in members] == [
            ("etc/os-release", "", 0, 0),
            ("bin/sh", "busybox", 0, 0),
        ]
        content = archive.extractfile("etc/os-release")
        assert content is not None
        assert content.read() == b"ID=test\n"


def test_an_image_names_its_configuration_and_layers_by_digest_and_size() -> None:
    document = json.loads(small_image().content)
    named = [document["config"], *document["layers"]]
    assert [(each["digest"], each["size"]) for each in named] == [
        (digest_of(blob.content), len(blob.content)) for blob in small_image().blobs
    ]


def test_a_closure_is_children_first_and_each_manifest_once() -> None:
    child, other = small_image(b"1"), small_image(b"2")
    inner = index(Entry(manifest=child, platform=AMD64), Entry(manifest=other, platform=AMD64))
    root = index(Entry(manifest=inner), Entry(manifest=child))
    assert root.closure() == (child, other, inner, root)


def test_the_index_of_two_platforms_carries_an_attestation_per_image_as_buildkit_writes_it() -> None:
    first, first_attestation, second, second_attestation = json.loads(small_releases().two_platforms.manifest.content)[
        "manifests"
    ]
    assert {first["platform"]["architecture"], second["platform"]["architecture"]} == {"amd64", "arm64"}
    for built, attesting in ((first, first_attestation), (second, second_attestation)):
        assert attesting["platform"] == {"architecture": "unknown", "os": "unknown"}
        assert attesting["annotations"] == {
            "vnd.docker.reference.digest": built["digest"],
            "vnd.docker.reference.type": "attestation-manifest",
        }


def test_an_attestation_is_an_in_toto_statement_about_the_image() -> None:
    about = small_image()
    statement_layer = attestation(about, builder="https://example.com").manifest.blobs[1]
    statement = json.loads(statement_layer.content)
    assert statement_layer.media_type == "application/vnd.in-toto+json"
    assert f"sha256:{statement['subject'][0]['digest']['sha256']}" == about.digest


def test_the_nested_index_names_indexes_without_platform() -> None:
    children = json.loads(small_releases().nested.manifest.content)["manifests"]
    assert [(child["mediaType"], "platform" in child) for child in children] == [(INDEX, False), (INDEX, False)]


def test_an_artifact_names_its_subject_and_has_an_empty_configuration() -> None:
    about = small_image()
    signature = artifact(
        artifact_type="application/vnd.example.signature",
        content=Blob(media_type="text/plain", content=b"signed"),
        subject=about,
    )
    document = json.loads(signature.content)
    assert document["subject"] == about.descriptor()
    assert document["config"]["mediaType"] == EMPTY
    assert document["artifactType"] == "application/vnd.example.signature"


def test_latest_is_the_same_image_as_the_release_and_later_another_one() -> None:
    built = small_releases()
    assert built.latest.manifest == built.plain.manifest
    assert built.next_latest.manifest != built.latest.manifest
