"""The attributes a pushed manifest gets: its size, its platform, its references."""

from localcloud.registry.blobs import Blobs
from localcloud.registry.content import IMAGE_CONFIGS, Manifest, platform_of
from localcloud.registry.records import ManifestRecord, RepositoryRecord


def described(manifest: Manifest, repository: RepositoryRecord, blobs: Blobs, now: int) -> ManifestRecord:
    """Return the record of a manifest that is new in a repository."""
    config = manifest.config if not manifest.is_index else None
    image = config is not None and config.media_type in IMAGE_CONFIGS
    body = blobs.find(repository.name, config.digest) if config is not None and image else None
    architecture, system = platform_of(body) if body is not None else (None, None)
    return ManifestRecord(
        digest=manifest.digest,
        media_type=manifest.media_type,
        created=now,
        updated=now,
        image_size=_image_size(manifest, repository),
        content=manifest.body,
        architecture=architecture,
        os=system,
        config_media_type=config.media_type if config is not None else None,
        references=manifest.references,
        subject=manifest.subject,
    )


def missing_content(manifest: Manifest, repository: RepositoryRecord | None, name: str, blobs: Blobs) -> list[str]:
    """Return the digests of the blobs and children that a repository lacks."""
    absent = [blob.digest for blob in manifest.blobs if not blobs.has(name, blob.digest)]
    held = repository.manifests if repository is not None else ()
    return absent + [child.digest for child in manifest.children if child.digest not in held]


def _image_size(manifest: Manifest, repository: RepositoryRecord) -> int:
    if manifest.is_index:
        found = [repository.manifests.get(child.digest) for child in manifest.children]
        return sum(child.image_size for child in found if child is not None)
    if manifest.config is None or manifest.config.media_type not in IMAGE_CONFIGS:
        return 0  # recorded for uploaded artifacts
    return manifest.config.size + sum(layer.size for layer in manifest.layers)
