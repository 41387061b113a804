"""OCI images, indexes, attestations and artifacts as values; the same files always give the same bytes.

Source: https://github.com/opencontainers/image-spec/tree/v1.1.1 (manifest.md, image-index.md, config.md) and, for the
attestation child, https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from demo.root_files import FileEntry

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
PROVENANCE = "https://slsa.dev/provenance/v1"
CREATED = "1970-01-01T00:00:00Z"
"""The time in every configuration: a build's clock would change the digest."""

type Json = Mapping[str, object]


def digest_of(content: bytes) -> str:
    """Return the sha256 digest of some bytes as registries spell it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def encoded(document: Json) -> bytes:
    """Return a JSON document's bytes: compact, keys in the order given."""
    return json.dumps(document, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Content that a manifest names; `diff_id` is the digest before compression when it is a layer."""

    media_type: str
    content: bytes
    diff_id: str = ""

    def descriptor(self, **more: object) -> dict[str, object]:
        """Return the descriptor by which a manifest names this content."""
        return described(self.media_type, self.content, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest or index, with the content and the child manifests that must be in the registry before it."""

    media_type: str
    content: bytes
    blobs: tuple[Blob, ...] = ()
    children: tuple["Manifest", ...] = ()

    @property
    def digest(self) -> str:
        """The digest of the manifest's bytes."""
        return digest_of(self.content)

    @property
    def kind(self) -> str:
        """What people call it: `index`, `attestation` or `image`."""
        if self.media_type == INDEX:
            return "index"
        return "attestation" if any(blob.media_type == IN_TOTO for blob in self.blobs) else "image"

    def descriptor(self, **more: object) -> dict[str, object]:
        """Return the descriptor by which an index or a `subject` names this manifest."""
        return described(self.media_type, self.content, **more)

    def closure(self) -> tuple["Manifest", ...]:
        """Return this manifest and all it reaches, children first, each once."""
        found = {each.digest: each for child in self.children for each in child.closure()}
        return (*found.values(), self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """An operating system and an architecture."""

    architecture: str
    os: str = "linux"

    def document(self) -> dict[str, object]:
        """Return the platform as an index spells it."""
        return {"architecture": self.architecture, "os": self.os}


UNKNOWN_PLATFORM = Platform(architecture="unknown", os="unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One child of an index, as the index names it."""

    manifest: Manifest
    platform: Platform | None = None
    annotations: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, object]:
        """Return the descriptor that stands in the index."""
        platform = {"platform": self.platform.document()} if self.platform else {}
        annotations = {"annotations": dict(self.annotations)} if self.annotations else {}
        return self.manifest.descriptor(**annotations, **platform)


def described(media_type: str, content: bytes, **more: object) -> dict[str, object]:
    """Return a descriptor for some bytes."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def layer(files: Iterable[FileEntry]) -> Blob:
    """Return a layer with these files, owned by root, without times."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for entry in files:
            tar.addfile(*tar_member(entry))
    plain = archive.getvalue()
    return Blob(media_type=LAYER, content=gzip.compress(plain, mtime=0), diff_id=digest_of(plain))


def tar_member(entry: FileEntry) -> tuple[tarfile.TarInfo, io.BytesIO]:
    """Return a file as a tar archive takes it."""
    member = tarfile.TarInfo(entry.path)
    member.mode = 0o777 if entry.link else entry.mode
    member.type = tarfile.SYMTYPE if entry.link else tarfile.REGTYPE
    member.linkname = entry.link
    member.size = len(entry.content)
    return member, io.BytesIO(entry.content)


def image(*layers: Blob, platform: Platform) -> Manifest:
    """Return a plain image of these layers for one platform."""
    document = {
        "created": CREATED,
        **platform.document(),
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in layers]},
        "history": [{"created": CREATED, "created_by": "taglock demo"} for _ in layers],
    }
    return manifest_of(Blob(media_type=CONFIG, content=encoded(document)), layers)


def manifest_of(config: Blob, layers: tuple[Blob, ...], **more: object) -> Manifest:
    """Return a manifest that names a configuration and layers."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        **more,
        "config": config.descriptor(),
        "layers": [each.descriptor(**layer_annotations(each)) for each in layers],
    }
    return Manifest(media_type=MANIFEST, content=encoded(document), blobs=(config, *layers))


def layer_annotations(content: Blob) -> dict[str, object]:
    """Return what BuildKit writes beside an attestation's layer; nothing beside others."""
    return {"annotations": {"in-toto.io/predicate-type": PROVENANCE}} if content.media_type == IN_TOTO else {}


def index(*entries: Entry) -> Manifest:
    """Return an index over these entries."""
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry.document() for entry in entries]}
    return Manifest(media_type=INDEX, content=encoded(document), children=tuple(entry.manifest for entry in entries))


def attestation(about: Manifest, *, builder: str) -> Entry:
    """Return the index entry of a provenance statement about an image, as BuildKit stores it."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "taglock-demo", "digest": {"sha256": about.digest.removeprefix("sha256:")}}],
        "predicateType": PROVENANCE,
        "predicate": {"buildDefinition": {"buildType": builder}, "runDetails": {"builder": {"id": builder}}},
    }
    content = encoded(statement)
    layers = (Blob(media_type=IN_TOTO, content=content, diff_id=digest_of(content)),)
    document = {
        **UNKNOWN_PLATFORM.document(),
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layers[0].diff_id]},
    }
    return Entry(
        manifest=manifest_of(Blob(media_type=CONFIG, content=encoded(document)), layers),
        platform=UNKNOWN_PLATFORM,
        annotations=(
            ("vnd.docker.reference.digest", about.digest),
            ("vnd.docker.reference.type", "attestation-manifest"),
        ),
    )


def artifact(*, artifact_type: str, content: Blob, subject: Manifest | None = None) -> Manifest:
    """Return an artifact (a signature, an SBOM) with an empty configuration, about `subject` when there is one."""
    about = manifest_of(Blob(media_type=EMPTY, content=b"{}"), (content,), artifactType=artifact_type)
    if subject is None:
        return about
    document = {**json.loads(about.content), "subject": subject.descriptor()}
    return Manifest(media_type=MANIFEST, content=encoded(document), blobs=about.blobs)
