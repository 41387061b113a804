"""A manifest's own bytes, verified against its digest, and the list of its referrers.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md and image-index.md.
"""

import hashlib

import msgspec

from taglock.adapters.acr_answer import untrusted
from taglock.adapters.acr_call import Call
from taglock.adapters.acr_wire import decoded, expect, parsed_digest
from taglock.adapters.http_answer import Answer, media_type
from taglock.domain.reference import Digest
from taglock.domain.state import ManifestContent, Reference

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
ACCEPTED_MANIFESTS = ", ".join(
    (
        OCI_INDEX,
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.artifact.manifest.v1+json",
    )
)
"""Without the OCI types the registry answers 404 for an OCI manifest (https://github.com/Azure/acr/pull/764)."""


class WirePlatform(msgspec.Struct):
    """`platform` of a descriptor."""

    os: str | None = None


class WireDescriptor(msgspec.Struct, rename="camel"):
    """A pointer to content by digest."""

    digest: str
    media_type: str | None = None
    platform: WirePlatform | None = None


class WireConfig(msgspec.Struct, rename="camel"):
    """`config` of an image manifest; only its media type matters here."""

    media_type: str | None = None


class WireContent(msgspec.Struct, rename="camel"):
    """A manifest or an index: the fields that decide what belongs to its closure."""

    media_type: str | None = None
    artifact_type: str | None = None
    config: WireConfig | None = None
    manifests: list[WireDescriptor] | None = None
    subject: WireDescriptor | None = None


class WireReferrers(msgspec.Struct):
    """One page of referrers, itself an index."""

    manifests: list[WireDescriptor]


_content_decoder = msgspec.json.Decoder(WireContent)
_referrers_decoder = msgspec.json.Decoder(WireReferrers)


def manifest_content(call: Call, answer: Answer, asked: Digest) -> ManifestContent:
    """Verify the bytes against the digest, then read the parts that locking needs."""
    algorithm = asked.partition(":")[0]
    expect(call, "digest of the content", f"{algorithm}:{hashlib.new(algorithm, answer.body).hexdigest()}", asked)
    wire = decoded(_content_decoder, call, answer)
    return ManifestContent(
        digest=asked,
        media_type=_kind(call, answer, wire),
        artifact_type=wire.artifact_type or (wire.config and wire.config.media_type) or "",
        references=_children(call, wire.manifests or []),
        subject=parsed_digest(call, wire.subject.digest, "$.subject.digest") if wire.subject else None,
    )


def referrer_digests(call: Call, answer: Answer) -> list[Digest]:
    """Return the digests of one page of referrers."""
    wire = decoded(_referrers_decoder, call, answer)
    return [
        parsed_digest(call, item.digest, f"$.manifests[{index}].digest") for index, item in enumerate(wire.manifests)
    ]


def _kind(call: Call, answer: Answer, wire: WireContent) -> str:
    """Return the media type; the header, which the digest does not cover, must not contradict the content."""
    header = media_type(answer)
    if wire.media_type and header not in (wire.media_type.lower(), "application/json"):
        raise untrusted(call, f"content type {header!r}, expected the manifest's own {wire.media_type[:120]!r}")
    return wire.media_type or header


def _children(call: Call, wire: list[WireDescriptor]) -> tuple[Reference, ...]:
    return tuple(
        Reference(
            digest=parsed_digest(call, child.digest, f"$.manifests[{index}].digest"),
            media_type=child.media_type,
            has_platform=bool(child.platform and child.platform.os),
        )
        for index, child in enumerate(wire)
    )
