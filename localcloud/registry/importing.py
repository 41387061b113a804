"""`az acr import`: a copy on the side of the registry, which goes past the tag's write lock when forced."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import uuid4

from localcloud.registry.content import Manifest, parse_manifest
from localcloud.registry.events import Origin
from localcloud.registry.records import ManifestRecord, RepositoryRecord
from localcloud.registry.refusals import Refusal, content_missing, disallowed

if TYPE_CHECKING:
    from localcloud.registry.store import Store


class Mode(StrEnum):
    """What an import does with a tag that exists."""

    KEEP = "keep"
    OVERWRITE = "overwrite"


KEEP = Mode.KEEP
OVERWRITE = Mode.OVERWRITE


@dataclass(frozen=True, slots=True)
class Import:
    """An image to import: where to, and which `repository:tag` or `repository@digest` of the same store."""

    repository: str
    tag: str
    source: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class DeferredImport:
    """Children of an imported index that arrive later."""

    source: str
    repository: str
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    repository: str
    tag: str | None = None


def import_image(store: "Store", request: Import) -> ManifestRecord:
    """Import an image; the tag's flags survive a forced move, as observed; children come last, as recorded.

    Raises the refusal of ARM, `Conflict`, for a tag that exists unless forced.
    """
    target = store.repositories.get(request.repository)
    if target is not None:
        _check(target, request)
    source, manifest = _source(store, request.source)
    record = _bring(store, source, manifest, _Place(request.repository, request.tag))
    deferred = DeferredImport(source.name, request.repository, _children(manifest))
    store.deferred_imports.append(deferred)
    if store.options.import_children == "at_once":
        settle(store)
    return record


def settle(store: "Store") -> int:
    """Bring all children that were deferred and return how many came."""
    waiting, store.deferred_imports = deque(store.deferred_imports), []
    brought = 0
    while waiting:
        each = waiting.popleft()
        source = store.repository(each.source)
        for digest in each.children:
            manifest = source.manifests.get(digest)
            if manifest is None:
                continue  # the source never had this child
            _bring(store, source, manifest, _Place(each.repository))
            waiting.append(DeferredImport(each.source, each.repository, _children(manifest)))
            brought += 1
    return brought


def _check(target: RepositoryRecord, request: Import) -> None:
    if not target.flags.write:
        raise disallowed()
    if request.mode is Mode.KEEP and request.tag in target.tags:
        raise Refusal(409, "Conflict", f"Tag {request.tag} already exists in target registry")


def _source(store: "Store", text: str) -> tuple[RepositoryRecord, ManifestRecord]:
    name, at, digest = text.partition("@")
    if not at:
        name, _, tag = text.partition(":")
        digest = store.tag(name, tag).digest
    return store.repository(name), store.manifest(name, digest)


def _parsed(store: "Store", manifest: ManifestRecord) -> Manifest:
    body = store.content(manifest)
    if body is None:
        raise content_missing([manifest.digest])
    return parse_manifest(body, manifest.media_type, manifest.digest)


def _children(manifest: ManifestRecord) -> tuple[str, ...]:
    return tuple(each.digest for each in manifest.references or ())


def _bring(store: "Store", source: RepositoryRecord, manifest: ManifestRecord, place: _Place) -> ManifestRecord:
    parsed = _parsed(store, manifest)
    for blob in parsed.blobs:
        store.blobs.mount(source.name, place.repository, blob.digest)
    record = store.place(place.repository, place.tag, parsed)
    if store.options.event_for_import and (place.tag is not None or store.options.event_for_digest_push):
        origin = Origin(request_id=str(uuid4()), host="", method="PUT", user_agent="")
        store.emit_push(place.repository, place.tag, record, origin)
    return record
