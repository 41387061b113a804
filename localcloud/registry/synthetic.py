"""Images made from a number: real bytes with true digests that need not be kept, since they can be made again."""

import gzip
import io
import tarfile
from collections.abc import Sequence
from functools import cache

import msgspec

from localcloud.registry.content import OCI_INDEX, OCI_MANIFEST, digest_of
from localcloud.registry.records import ManifestRecord, Reference

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEX_FROM_REFERENCES = -1
"""The `content` of a seeded index: its bytes follow from its references."""
PLATFORM = "linux/amd64"
_MANIFEST = (
    '{{"schemaVersion":2,"mediaType":"{media_type}","config":{{"mediaType":"{config_type}","digest":"{config}",'
    '"size":{config_size}}},"layers":[{{"mediaType":"{layer_type}","digest":"{layer}","size":{layer_size}}}]}}'
)


@cache
def layer() -> bytes:
    """Return the one layer that all these images share: an empty archive."""
    archive = io.BytesIO()
    tarfile.open(fileobj=archive, mode="w").close()
    return gzip.compress(archive.getvalue(), mtime=0)


def config(number: int, platform: str = PLATFORM) -> bytes:
    """Return the config of image `number`; all configs of a platform have the same length."""
    system, _, architecture = platform.partition("/")
    return (
        f'{{"architecture":"{architecture}","os":"{system}","config":{{"Labels":{{"number":"{number:012d}"}}}},'
        f'"rootfs":{{"type":"layers","diff_ids":["{_diff_id()}"]}}}}'
    ).encode()


def image(number: int, platform: str = PLATFORM) -> bytes:
    """Return the manifest of image `number`."""
    body = config(number, platform)
    return _MANIFEST.format(
        media_type=OCI_MANIFEST,
        config_type=CONFIG_TYPE,
        config=digest_of(body),
        config_size=len(body),
        layer_type=LAYER_TYPE,
        layer=_layer_digest(),
        layer_size=len(layer()),
    ).encode()


def index(references: Sequence[Reference]) -> bytes:
    """Return an index of such images."""
    size = len(image(0))
    children = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": each.digest,
            "size": size,
            "platform": {"architecture": each.architecture, "os": each.os},
        }
        for each in references
    ]
    return msgspec.json.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children})


def image_size() -> int:
    """Return the bytes of config and layer of any of these images."""
    return len(config(0)) + len(layer())


def content(manifest: ManifestRecord) -> bytes | None:
    """Return the bytes of a manifest that was made from a number."""
    if manifest.content == INDEX_FROM_REFERENCES:
        return index(manifest.references or ())
    if not isinstance(manifest.content, int):
        return manifest.content
    return image(manifest.content, f"{manifest.os}/{manifest.architecture}")


@cache
def _layer_digest() -> str:
    return digest_of(layer())


@cache
def _diff_id() -> str:
    return digest_of(gzip.decompress(layer()))
