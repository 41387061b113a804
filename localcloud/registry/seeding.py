"""Filling a store without pushing: single images, indexes, recorded objects, or a million tags. No events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from localcloud.registry import synthetic
from localcloud.registry.content import OCI_INDEX, OCI_MANIFEST, digest_of, parse_manifest
from localcloud.registry.flags import OPEN, Flags
from localcloud.registry.records import ManifestRecord, Reference, TagRecord
from localcloud.registry.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from localcloud.registry.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """Many images: numbers from `first`, one second apart, each with its tags.

    `tag` is a format with the tag's number; with `children` each tagged manifest is an index of that many images.
    """

    images: int
    first: int = 0
    tags_per_image: int = 1
    tag: str = "v{}"
    children: int = 0
    flags: Flags = OPEN


def seed_image(store: "Store", repository: str, number: int, tags: Iterable[str] = ()) -> str:
    """Put one small image with all its blobs, as if it had been pushed, and return its digest."""
    return seed_manifest(store, repository, _image(store, repository, number, synthetic.PLATFORM), tags)


def seed_index(store: "Store", repository: str, platforms: Mapping[str, int], tags: Iterable[str] = ()) -> str:
    """Put an index of one image per platform ("linux/amd64": its number) and return the index's digest."""
    references = []
    for platform, number in platforms.items():
        system, _, architecture = platform.partition("/")
        digest = seed_manifest(store, repository, _image(store, repository, number, platform))
        references.append(Reference(digest=digest, architecture=architecture, os=system))
    return seed_manifest(store, repository, synthetic.index(references), tags)


def seed_manifest(store: "Store", repository: str, body: bytes, tags: Iterable[str] = ()) -> str:
    """Put any manifest (its bytes name its mediaType) under tags and return its digest; nothing is checked."""
    manifest = parse_manifest(body, "")
    store.place(repository, None, manifest)
    for tag in tags:
        store.place(repository, tag, manifest)
    return manifest.digest


def seed_record(store: "Store", repository: str, manifest: ManifestRecord, tags: Iterable[TagRecord] = ()) -> None:
    """Put a manifest with exactly these attributes, and tags that hold it."""
    target = store.repository_or_new(repository)
    target.manifests.put(manifest.digest, manifest)
    for tag in tags:
        target.tags.put(tag.name, replace(tag, digest=manifest.digest))
        manifest.add_tag(tag.name)


def seed_bulk(store: "Store", repository: str, bulk: Bulk) -> None:
    """Put many images without blobs: their manifests can be read, their layers not."""
    target = store.repository_or_new(repository)
    start = store.now() - bulk.images * TICKS_PER_SECOND
    tagged: list[ManifestRecord] = []
    target.manifests.put_many((each.digest, each) for each in _bulk_manifests(bulk, start, tagged))
    target.tags.put_many((each.name, each) for each in _bulk_tags(bulk, tagged))


def _bulk_manifests(bulk: Bulk, start: int, tagged: list[ManifestRecord]) -> Iterator[ManifestRecord]:
    for position in range(bulk.images):
        at = start + position * TICKS_PER_SECOND
        number = bulk.first + position
        if not bulk.children:
            record = _bulk_image(number, at, bulk.flags)
        else:
            numbers = range(number * bulk.children, (number + 1) * bulk.children)
            images = [_bulk_image(each, at, bulk.flags) for each in numbers]
            yield from images
            record = _bulk_index(images, at, bulk.flags)
        tagged.append(record)
        yield record


def _bulk_image(number: int, at: int, flags: Flags) -> ManifestRecord:
    return ManifestRecord(
        digest=digest_of(synthetic.image(number)),
        media_type=OCI_MANIFEST,
        created=at,
        updated=at,
        image_size=synthetic.image_size(),
        content=number,
        architecture="amd64",
        os="linux",
        config_media_type=synthetic.CONFIG_TYPE,
        flags=flags,
    )


def _bulk_index(images: Sequence[ManifestRecord], at: int, flags: Flags) -> ManifestRecord:
    references = tuple(Reference(digest=each.digest, architecture="amd64", os="linux") for each in images)
    return ManifestRecord(
        digest=digest_of(synthetic.index(references)),
        media_type=OCI_INDEX,
        created=at,
        updated=at,
        image_size=sum(each.image_size for each in images),
        content=synthetic.INDEX_FROM_REFERENCES,
        flags=flags,
        references=references,
    )


def _bulk_tags(bulk: Bulk, tagged: Sequence[ManifestRecord]) -> Iterator[TagRecord]:
    number = bulk.first * bulk.tags_per_image
    for record in tagged:
        for _ in range(bulk.tags_per_image):
            name = bulk.tag.format(number)
            record.add_tag(name)
            at = record.updated
            yield TagRecord(name=name, digest=record.digest, created=at, updated=at, flags=bulk.flags)
            number += 1


def _image(store: "Store", repository: str, number: int, platform: str) -> bytes:
    store.blobs.put(repository, synthetic.config(number, platform))
    store.blobs.put(repository, synthetic.layer())
    return synthetic.image(number, platform)
