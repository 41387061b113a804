"""OCI layouts on disk: what skopeo, umoci and other clients read and write.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from demo.images import INDEX, Manifest, digest_of, encoded

REFERENCE_NAME = "org.opencontainers.image.ref.name"


def write_layout(folder: Path, images: Mapping[str, Manifest]) -> None:
    """Write the images into a new layout, each under its name (a tag)."""
    (folder / "blobs" / "sha256").mkdir(parents=True)
    for manifest in images.values():
        for content in contents(manifest):
            blob_path(folder, digest_of(content)).write_bytes(content)
    entries = [each.descriptor(annotations={REFERENCE_NAME: name}) for name, each in images.items()]
    (folder / "oci-layout").write_bytes(encoded({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(encoded({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))


def contents(manifest: Manifest) -> Iterator[bytes]:
    """Yield the bytes of a whole closure: blobs and manifests."""
    for each in manifest.closure():
        yield from (blob.content for blob in each.blobs)
        yield each.content


def blob_path(folder: Path, digest: str) -> Path:
    """Return where a layout keeps the content of a digest."""
    algorithm, _, value = digest.partition(":")
    return folder / "blobs" / algorithm / value
