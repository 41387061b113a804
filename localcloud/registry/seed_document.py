"""The JSON form of a seed, for the control API and for files."""

from typing import TYPE_CHECKING

import msgspec

from localcloud.registry import seeding
from localcloud.registry.flags import Flags

if TYPE_CHECKING:
    from localcloud.registry.store import Store


class InvalidSeed(ValueError):
    """A seed document is wrong; the text names the field and what is expected."""


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class _Flags(_Strict, rename="camel"):
    delete_enabled: bool = True
    write_enabled: bool = True
    read_enabled: bool = True
    list_enabled: bool = True

    def flags(self) -> Flags:
        return Flags(
            delete=self.delete_enabled, write=self.write_enabled, read=self.read_enabled, list=self.list_enabled
        )


class _Image(_Strict):
    number: int
    tags: list[str] = []


class _Index(_Strict):
    platforms: dict[str, int]
    tags: list[str] = []


class _Bulk(_Strict):
    images: int
    first: int = 0
    tags_per_image: int = 1
    tag: str = "v{}"
    children: int = 0
    flags: _Flags | None = None

    def bulk(self) -> seeding.Bulk:
        return seeding.Bulk(
            images=self.images,
            first=self.first,
            tags_per_image=self.tags_per_image,
            tag=self.tag,
            children=self.children,
            flags=self.flags.flags() if self.flags else Flags(),
        )


class _Repository(_Strict):
    name: str
    flags: _Flags | None = None
    images: list[_Image] = []
    indexes: list[_Index] = []
    bulk: list[_Bulk] = []


class _Seed(_Strict):
    repositories: list[_Repository]


def seed(store: "Store", document: object) -> dict[str, int]:
    """Fill the store from a document and return how much it then holds, or raise InvalidSeed naming the field.

    `{"repositories": [{"name", "flags"?, "images"?: [{"number", "tags"?}], "indexes"?: [{"platforms":
    {"linux/amd64": number}, "tags"?}], "bulk"?: [{"images", "first"?, "tags_per_image"?, "tag"?, "children"?,
    "flags"?}]}]}`. Flags are `deleteEnabled` and so on; what is not named is true.
    """
    try:
        parsed = msgspec.convert(document, _Seed)
    except msgspec.ValidationError as error:
        raise InvalidSeed(f"seed is wrong: {error}") from error
    for repository in parsed.repositories:
        _seed_repository(store, repository)
    kept = list(store.repositories.records())
    return {
        "repositories": len(kept),
        "manifests": sum(len(each.manifests) for each in kept),
        "tags": sum(len(each.tags) for each in kept),
    }


def _seed_repository(store: "Store", wanted: _Repository) -> None:
    for image in wanted.images:
        seeding.seed_image(store, wanted.name, image.number, image.tags)
    for index in wanted.indexes:
        seeding.seed_index(store, wanted.name, index.platforms, index.tags)
    for bulk in wanted.bulk:
        seeding.seed_bulk(store, wanted.name, bulk.bulk())
    if wanted.flags is not None:
        store.repository_or_new(wanted.name).flags = wanted.flags.flags()
