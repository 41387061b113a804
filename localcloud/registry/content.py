"""Manifests read from their bytes, as far as the registry has to understand them."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from localcloud.registry.records import Reference
from localcloud.registry.refusals import manifest_invalid

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE_CONFIGS = ("application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json")
INDEXES = (DOCKER_INDEX, OCI_INDEX)
MANIFESTS = (DOCKER_MANIFEST, OCI_MANIFEST, *INDEXES)

_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}", re.ASCII)


class Platform(msgspec.Struct):
    """The platform of a child, as far as the attributes show it."""

    architecture: str | None = None
    os: str | None = None


class Descriptor(msgspec.Struct, rename="camel"):
    """A pointer to content."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    urls: list[str] | None = None


class _Document(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str | None = None
    artifact_type: str | None = None
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None


class _Config(msgspec.Struct):
    architecture: str | None = None
    os: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A parsed manifest with its exact bytes."""

    digest: str
    body: bytes
    media_type: str
    artifact_type: str | None
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    children: tuple[Descriptor, ...]
    subject: str | None
    annotations: Mapping[str, str] | None

    @property
    def is_index(self) -> bool:
        """Whether this is an index (its children are manifests)."""
        return self.media_type in INDEXES

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The config and the layers that the registry itself must hold."""
        own = (*((self.config,) if self.config else ()), *self.layers)
        return tuple(blob for blob in own if not blob.urls)

    @property
    def references(self) -> tuple[Reference, ...] | None:
        """The children as the attributes show them; None for what is no index."""
        if not self.is_index:
            return None
        return tuple(
            Reference(
                digest=child.digest,
                architecture=child.platform.architecture if child.platform else None,
                os=child.platform.os if child.platform else None,
            )
            for child in self.children
        )


def digest_of(body: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of content."""
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def parse_manifest(body: bytes, content_type: str, digest: str | None = None) -> Manifest:
    """Parse a manifest or raise the refusal MANIFEST_INVALID; the digest is the one it was pushed by, if any."""
    try:
        document = msgspec.json.decode(body, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise manifest_invalid(f"manifest invalid: {error}") from error
    media_type = _media_type(document, content_type)
    for each in _descriptors(document):
        if not _DIGEST.fullmatch(each.digest):
            raise manifest_invalid(f"manifest invalid: digest {each.digest!r} of a descriptor")
    return Manifest(
        digest=digest or digest_of(body),
        body=body,
        media_type=media_type,
        artifact_type=document.artifact_type,
        config=document.config,
        layers=tuple(document.layers or ()),
        children=tuple(document.manifests or ()),
        subject=document.subject.digest if document.subject else None,
        annotations=document.annotations,
    )


def platform_of(config: bytes) -> tuple[str | None, str | None]:
    """Return architecture and os from an image's config; None for what it does not say."""
    try:
        parsed = msgspec.json.decode(config, type=_Config)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, None
    return parsed.architecture, parsed.os


def _media_type(document: _Document, content_type: str) -> str:
    sent = content_type.partition(";")[0].strip()
    media_type = document.media_type or sent
    if document.schema_version != 2:
        raise manifest_invalid(f"manifest invalid: schemaVersion is {document.schema_version!r}, expected 2")
    if sent and sent != media_type:
        raise manifest_invalid(f"manifest invalid: mediaType is {media_type!r}, Content-Type {sent!r}")
    if media_type not in MANIFESTS:
        raise manifest_invalid(f"manifest invalid: media type {media_type!r} is not supported")
    if media_type not in INDEXES and document.config is None:
        raise manifest_invalid("manifest invalid: config is missing")
    return media_type


def _descriptors(document: _Document) -> tuple[Descriptor, ...]:
    single = tuple(each for each in (document.config, document.subject) if each is not None)
    return (*single, *(document.layers or ()), *(document.manifests or ()))
