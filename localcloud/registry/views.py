"""The JSON the registry shows: key orders and omissions as recorded."""

from localcloud.registry.content import DOCKER_INDEX
from localcloud.registry.options import RegistryOptions
from localcloud.registry.records import ManifestRecord, Reference, RepositoryRecord, TagRecord
from localcloud.registry.times import text_of


def tag_json(tag: TagRecord) -> dict[str, object]:
    """Return a tag as it stands in lists and inside its own answer."""
    return {
        "name": tag.name,
        "digest": tag.digest,
        "createdTime": text_of(tag.created),
        "lastUpdateTime": text_of(tag.updated),
        "signed": False,
        "changeableAttributes": tag.flags.as_json(),
    }


def manifest_json(
    repository: RepositoryRecord, manifest: ManifestRecord, options: RegistryOptions
) -> dict[str, object]:
    """Return a manifest as it stands in lists: without `references`."""
    shown: dict[str, object] = {
        "digest": manifest.digest,
        "imageSize": manifest.image_size,
        "createdTime": text_of(manifest.created),
        "lastUpdateTime": text_of(manifest.updated),
    }
    platform = {"architecture": manifest.architecture, "os": manifest.os}
    shown.update({key: value for key, value in platform.items() if value is not None})
    shown["mediaType"] = manifest.media_type
    if manifest.config_media_type is not None:
        shown["configMediaType"] = manifest.config_media_type
    if tags := _tags(repository, manifest, options):
        shown["tags"] = tags
    shown["changeableAttributes"] = {**manifest.flags.as_json(), **(manifest.quarantine or {})}
    return shown


def single_manifest_json(
    repository: RepositoryRecord, manifest: ManifestRecord, options: RegistryOptions
) -> dict[str, object]:
    """Return a manifest as its own answer shows it: an index with its `references`."""
    shown = manifest_json(repository, manifest, options)
    if manifest.references is not None and _shows_references(manifest, options):
        shown["references"] = [
            _reference_json(each)
            for each in manifest.references
            if options.index_references != "platforms_only" or each.architecture is not None
        ]
    return shown


def repository_json(registry: str, repository: RepositoryRecord) -> dict[str, object]:
    """Return a repository's own attributes; they are not wrapped."""
    manifests, tags = repository.manifest_count, repository.tag_count
    return {
        "registry": registry,
        "imageName": repository.name,
        "createdTime": text_of(repository.created),
        "lastUpdateTime": text_of(repository.updated),
        "manifestCount": len(repository.manifests) if manifests is None else manifests,
        "tagCount": len(repository.tags) if tags is None else tags,
        "changeableAttributes": {**repository.flags.as_json(), "teleportEnabled": False},
    }


def _tags(repository: RepositoryRecord, manifest: ManifestRecord, options: RegistryOptions) -> list[str]:
    if options.unlisted_tags_of_manifest == "shown":
        return manifest.tags()
    return [tag.name for tag in repository.tags_of(manifest) if tag.flags.list]


def _shows_references(manifest: ManifestRecord, options: RegistryOptions) -> bool:
    if options.index_references == "docker_only":
        return manifest.media_type == DOCKER_INDEX
    return options.index_references != "absent"


def _reference_json(reference: Reference) -> dict[str, str]:
    shown = {"digest": reference.digest}
    if reference.architecture is not None:
        shown["architecture"] = reference.architecture
    if reference.os is not None:
        shown["os"] = reference.os
    return shown
